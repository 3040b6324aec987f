"""Strict reading of the files that people write: a file with an unknown key or a wrong type is refused as a whole.

    text ──parse_toml──► table ──convert_strict──► record

The error names the file, the line (syntax) or the path inside it (content), the value found and the values allowed.
"""

import re
import tomllib
from collections.abc import Mapping
from enum import Enum
from typing import Any, Final, TypeVar

import msgspec
from msgspec import inspect

from schemas.errors import FileRefused

T = TypeVar("T")

_PLACE: Final = re.compile(r"(?P<what>.*?)(?: - at `\$(?P<path>.*)`)?", re.DOTALL)
_STEP: Final = re.compile(r"\.([^.\[]+)|\[(\d+|\.\.\.)\]")
_FIELD: Final = re.compile(
    r"Object (?P<trouble>contains unknown|missing required) field `(?P<field>.*)`", re.DOTALL
)
_LONGEST_QUOTE: Final = 60  # characters of a wrong value: enough to find it, and short enough for one line

_ARRAYS: Final = (inspect.ListType, inspect.VarTupleType, inspect.SetType, inspect.FrozenSetType)


def read_strict(text: str, record: type[T], origin: str, *, quote_values: bool = True) -> T:
    """Read a whole TOML file as one record.

    Args:
        text: The content of the file.
        record: The type that it must hold; its structs forbid unknown fields.
        origin: The file's name, for the error.
        quote_values: False where an error must not quote a value, as for a hotlist.

    Raises:
        FileRefused: The text is not TOML, or does not hold a `record`.
    """
    return convert_strict(parse_toml(text, origin), record, origin, quote_values=quote_values)


def parse_toml(text: str, origin: str) -> dict[str, Any]:
    """Parse the tables of a TOML file.

    Raises:
        FileRefused: The text is not TOML; the message names line and column.
    """
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise FileRefused(f"{origin}: not TOML: {error}") from error
    except RecursionError as error:
        raise FileRefused(f"{origin}: not TOML that anybody wrote: nested too deeply") from error


def convert_strict(table: Mapping[str, Any], record: type[T], origin: str, *, quote_values: bool = True) -> T:
    """Convert parsed tables to one record; the other arguments are those of `read_strict`.

    Raises:
        FileRefused: The tables do not hold a `record`; the message names the path.
    """
    try:
        return msgspec.convert(table, record)
    except msgspec.ValidationError as error:
        text = _explain(str(error), table, record, quote_values=quote_values)
        # The cause of the error would show a value that the error itself must not quote.
        raise FileRefused(f"{origin}: {text}") from (error if quote_values else None)


def _explain(message: str, table: Mapping[str, Any], record: Any, *, quote_values: bool) -> str:
    """Rewrite msgspec's message with the path first and with the values that are allowed there."""
    matched = _PLACE.fullmatch(message)
    what, path = (matched["what"], matched["path"] or "") if matched else (message, "")
    steps = [name or index for name, index in _STEP.findall(path)]
    place = path.removeprefix(".")
    if (field := _FIELD.fullmatch(what)) is not None:
        at = f"{place}.{field['field']}" if place else field["field"]
        if field["trouble"].startswith("missing"):
            return f"{at}: missing"
        return f"{at}: unknown key, allowed are {_listed(_keys(_type_at(record, steps)))}"
    quoted = _quoted(table, steps) if quote_values else None
    if what.startswith("Invalid enum value"):
        found = "the value" if quoted is None else quoted
        return f"{place}: {found} is none of {_listed(_members(_type_at(record, steps)))}"
    if what.startswith("Expected") and quoted is not None:
        what = f"found {quoted}, expected{what.removeprefix('Expected')}"
    return f"{place}: {what}" if place else what


def _listed(names: list[str]) -> str:
    return ", ".join(names) if names else "none"


def _quoted(table: Any, steps: list[str]) -> str | None:
    """The value at a path, as an error may quote it; None where it is a table, an array or not there."""
    value = table
    for step in steps:
        try:
            value = value[int(step)] if isinstance(value, list) else value[step]
        except (KeyError, IndexError, TypeError, ValueError):
            return None
    if isinstance(value, list | dict):
        return None
    text = (
        repr(value)
        if isinstance(value, str)
        else str(value).lower()
        if isinstance(value, bool)
        else str(value)
    )
    return text if len(text) <= _LONGEST_QUOTE else f"{text[:_LONGEST_QUOTE]}…"


def _type_at(record: Any, steps: list[str]) -> list[inspect.Type]:
    """The types that are allowed at a path: the members of a union, or one type."""
    found = _members_of_union(inspect.type_info(record))
    for step in steps:
        found = [deeper for kind in found for deeper in _members_of_union(_into(kind, step))]
    return found


def _into(kind: inspect.Type, step: str) -> inspect.Type | None:
    if isinstance(kind, inspect.StructType):
        return next((field.type for field in kind.fields if field.encode_name == step), None)
    if isinstance(kind, _ARRAYS):
        return kind.item_type
    return kind.value_type if isinstance(kind, inspect.DictType) else None


def _members_of_union(kind: inspect.Type | None) -> list[inspect.Type]:
    if kind is None:
        return []
    if isinstance(kind, inspect.Metadata):
        return _members_of_union(kind.type)
    return list(kind.types) if isinstance(kind, inspect.UnionType) else [kind]


def _keys(kinds: list[inspect.Type]) -> list[str]:
    return [
        field.encode_name for kind in kinds if isinstance(kind, inspect.StructType) for field in kind.fields
    ]


def _members(kinds: list[inspect.Type]) -> list[str]:
    """The values of an enum that a file may hold; `UNKNOWN` is none of them, since only an older reader gets it."""
    return [
        str(member.value)
        for kind in kinds
        if isinstance(kind, inspect.EnumType)
        for member in kind.cls
        if isinstance(member, Enum) and member.value != "UNKNOWN"
    ]
