"""Ids made from content, so that a repeat and a replay have the id of the original; and bounds for those of others."""

import re
from hashlib import blake2b
from typing import Final

ID_LENGTH: Final = 128
"""Characters. Longer ids are shortened: the fold keeps ids, and no source may decide how much memory that takes."""

_KEPT: Final = 100  # characters that a shortened id keeps, so that people recognise it

_UNPRINTABLE: Final = re.compile(
    "[\x00-\x1f\x7f-\x9f\xad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ud800-\udfff\ufeff\ufff0-\ufffb\ufffe\uffff"
    "\U000e0000-\U000e0fff]"
)
"""Control characters, marks that change the direction of text, what has no width, and what XML 1.0 does not allow. The
list is ours: `str.isprintable` follows the Unicode version of the interpreter, and every replica must decide alike.
Joiners stay: words of several scripts are written with them."""


_BREAK: Final = re.compile("[\t-\r\x85\u2028\u2029]")


def fingerprint(*parts: str | int) -> str:
    """Make an id from identifying values.

    Each value is hashed with its length, so that ("ab", "c") and ("a", "bc") differ.

    Args:
        parts: Identifying values, in a fixed order.

    Returns:
        26 characters, lower-case hexadecimal (104 bits of BLAKE2b): at a billion ids the chance that any two
        collide is below 1e-13.
    """
    content = bytearray()
    for part in parts:
        value = str(part).encode(errors="surrogatepass")
        content += len(value).to_bytes(4, "big")
        content += value
    return blake2b(content, digest_size=13).hexdigest()


def is_printable(value: str) -> bool:
    """Whether a text holds nothing that a terminal, a page or XML would take for anything but text."""
    if value.isascii():  # of ASCII every interpreter says the same
        return value.isprintable()
    return _UNPRINTABLE.search(value) is None


def bounded_id(value: str) -> str:
    """The id itself, or a replacement that is equal for equal ids and differs for others.

    An id becomes a key, a cell of a table, a part of a file name and a text in XML. Control characters, line ends,
    escape sequences of terminals and marks that turn the direction of a text have no place in any of them.

    Returns:
        The id where it has at most ID_LENGTH characters, all printable. Otherwise the printable ones among its first
        100, a `~`, and the fingerprint of the whole.
    """
    if len(value) <= ID_LENGTH and is_printable(value):
        return value
    return f"{_UNPRINTABLE.sub('', value[:_KEPT])}~{fingerprint(value)}"


def bounded_text(value: str, length: int) -> str:
    """A text for people, cut to so many characters: what breaks a line is a space, other control is left out."""
    if len(value) <= length and is_printable(value):
        return value
    return _UNPRINTABLE.sub("", _BREAK.sub(" ", value[:length]))
