import sys
import unicodedata
import xml.etree.ElementTree as ET
from xml.sax.saxutils import escape

from hypothesis import given
from hypothesis import strategies as st

from schemas.ids import bounded_text
from schemas.printable import as_printable, is_printable

JOINERS = "\u200c\u200d"
HARMFUL = {"Cc", "Cf", "Cs", "Zl", "Zp"}


def test_no_character_that_acts_on_what_shows_it_is_printable() -> None:
    """Control, format, surrogates, separators of lines and what is no character, as this interpreter knows them."""
    missed = [
        f"U+{point:04X}"
        for point in range(sys.maxunicode + 1)
        if (
            unicodedata.category(chr(point)) in HARMFUL
            or point in range(0xFDD0, 0xFDF0)
            or point & 0xFFFF in {0xFFFE, 0xFFFF}
        )
        and chr(point) not in JOINERS
        and is_printable(chr(point))
    ]
    assert missed == []


def test_letters_of_every_script_are_printable() -> None:
    """Also private use, in which rare Chinese characters are written; but not tags, which have no width."""
    lost = [
        f"U+{point:04X}"
        for point in range(sys.maxunicode + 1)
        if unicodedata.category(chr(point))[0] in "LMNPS" or unicodedata.category(chr(point)) in {"Co", "Zs"}
        if point not in range(0xE0000, 0xE1000)
        if point & 0xFFFF not in {0xFFFE, 0xFFFF}
        if not is_printable(chr(point))
    ]
    assert lost == []
    assert is_printable(f"李 伟 \U00020000 \u0645\u06cc{JOINERS[0]}\u062e")


def test_a_line_end_becomes_a_space_and_other_control_the_replacement_character() -> None:
    assert as_printable("one\r\ntwo\x85three\u2028four\tfive") == "one  two three four five"
    assert as_printable("a\x00b\x1b[2J\u202ec") == "a\ufffdb\ufffd[2J\ufffdc"


@given(text=st.text(st.characters() | st.sampled_from("\ufffe\U0010ffff\ud800\x1b")))
def test_what_was_made_printable_is_as_long_as_before_and_stays_as_it_is(text: str) -> None:
    shown = as_printable(text)
    assert is_printable(shown)
    assert len(shown) == len(text)
    assert as_printable(shown) is shown
    assert (shown is text) is is_printable(text)
    ET.fromstring(f"<t>{escape(shown)}</t>")


@given(text=st.text(), length=st.integers(0, 20))
def test_a_bounded_text_is_printable_and_no_longer_than_that(text: str, length: int) -> None:
    bounded = bounded_text(text, length)
    assert is_printable(bounded)
    assert len(bounded) == min(len(text), length)
    assert bounded_text(bounded, length) is bounded
