"""Tables of a record: its fields with type and words, the records inside it, and the values of its enumerations."""

import types
import typing
from collections.abc import Iterable, Iterator, Mapping
from enum import Enum
from typing import Any, Final

import msgspec

from callbox_testkit.reference.markdown import described, names, table
from schemas.units import DegE7, EpochMs

_PLAIN: Final[dict[Any, str]] = {
    bool: "boolean",
    int: "integer",
    float: "number",
    str: "string",
    bytes: "bytes",
    EpochMs: "time (timestamp-millis)",
    DegE7: "integer, 1e-7 degrees",
}


def record_table(record: type[msgspec.Struct], places: tuple[str, Mapping[str, str]] | None = None) -> str:
    """The fields of a record.

    Args:
        record: The record.
        places: Heading and cells of a further column, by field.
    """
    _, texts = described(record)
    hints = typing.get_type_hints(record)
    further = () if places is None else (places[0],)
    rows = []
    for name in record.__struct_fields__:
        place = () if places is None else (places[1].get(name, "`parameter`"),)
        rows.append((f"`{name}`", _type(hints[name]), *place, texts[name]))
    return table(("field", "type", *further, "meaning"), rows)


def enumerations_table(kinds: Iterable[type[Enum]]) -> str:
    """The values of each enumeration."""
    return table(("enumeration", "values"), [(kind.__name__, _values(kind)) for kind in kinds])


def records_in(*records: type[msgspec.Struct]) -> list[type[msgspec.Struct]]:
    """The records inside these, each once."""
    return [part for part in _all_parts(records) if issubclass(part, msgspec.Struct)]


def enums_in(*records: type[msgspec.Struct]) -> list[type[Enum]]:
    """The enumerations inside these, each once."""
    return [part for part in _all_parts(records) if issubclass(part, Enum)]


def _all_parts(records: Iterable[type[msgspec.Struct]]) -> list[type]:
    return list(dict.fromkeys(part for record in records for part in _parts(record)))


def _parts(record: type[msgspec.Struct]) -> Iterator[type]:
    """The types of a record's fields, and of the fields of what it holds."""
    for kind in typing.get_type_hints(record).values():
        for part in (kind, *typing.get_args(kind)):
            if isinstance(part, type) and part not in _PLAIN:
                yield part
                if issubclass(part, msgspec.Struct):
                    yield from _parts(part)


def _type(kind: Any) -> str:
    arguments = typing.get_args(kind)
    if arguments[1:] == (types.NoneType,):
        return f"{_type(arguments[0])} or null"
    if arguments[1:] == (...,):
        return f"list of {_type(arguments[0])}"
    return _PLAIN.get(kind) or f"{kind.__name__}"


def _values(kind: type[Enum]) -> str:
    return names(str(member.value) for member in kind if member.name != "UNKNOWN")
