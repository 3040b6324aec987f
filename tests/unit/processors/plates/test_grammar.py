import numpy as np
import pytest

from processors.plates.grammar import (
    ALPHABET,
    BLANK,
    MAINLAND,
    OPEN,
    Grammar,
    PlateSeries,
    normalise_plate_text,
)
from schemas.errors import Cause, DecodeError


def series_of(text: str, grammar: Grammar = MAINLAND) -> set[PlateSeries]:
    """Every series that allows a text."""
    return {
        grammar.series[form]
        for form, length in enumerate(grammar.lengths)
        if length == len(text)
        and all(grammar.allowed[form, at, 1 + ALPHABET.index(symbol)] for at, symbol in enumerate(text))
    }


@pytest.mark.parametrize(
    ("text", "series"),
    [
        ("皖A12345", PlateSeries.ORDINARY),
        ("京PL3N67", PlateSeries.ORDINARY),
        ("粤Z1234港", PlateSeries.MARKED),
        ("粤ZAB12澳", PlateSeries.MARKED),
        ("京A1234警", PlateSeries.MARKED),
        ("沪A123B学", PlateSeries.MARKED),
        ("粤AD12345", PlateSeries.NEW_ENERGY),
        ("粤AFZ2345", PlateSeries.NEW_ENERGY),
        ("粤A12345D", PlateSeries.NEW_ENERGY),
        ("使014578", PlateSeries.DIPLOMATIC),
        ("224578使", PlateSeries.DIPLOMATIC),
    ],
)
def test_a_plate_of_each_series_is_allowed(text: str, series: PlateSeries) -> None:
    assert series_of(text) == {series}


@pytest.mark.parametrize(
    "text",
    [
        "皖A1234O",  # no O in a serial
        "皖AI2345",  # no I
        "A皖12345",  # province first
        "皖112345",  # then a letter
        "皖A1234",  # too short
        "皖A123456",  # eight characters are a new-energy plate, which has a letter
        "皖AZ12345",  # and only ten letters are allowed there
        "皖AD1234Z",  # and only one at a position that also allows a digit
        "皖A警1234",  # a mark is the last character
    ],
)
def test_a_text_that_is_no_mainland_plate_is_in_no_series(text: str) -> None:
    assert series_of(text) == set()


@pytest.mark.parametrize("text", ["B123", "KA01AB12", "OO0II11QQ"])
def test_the_open_grammar_takes_four_to_nine_latin_characters(text: str) -> None:
    assert series_of(text, OPEN) == {PlateSeries.OPEN}


def test_the_blank_is_no_character_and_no_symbol_is_allowed_past_the_end() -> None:
    for grammar in (MAINLAND, OPEN):
        assert not grammar.allowed[:, :, BLANK].any()
        for form, length in enumerate(grammar.lengths):
            assert grammar.allowed[form, :length].any(axis=1).all()
            assert not grammar.allowed[form, length:].any()


def test_no_symbol_comes_twice() -> None:
    assert len(set(ALPHABET)) == len(ALPHABET)
    assert np.isin(MAINLAND.allowed, [0, 1]).all()


@pytest.mark.parametrize(
    ("raw", "plain"),
    [
        ("皖A·12345", "皖A12345"),
        (" ka-01 ab.1234 ", "KA01AB1234"),
        ("\uff21\uff22\uff23\uff11\uff12\uff13", "ABC123"),  # full width
        ("皖A•123_45", "皖A12345"),
        ("m-üd 7", "MÜD7"),
    ],
)
def test_separators_width_and_case_do_not_matter(raw: str, plain: str) -> None:
    assert normalise_plate_text(raw) == plain


@pytest.mark.parametrize(
    "pair", [("O123", "0123"), ("I234", "1234"), ("8AB", "BAB"), ("2A", "ZA"), ("5A", "SA")]
)
def test_no_character_is_ever_taken_for_another(pair: tuple[str, str]) -> None:
    assert normalise_plate_text(pair[0]) != normalise_plate_text(pair[1])


@pytest.mark.parametrize(
    "raw",
    [
        "",
        " ·-. ",
        "AB\x00123",
        "AB\n123",
        "AB\u200b123",  # zero width: two texts that look the same must not differ
        "AB\u202e123",
        "\ud800",
        "A" * 17,
        "A" + "-" * 100_000,
    ],
)
def test_a_text_that_cannot_be_a_plate_is_refused_without_quoting_it(raw: str) -> None:
    with pytest.raises(DecodeError) as refused:
        normalise_plate_text(raw)
    assert refused.value.cause is Cause.PLATE_TEXT_INVALID
    assert not raw.strip() or raw not in str(refused.value)
