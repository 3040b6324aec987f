"""What a schema file and its struct say about a record, side by side."""

import types
import typing
from collections.abc import Iterator, Mapping
from enum import Enum
from typing import Annotated, Any, Final

import msgspec

from schemas.avro_schemas import avsc
from schemas.units import DegE7, EpochMs

PRIMITIVES: Final[Mapping[Any, str]] = {
    bool: "boolean",
    bytes: "bytes",
    float: "double",
    int: "long",
    str: "string",
    DegE7: "long",
    EpochMs: "long",
}
RECORD, ENUM, ARRAY, OPTIONAL = "record", "enum", "array", "optional"

NULL_OR: Final = 2
"""A union has two branches: null, and what the field is otherwise."""


class NotPlainError(TypeError):
    """A type for which no code is generated; records that have it are written and read by fastavro alone."""


class Shape(msgspec.Struct, frozen=True, kw_only=True):
    """The type of a field.

    Attributes:
        avro: Its Avro type, or `optional` for a union with null.
        python: Its type in the struct.
        inner: The shape of an array's items or of what is optional.
        symbols: The symbols of an enum, in the order of the schema.
    """

    avro: str
    python: Any
    inner: "Shape | None" = None
    symbols: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """The name of the struct, of the enum or of the type."""
        name: str = self.python.__name__
        return name


class Layout(msgspec.Struct, frozen=True, kw_only=True):
    """A record: its struct, and the shape of each field in the order of the schema."""

    struct: type[msgspec.Struct]
    fields: Mapping[str, Shape]


def layouts_of(record: type[msgspec.Struct], schema: Mapping[str, Any] | None = None) -> list[Layout]:
    """A record and the records in it, the inner ones first.

    Raises:
        NotPlainError: Its struct does more than to hold values of the types that a schema file knows.
    """
    found: dict[str, Layout] = {}
    _record(schema or avsc(record), record, {}, found)
    return list(found.values())


def shapes_in(layout: Layout) -> Iterator[Shape]:
    """The shape of each field, and those inside."""
    for shape in layout.fields.values():
        yield from _inside(shape)


def _inside(shape: Shape) -> Iterator[Shape]:
    yield shape
    if shape.inner is not None:
        yield from _inside(shape.inner)


def _record(
    schema: Mapping[str, Any], struct: type[msgspec.Struct], named: dict[str, Any], found: dict[str, Layout]
) -> None:
    named[struct.__name__] = schema
    _assert_plain(struct)
    hints = typing.get_type_hints(struct, include_extras=True)
    fields = {
        field["name"]: _shape(field["type"], hints[field["name"]], named, found) for field in schema["fields"]
    }
    found.setdefault(struct.__name__, Layout(struct=struct, fields=fields))


def _shape(schema: Any, hint: Any, named: dict[str, Any], found: dict[str, Layout]) -> Shape:
    if typing.get_origin(hint) is Annotated:
        raise NotPlainError(f"{hint} has a constraint, which only msgspec.convert checks")
    if isinstance(schema, list):
        return Shape(avro=OPTIONAL, python=hint, inner=_shape(schema[1], _present(hint), named, found))
    if isinstance(schema, str) and schema.rpartition(".")[2] in named:
        schema = named[schema.rpartition(".")[2]]
    kind = schema["type"] if isinstance(schema, dict) else schema
    if kind == ARRAY:
        inner = _shape(schema["items"], typing.get_args(hint)[0], named, found)
        return Shape(avro=ARRAY, python=hint, inner=inner)
    if kind == RECORD:
        _record(schema, hint, named, found)
        return Shape(avro=RECORD, python=hint)
    if kind == ENUM:
        named[hint.__name__] = schema
        return Shape(avro=ENUM, python=hint, symbols=_symbols(schema, hint))
    if PRIMITIVES.get(hint) != kind:
        raise NotPlainError(f"{hint} is no {kind}")
    return Shape(avro=kind, python=hint)


def _present(hint: Any) -> Any:
    """The X of `X | None`."""
    arguments = typing.get_args(hint)
    if len(arguments) != NULL_OR or arguments[1] is not types.NoneType:
        raise NotPlainError(f"{hint} is no union with null")
    return arguments[0]


def _symbols(schema: Mapping[str, Any], enum: type[Enum]) -> tuple[str, ...]:
    """The names of an enum's members in the order of the schema."""
    return tuple(enum(symbol).name for symbol in schema["symbols"])


def _assert_plain(struct: type[msgspec.Struct]) -> None:
    """See that constructing the struct checks and converts no less than `msgspec.convert` does."""
    config = struct.__struct_config__
    if (
        config.tag is not None
        or config.array_like
        or struct.__struct_encode_fields__ != struct.__struct_fields__
    ):
        raise NotPlainError(f"{struct.__name__} is written otherwise than its fields say")
