"""docs/reference/alert.md: every field of an alert, with its type, its words and its place in CAP 1.2."""

import types
import typing
from collections.abc import Iterator
from enum import Enum
from typing import Any, Final

import msgspec

from callbox_testkit.reference.markdown import described, names, page, table
from schemas.alert import Alert
from schemas.units import EpochMs

CAP: Final = {
    "alert_id": "`identifier`",
    "incident_id": "`incidents`",
    "sender": "`sender`",
    "sent": "`sent`",
    "onset": "`onset`",
    "expires": "`expires`",
    "status": "`status`",
    "action": "`msgType`: `raise` is Alert, `cancel` is Cancel, any other is Update",
    "prior": "`references`",
    "related_incidents": "`incidents`",
    "hazard": "`event`",
    "categories": "`category`",
    "grade": "`severity`: red is Extreme or Severe, yellow Moderate, blue Minor",
    "urgency": "`urgency`",
    "verification_level": "`certainty`: confirmed by a person Observed, corroborated Likely, single Possible",
    "confidence": "`certainty`",
    "position": "`area`",
    "uncertainty_m": "`area`",
    "cell_id": "`area`",
    "media": "`resource`",
    "texts": "`info`, one for each language",
    "disposition": "`note`",
}
"""OASIS CAP 1.2 (docs/requirements.md, standards); every other field is a `parameter`."""

_PLAIN: Final[dict[Any, str]] = {
    bool: "boolean",
    int: "integer",
    float: "number",
    str: "string",
    EpochMs: "time (timestamp-millis)",
}


def alert_page() -> str:
    """The record of the alert topics, and the records inside it."""
    blocks = [
        (
            "The record of `dispatch.alert.v1`, `maintenance.alert.v1`, `dispatch.test-alert.v1` and "
            "`dispatch.incident.v1` (`schemas/avro/alert.avsc`).\nHow to read it, and what null means: "
            "[consume alerts](../consume.md). The third column is where the field belongs in CAP 1.2."
        ),
        _record_table(Alert, with_cap=True),
    ]
    for record in _records(Alert):
        words, _ = described(record)
        blocks += [f"## {record.__name__}", words, _record_table(record)]
    blocks += [
        "## Enumerations",
        "Each has a default `UNKNOWN`, which a reader sees in place of a value that its schema does not know.",
        table(("enumeration", "values"), [(kind.__name__, _values(kind)) for kind in _enums(Alert)]),
    ]
    return page("Alert", *blocks)


def _record_table(record: type[msgspec.Struct], *, with_cap: bool = False) -> str:
    _, texts = described(record)
    hints = typing.get_type_hints(record)
    head = ("field", "type", "CAP 1.2", "meaning") if with_cap else ("field", "type", "meaning")
    rows = []
    for name in record.__struct_fields__:
        cap = (CAP.get(name, "`parameter`"),) if with_cap else ()
        rows.append((f"`{name}`", _type(hints[name]), *cap, texts[name]))
    return table(head, rows)


def _type(kind: Any) -> str:
    arguments = typing.get_args(kind)
    if arguments[1:] == (types.NoneType,):
        return f"{_type(arguments[0])} or null"
    if arguments[1:] == (...,):
        return f"list of {_type(arguments[0])}"
    return _PLAIN.get(kind) or f"{kind.__name__}"


def _parts(record: type[msgspec.Struct]) -> Iterator[type]:
    """The types of a record's fields, and of the fields of what it holds."""
    for kind in typing.get_type_hints(record).values():
        for part in (kind, *typing.get_args(kind)):
            if isinstance(part, type) and part not in _PLAIN:
                yield part
                if issubclass(part, msgspec.Struct):
                    yield from _parts(part)


def _records(record: type[msgspec.Struct]) -> list[type[msgspec.Struct]]:
    return [part for part in dict.fromkeys(_parts(record)) if issubclass(part, msgspec.Struct)]


def _enums(record: type[msgspec.Struct]) -> list[type[Enum]]:
    return [part for part in dict.fromkeys(_parts(record)) if issubclass(part, Enum)]


def _values(kind: type[Enum]) -> str:
    return names(str(member.value) for member in kind if member.name != "UNKNOWN")
