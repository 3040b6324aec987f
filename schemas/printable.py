"""Text of unknown origin, without what would act on the terminal, page or document that shows it."""

import unicodedata


def printable(text: str) -> str:
    """Replace each character that is not printable by U+FFFD, and each other space by a plain one.

    Control characters, line ends, the escape sequences of terminals, marks that turn the direction of a text and
    characters of no width are not printable (`str.isprintable`). The length stays the same.
    """
    return text if text.isprintable() else "".join(map(_shown, text))


def _shown(character: str) -> str:
    if character.isprintable():
        return character
    return " " if unicodedata.category(character) == "Zs" else "\N{REPLACEMENT CHARACTER}"
