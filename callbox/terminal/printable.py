"""Make text of unknown origin safe to print on a terminal."""


def printable(text: str) -> str:
    """Replace everything that is not printable: a device's name may contain control characters of terminals."""
    return "".join(
        character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in text
    )
