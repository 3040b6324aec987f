"""Values of an enumeration that a command takes."""

from enum import StrEnum

import click


def choice(kind: type[StrEnum], *but: StrEnum) -> "click.Choice[str]":
    """Every value, but not `UNKNOWN`, which is what an older reader sees of a newer one.

    Args:
        kind: The enumeration.
        but: Further values that are left out.
    """
    return click.Choice([member.value for member in kind if member.value != "UNKNOWN" and member not in but])
