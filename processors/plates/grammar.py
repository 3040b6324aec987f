"""The series of number plates as masks over one alphabet, which all readers share.

Mainland China, GA 36-2018:

    ordinary      province  letter  5 letters or digits              皖A·12B45
    marked        province  letter  4 letters or digits  mark        粤Z·1234港, 京A·1234警
    new energy    province  letter  letter  letter or digit  4 digits    (small vehicles)
                  province  letter  5 digits  letter                     (large vehicles)
    diplomatic    使 6 digits, or 6 digits 使

Serials contain neither I nor O. Two-row plates and military ones (WJ, 军) are not supported. `OPEN` is the grammar of
every series that is not described here: 4 to 9 Latin letters and digits.
"""

import unicodedata
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from schemas.errors import Cause, DecodeError

PROVINCES: Final = "京津沪渝冀豫云辽黑湘皖鲁新苏浙赣鄂桂甘晋蒙陕吉闽贵粤青藏川宁琼"
DIGITS: Final = "0123456789"
LATIN: Final = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
LETTERS: Final = "ABCDEFGHJKLMNPQRSTUVWXYZ"  # as LATIN without I and O
MARKS: Final = "学警挂港澳领"
DIPLOMATIC: Final = "使"
NEW_ENERGY_LETTERS: Final = "ABCDEFGHJK"  # A to E: electric only; F to K: with another engine too

ALPHABET: Final = DIGITS + LATIN + PROVINCES + MARKS + DIPLOMATIC
BLANK: Final = 0  # column of a lattice; column i + 1 is ALPHABET[i]
SEPARATORS: Final = "·.-_ •・‧‐–—"  # noqa: RUF001 - these dots and dashes are intended
"""Characters that are printed between the groups of a plate and carry no information."""

_WITHOUT_SEPARATORS: Final = str.maketrans("", "", SEPARATORS)

MAX_PLATE_CHARACTERS: Final = 16  # the longest vanity plates have 12 characters
MAX_RAW_CHARACTERS: Final = 64  # before separators are removed
OPEN_CHARACTERS: Final = range(4, 10)

Mask: TypeAlias = NDArray[np.float64]


class PlateSeries(StrEnum):
    """The series under whose grammar a text was read."""

    UNKNOWN = "unknown"
    ORDINARY = "ordinary"
    MARKED = "marked"
    NEW_ENERGY = "new_energy"
    DIPLOMATIC = "diplomatic"
    OPEN = "open"


@dataclass(frozen=True, slots=True)
class Grammar:
    """The K forms that a text may have, each with its own length.

    Attributes:
        series: (K,) the series of each form.
        allowed: (K, P, C) float64, 1 where a symbol is allowed at a position, else 0; positions past a form's length
            allow nothing. C is 1 + len(ALPHABET); the blank is never allowed, because it is no character.
        lengths: (K,) the number of characters of each form.
    """

    series: tuple[PlateSeries, ...]
    allowed: Mask
    lengths: tuple[int, ...]


def normalise_plate_text(raw: str) -> str:
    """Normalise a plate text to the form in which reads and hotlist entries are compared.

    Compatibility forms become plain ones (NFKC), letters become upper case, and the separators `· . - _ •` and spaces
    are removed. No character is replaced by a similar one: O stays O and I stays I.

    Args:
        raw: The text as a reader or an authority sends it.

    Returns:
        1 to 16 characters; normalising them again changes nothing.

    Raises:
        DecodeError: It holds a control or format character, nothing but separators, or more than 16 characters.
    """
    if len(raw) > MAX_RAW_CHARACTERS:
        raise DecodeError(
            f"the plate text has more than {MAX_RAW_CHARACTERS} characters", Cause.PLATE_TEXT_INVALID
        )
    # A printable text holds no such character, so most texts need no check of each character.
    if not raw.isprintable() and any(unicodedata.category(character).startswith("C") for character in raw):
        raise DecodeError("the plate text holds a control character", Cause.PLATE_TEXT_INVALID)
    text = raw
    # Removing a separator can bring a letter and its accent together, and upper case can undo NFKC.
    while (plain := _plain(text)) != text:
        text = plain
    if not text:
        raise DecodeError("the plate text is empty", Cause.PLATE_TEXT_INVALID)
    if len(text) > MAX_PLATE_CHARACTERS:
        raise DecodeError(
            f"the plate text has more than {MAX_PLATE_CHARACTERS} characters", Cause.PLATE_TEXT_INVALID
        )
    return text


def _plain(text: str) -> str:
    folded = unicodedata.normalize("NFKC", text).upper()
    if folded.isalnum():  # no separator is alphanumeric, so there is none to remove
        return folded
    return "".join(folded.translate(_WITHOUT_SEPARATORS).split())


def _grammar(forms: list[tuple[PlateSeries, list[str]]]) -> Grammar:
    longest = max(len(positions) for _, positions in forms)
    allowed = np.zeros((len(forms), longest, 1 + len(ALPHABET)))
    for form, (_, positions) in enumerate(forms):
        for position, symbols in enumerate(positions):
            allowed[form, position, [1 + ALPHABET.index(symbol) for symbol in symbols]] = 1
    return Grammar(
        series=tuple(series for series, _ in forms),
        allowed=allowed,
        lengths=tuple(len(positions) for _, positions in forms),
    )


_REGION: Final = [PROVINCES, LETTERS]
_SERIAL: Final = LETTERS + DIGITS

MAINLAND: Final = _grammar(
    [
        (PlateSeries.ORDINARY, _REGION + [_SERIAL] * 5),
        (PlateSeries.MARKED, [*_REGION, *[_SERIAL] * 4, MARKS]),
        (PlateSeries.NEW_ENERGY, [*_REGION, NEW_ENERGY_LETTERS, _SERIAL, *[DIGITS] * 4]),
        (PlateSeries.NEW_ENERGY, [*_REGION, *[DIGITS] * 5, NEW_ENERGY_LETTERS]),
        (PlateSeries.DIPLOMATIC, [DIPLOMATIC, *[DIGITS] * 6]),
        (PlateSeries.DIPLOMATIC, [*[DIGITS] * 6, DIPLOMATIC]),
    ]
)
OPEN: Final = _grammar([(PlateSeries.OPEN, [LATIN + DIGITS] * length) for length in OPEN_CHARACTERS])
