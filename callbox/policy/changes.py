"""What a new policy changes, path by path, and a policy in the form of the file that an operator edits."""

from collections.abc import Iterator
from typing import Any

import msgspec

from processors.state.policy import FusionPolicy


class PolicyChange(msgspec.Struct, frozen=True):
    """One value that changes.

    Attributes:
        path: Such as `windows.red.rolling_ms`, `rings[0].within_m`.
        old: The value before, or None if there was none.
        new: The value after, or None if there is none.
    """

    path: str
    old: str | None
    new: str | None

    def __str__(self) -> str:
        """The change as a line for people."""
        return f"{self.path}: {self.old or 'nothing'} -> {self.new or 'nothing'}"


def policy_changes(old: FusionPolicy, new: FusionPolicy) -> tuple[PolicyChange, ...]:
    """All changes, in the order of the policy's fields."""
    was, is_now = (dict(_values(msgspec.to_builtins(policy), "")) for policy in (old, new))
    paths = dict.fromkeys([*was, *is_now])
    return tuple(
        PolicyChange(path, was.get(path), is_now.get(path))
        for path in paths
        if was.get(path) != is_now.get(path)
    )


def as_toml(policy: FusionPolicy) -> str:
    """The policy as a file that `callbox policy apply` reads."""
    return "\n".join(_lines(msgspec.to_builtins(policy), ""))


def _values(value: Any, path: str) -> Iterator[tuple[str, str]]:
    """Paths and their values, in the notation that TOML and JSON share."""
    if isinstance(value, dict) and value:
        for name, inner in value.items():
            yield from _values(inner, f"{path}.{name}" if path else name)
    elif isinstance(value, list | tuple) and value:
        for number, inner in enumerate(value):
            yield from _values(inner, f"{path}[{number}]")
    else:
        yield path, _written(value)


def _lines(table: dict[str, Any], path: str) -> Iterator[str]:
    """The lines of a table: first its own values, then the tables inside it."""
    tables = {name: value for name, value in table.items() if _is_table(value)}
    for name, value in table.items():
        if name not in tables:
            yield f"{name} = {_written(value)}"
    for name, value in tables.items():
        inside = f"{path}.{name}" if path else name
        for inner in value if isinstance(value, list | tuple) else [value]:
            if not all(map(_is_table, inner.values())):  # else it is named by the tables inside it
                yield ""
                yield f"[[{inside}]]" if isinstance(value, list | tuple) else f"[{inside}]"
            yield from _lines(inner, inside)


def _is_table(value: Any) -> bool:
    is_list_of_tables = isinstance(value, list | tuple) and bool(value) and isinstance(value[0], dict)
    return isinstance(value, dict) or is_list_of_tables


def _written(value: Any) -> str:
    return msgspec.json.encode(value).decode()
