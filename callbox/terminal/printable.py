"""Text from elsewhere on a terminal."""


def printable(text: str) -> str:
    """A device can call itself what it likes: nothing that moves a terminal's cursor gets through."""
    return "".join(
        character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in text
    )
