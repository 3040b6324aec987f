"""Ids made from content, so that a repeat and a replay have the id of the original."""

from hashlib import blake2b
from typing import Final

ID_LENGTH: Final = 128
"""Characters of an id or a name that somebody outside gives: no source may decide how much memory keeping it takes."""

_KEPT: Final = 100  # characters that a replaced id keeps, so that people recognise it


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
        value = str(part).encode()
        content += len(value).to_bytes(4, "big")
        content += value
    return blake2b(content, digest_size=13).hexdigest()


def bounded_id(value: str) -> str:
    """The id itself, or a replacement that is equal for equal ids and differs for others.

    An id becomes a key, a cell of a table, a part of a file name and a text in XML. Control characters, line ends,
    escape sequences of terminals and marks that turn the direction of a text have no place in any of them.

    Returns:
        The id where it has at most ID_LENGTH characters, all printable (`str.isprintable`). Otherwise the printable
        ones among its first 100, a `~`, and the fingerprint of the whole.
    """
    if len(value) <= ID_LENGTH and value.isprintable():
        return value
    kept = "".join(character for character in value[:_KEPT] if character.isprintable())
    return f"{kept}~{fingerprint(value)}"
