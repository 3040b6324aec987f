"""The documents as tests read them: which there are, their tables, their code, and the commands that they name."""

import re
from pathlib import Path

import click

from callbox.cli import cli
from tests.support.paths import ROOT

_PLACES = (*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "deploy").rglob("*.md"))
DOCUMENTS = sorted(_PLACES)
"""All pages of the repository."""


def text_of(document: Path) -> str:
    return document.read_text("utf-8")


def blocks(text: str) -> list[tuple[str, str]]:
    """Language and content of each fenced block."""
    return re.findall(r"^```(\w*)\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


def code(text: str) -> list[str]:
    """Everything that stands as code: inline, and each line of a fenced block."""
    without_blocks = re.sub(r"^```.*?^```$", "", text, flags=re.MULTILINE | re.DOTALL)
    lines = [line.strip() for _, content in blocks(text) for line in content.splitlines()]
    return re.findall(r"`([^`\n]+)`", without_blocks) + lines


def rows(text: str, heading: str = "") -> list[list[str]]:
    """The cells of every table row, below a heading if one is given."""
    if heading:
        text = re.split(r"^#+ ", text.split(f"{heading}\n", 1)[1], maxsplit=1, flags=re.MULTILINE)[0]
    return [
        [cell.strip() for cell in line.strip().strip("|").split("|")]
        for line in text.splitlines()
        if line.startswith("|") and not set(line) <= set("|-: ")
    ]


def names(cell: str) -> set[str]:
    return set(re.findall(r"`([^`]+)`", cell))


def slug(heading: str) -> str:
    """The anchor that a heading gets."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-")


def assert_command(line: str) -> None:
    command: click.Command = cli
    options = is_flag_by_option(command)
    words = line.split()
    with click.Context(cli) as context:
        while words:
            word = words.pop(0)
            if word.startswith("--"):
                assert word in options, line
                if not options[word]:
                    assert words, line
                    words.pop(0)
            elif isinstance(command, click.Group) and re.fullmatch("[a-z]+", word):
                found = command.get_command(context, word)
                assert found is not None, line
                command, options = found, is_flag_by_option(found)


def is_flag_by_option(command: click.Command) -> dict[str, bool]:
    return {"--help": True} | {
        name: option.is_flag
        for option in command.params
        if isinstance(option, click.Option)
        for name in (*option.opts, *option.secondary_opts)
    }
