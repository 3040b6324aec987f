"""Text that people have typed, fit for alerts: control characters reach no alert, no XML and no terminal.

What breaks a line becomes a space, any other control or format character U+FFFD. A joiner stays: words of several
scripts are written with it. Of an id nothing is replaced, so that two ids never become one
(`schemas.ids.bounded_id`).
"""

import unicodedata
from typing import Final

_JOINERS: Final = frozenset("\u200c\u200d")

_HARMFUL: Final = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
"""Unicode categories: control, format (such as a change of direction), surrogate, separator of lines."""

_NONCHARACTERS: Final = range(0xFDD0, 0xFDF0)

_LAST_TWO: Final = frozenset({0xFFFE, 0xFFFF})
"""The last two code points of each plane are no characters either; XML takes neither."""


def clean_text(text: str) -> str:
    """The text without control characters, as long as before."""
    return text if text.isprintable() else "".join(map(_clean, text))


def _clean(character: str) -> str:
    if character.isspace() and unicodedata.category(character) != "Zs":
        return " "
    is_harmful = unicodedata.category(character) in _HARMFUL or _is_noncharacter(ord(character))
    return "\N{REPLACEMENT CHARACTER}" if is_harmful and character not in _JOINERS else character


def _is_noncharacter(point: int) -> bool:
    return point in _NONCHARACTERS or point & 0xFFFF in _LAST_TWO
