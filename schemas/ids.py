"""Ids made from content, so that a repeat and a replay have the id of the original; and bounds for those of others."""

from hashlib import blake2b
from typing import Final

from schemas.printable import as_printable, is_printable

ID_LENGTH: Final = 128
"""Characters. Longer ids are shortened: the fold keeps ids, and no source may decide how much memory that takes."""

_KEPT: Final = 100  # characters that a shortened id keeps, so that people recognise it


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


def size_of(value: str) -> int:
    """The bytes of a text in UTF-8, as a snapshot has it: of some scripts three or four for each character."""
    return len(value) if value.isascii() else len(value.encode(errors="surrogatepass"))


def bounded_id(value: str) -> str:
    """The id itself, or a replacement that is equal for equal ids and differs for others.

    An id becomes a key, a cell of a table, a part of a file name and a text in XML. Control characters, line ends,
    escape sequences of terminals and marks that turn the direction of a text have no place in any of them.

    Returns:
        The id where it has at most ID_LENGTH characters, all printable. Otherwise its first 100 characters as they can
        be printed, a `~`, and the fingerprint of the whole.
    """
    if len(value) <= ID_LENGTH and is_printable(value):
        return value
    return f"{as_printable(value[:_KEPT])}~{fingerprint(value)}"


def bounded_text(value: str, length: int) -> str:
    """A text for people: itself where it is printable and has at most so many characters, else cut to them."""
    return value if len(value) <= length and is_printable(value) else as_printable(value[:length])
