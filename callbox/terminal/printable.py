"""What the commands print: nothing of unknown origin reaches a terminal as more than text.

Names, ids and notes come from devices, gateways and other people. A terminal acts on control characters and escape
sequences, and a mark that turns the direction of a text makes one id look like another. So every command prints
through this module; `tests/contract/test_tidy.py` looks that none goes past it.
"""

import unicodedata
from typing import Any

import click
import msgspec

from schemas.printable import as_printable


def echo(text: str = "", *, err: bool = False) -> None:
    """Print lines; what is not printable in them is replaced.

    Args:
        text: One line or several. A name that may hold a line end must have gone through `printable` before.
        err: Whether it goes to stderr.
    """
    click.echo(printable_lines(text), err=err)


def echo_json(value: Any, *, indent: bool = False) -> None:
    """Print a value as JSON: on one line, or indented for people."""
    encoded = msgspec.json.encode(value)
    click.echo(json_text(msgspec.json.format(encoded) if indent else encoded))


def json_text(encoded: bytes) -> str:
    """JSON in which every character that is not printable is escaped; who parses it gets what was encoded.

    JSON itself escapes no more than U+0000 to U+001F. A terminal also acts on U+007F to U+009F and on the marks that
    turn the direction of a text.

    Args:
        encoded: JSON; its line ends, which cannot stand within a string, are kept.
    """
    return "\n".join(
        line if line.isprintable() else "".join(map(_escaped, line)) for line in encoded.decode().split("\n")
    )


def printable(text: str) -> str:
    """`schemas.printable.as_printable`, held to more than what other texts are.

    Joiners and what this interpreter's Unicode does not know are U+FFFD as well, and every space is a plain one.
    """
    return text if text.isprintable() else "".join(map(_shown, as_printable(text)))


def printable_lines(text: str) -> str:
    """`printable` of each line."""
    return "\n".join(map(printable, text.split("\n")))


def _shown(character: str) -> str:
    if character.isprintable():
        return character
    return " " if unicodedata.category(character) == "Zs" else "\N{REPLACEMENT CHARACTER}"


def _escaped(character: str) -> str:
    r"""The character, or `\uXXXX`, in two surrogates above U+FFFF."""
    if character.isprintable():
        return character
    units = character.encode("utf-16-be")
    return "".join(f"\\u{units[i : i + 2].hex()}" for i in range(0, len(units), 2))
