"""Values that more than one command takes."""

import re
from enum import StrEnum

import click

_REPLICA = re.compile("[A-Za-z0-9-]{1,16}")


def replica_name(_context: click.Context, _parameter: click.Parameter, value: str) -> str:
    """The callback of `--replica`: it becomes a part of a group's name."""
    if value and not _REPLICA.fullmatch(value):
        raise click.BadParameter(f"{value!r}, allowed are 1 to 16 letters, digits or '-'")
    return value


def choice(kind: type[StrEnum], *but: StrEnum) -> "click.Choice[str]":
    """Every value, but not `UNKNOWN`, which is what an older reader sees of a newer one.

    Args:
        kind: The enumeration.
        but: Further values that are left out.
    """
    return click.Choice([member.value for member in kind if member.value != "UNKNOWN" and member not in but])
