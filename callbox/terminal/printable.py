"""Make text and JSON of unknown origin safe to print on a terminal."""

from typing import Any

import msgspec

from schemas.printable import printable

__all__ = ["json_line", "printable"]


def json_line(value: Any) -> str:
    """One line of JSON in which every character that is not printable is escaped; a reader gets what was encoded.

    JSON itself escapes no more than U+0000 to U+001F: a terminal also acts on U+007F to U+009F and on the marks that
    turn the direction of a text.

    Args:
        value: Whatever msgspec can encode.
    """
    text = msgspec.json.encode(value).decode()
    if text.isprintable():
        return text
    return "".join(character if character.isprintable() else _escaped(character) for character in text)


def _escaped(character: str) -> str:
    r"""`\uXXXX`, in two surrogates above U+FFFF: what is not printable stands within a string of the JSON."""
    units = character.encode("utf-16-be")
    return "".join(f"\\u{units[i : i + 2].hex()}" for i in range(0, len(units), 2))
