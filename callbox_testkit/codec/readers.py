"""The generated reader of a record: its fields one after the other, then the struct."""

from collections import deque
from collections.abc import Iterator
from itertools import takewhile
from typing import Final

from callbox_testkit.codec.names import header_name, reader_name, symbol_table
from callbox_testkit.codec.shapes import ARRAY, ENUM, OPTIONAL, RECORD, Layout, NotPlainError, Shape
from schemas.units import DegE7, EpochMs

CALLS: Final = {
    bytes: "read_blob",
    float: "read_double",
    int: "read_long",
    str: "read_string",
    DegE7: "read_angle",
    EpochMs: "read_time",
}

ONE_BYTE: Final = 64
"""An enum with no more symbols has them all in one byte."""


def reader_of(layout: Layout, *, is_whole: bool) -> list[str]:
    """The lines of a reader; that of a whole record takes nothing but the bytes, and all of them."""
    name = layout.struct.__name__
    constructed = [f"{name}(", *(f"    {field}={field}," for field in layout.fields), ")"]
    if is_whole:
        lines = [
            f"def {reader_name(layout.struct)}(data: bytes) -> {name}:",
            f'    """Read `{name}`, with its header."""',
            f"    if type(data) is not bytes or data[:HEADER_BYTES] != {header_name(layout.struct)}:",
            "        raise Unusual",
            "    pos = HEADER_BYTES",
        ]
        closing = ["    if pos != len(data):", "        raise Unusual", f"    return {constructed[0]}"]
        closing += [f"    {line}" for line in constructed[1:]]
    else:
        lines = [
            f"def {reader_name(layout.struct)}(data: bytes, pos: int) -> tuple[{name}, int]:",
            f'    """Read `{name}` from a byte on, and say where it ends."""',
        ]
        closing = [f"    return {constructed[0]}"]
        closing += [f"    {line}" for line in constructed[1:-1]] + ["    ), pos"]
    return lines + [f"    {line}" for line in _all_fields(layout)] + closing


def _all_fields(layout: Layout) -> Iterator[str]:
    """Lines that read the fields in order; what is of one byte, and two times, are read at once side by side."""
    fields = deque(layout.fields.items())
    while fields:
        run = list(takewhile(lambda field: _is_of_one_byte(field[1]), fields))
        if run:
            places = ("pos", *(f"pos + {place}" for place in range(1, len(run))))
            yield from (
                _of_one_byte(field, shape, place) for (field, shape), place in zip(run, places, strict=True)
            )
            yield f"pos += {len(run)}"
            for _ in run:
                fields.popleft()
            continue
        field, shape = fields.popleft()
        if shape.python is EpochMs and fields and fields[0][1].python is EpochMs:
            yield f"{field}, {fields.popleft()[0]}, pos = read_two_times(data, pos)"
        else:
            yield from _statements(field, shape)


def _is_of_one_byte(shape: Shape) -> bool:
    return shape.avro == "boolean" or (shape.avro == ENUM and len(shape.symbols) <= ONE_BYTE)


def _of_one_byte(target: str, shape: Shape, place: str) -> str:
    """A line that reads a boolean, of which every byte but 0 is true, as it is to fastavro, or a symbol."""
    if shape.avro == ENUM:
        return f"{target} = {symbol_table(shape.python)}[data[{place}]]"
    return f"{target} = data[{place}] != 0"


def _statements(target: str, shape: Shape) -> list[str]:
    """Lines that read a value and go on to the next one."""
    match shape.avro:
        case "record":
            return [f"{target}, pos = {reader_name(shape.python)}(data, pos)"]
        case "enum":
            return _enum(target, shape)
        case "array":
            return [f"{target}, pos = {_array(shape)}"]
        case "optional":
            return _optional(target, shape)
        case _:
            return _primitive(target, shape)


def _primitive(target: str, shape: Shape) -> list[str]:
    match shape.avro:
        case "string":
            return [
                "end = pos + STRING[data[pos]]",
                "if end == pos:",
                f"    {target}, pos = read_long_string(data, pos)",
                "else:",
                f"    {target} = data[pos + 1 : end].decode()",
                "    pos = end",
            ]
        case "long" if shape.python is int:
            return [
                "size = data[pos]",
                "pos += 1",
                "if size > LAST_OF_BYTE:",
                "    size, pos = read_zigzag(data, pos - 1)",
                f"{target} = size >> 1 ^ -(size & 1)",
            ]
        case _:
            return [f"{target}, pos = {CALLS[shape.python]}(data, pos)"]


def _enum(target: str, shape: Shape) -> list[str]:
    if _is_of_one_byte(shape):
        return [_of_one_byte(target, shape, "pos"), "pos += 1"]
    return ["index, pos = read_zigzag(data, pos)", f"{target} = {symbol_table(shape.python)}[index]"]


def _array(shape: Shape) -> str:
    inner = shape.inner
    if inner is None or inner.avro in {ARRAY, OPTIONAL, "boolean"}:
        raise NotPlainError(f"no form for the items of {shape.python} yet")
    if inner.avro == ENUM:
        return f"read_symbols(data, pos, {symbol_table(inner.python)})"
    if inner.avro == "long":
        return "read_longs(data, pos)"
    reader = reader_name(inner.python) if inner.avro == RECORD else CALLS[inner.python]
    return f"read_array(data, pos, {reader})"


def _optional(target: str, shape: Shape) -> list[str]:
    if shape.inner is None or shape.inner.avro == OPTIONAL:
        raise NotPlainError(f"{target}: null stands beside one other type")
    return [
        f"{target} = None",
        "branch = data[pos]",
        "pos += 1",
        "if branch:",
        "    if branch != OF_VALUE:",
        "        raise Unusual",
        *(f"    {line}" for line in _statements(target, shape.inner)),
    ]
