"""The generated writer of a record: each field by one expression, all of them joined once."""

from collections.abc import Iterator
from typing import Final

from callbox_testkit.codec.names import bytes_table, header_name, writer_name
from callbox_testkit.codec.shapes import ARRAY, ENUM, OPTIONAL, RECORD, Layout, NotPlainError, Shape

ONE_CALL: Final = {"string": "string_bytes", "bytes": "blob_bytes"}
"""What makes the bytes of one item, and looks at its type first."""

SOME: Final = {"string": "some_string", "bytes": "some_blob", "long": "some_long", "double": "some_double"}
"""What makes the bytes of a value that may be null and is not, and looks at its type first."""

CHECKED: Final = {"string": "str", "bytes": "bytes", "long": "int", "double": "float", "boolean": "bool"}
"""Types that are looked at once for all fields: a value of another type, even of a subclass, is left to fastavro."""


def writer_of(layout: Layout, *, is_whole: bool) -> list[str]:
    """The lines of a writer; that of a whole record begins with its header."""
    name = layout.struct.__name__
    lines = [
        f"def {writer_name(layout.struct)}(record: {name}) -> bytes:",
        f'    """Write `{name}`{", with its header" if is_whole else ""}."""',
        *(f"    {field} = record.{field}" for field in layout.fields),
        *(_checks(layout)),
        '    return b"".join(',
        "        (",
    ]
    if is_whole:
        lines.append(f"            {header_name(layout.struct)},")
    lines += [f"            {_expression(field, shape)}," for field, shape in layout.fields.items()]
    return [*lines, "        )", "    )"]


def _checks(layout: Layout) -> Iterator[str]:
    """Lines that leave the record to fastavro where a type differs."""
    yield f"    if type(record) is not {layout.struct.__name__}:"
    yield "        raise Unusual"
    for avro, python in CHECKED.items():
        fields = [field for field, shape in layout.fields.items() if shape.avro == avro]
        if len(fields) == 1:
            yield f"    if type({fields[0]}) is not {python}:"
            yield "        raise Unusual"
        elif fields:
            yield f"    if not (type({fields[0]})"
            yield from (f"            is type({field})" for field in fields[1:])
            yield f"            is {python}):"
            yield "        raise Unusual"


def _expression(value: str, shape: Shape) -> str:
    """The bytes of a field as items of a tuple; its type has been looked at."""
    match shape.avro:
        case "string":
            return f"SIZE[len(raw := {value}.encode())],\n            raw"
        case "bytes":
            return f"SIZE[len({value})],\n            {value}"
        case "long":
            return f"long_bytes({value})"
        case "double":
            return f"double_bytes({value})"
        case "boolean":
            return f"FLAG[{value}]"
        case _:
            return _call(value, shape)


def _call(value: str, shape: Shape) -> str:
    """The bytes of a value by one call, which looks at its type."""
    match shape.avro:
        case "enum":
            return f"{bytes_table(shape.python)}[{value}]"
        case "record":
            return f"{writer_name(shape.python)}({value})"
        case "array":
            if shape.inner is not None and shape.inner.avro == "long":
                return f"longs_bytes({value})"
            return f"array_bytes({value}, {_item_writer(shape)})"
        case "optional":
            return f"NULL if {value} is None else {_some(value, shape.inner)}"
        case _:
            return f"{ONE_CALL[shape.avro]}({value})"


def _some(value: str, shape: Shape | None) -> str:
    if shape is None or shape.avro == OPTIONAL:
        raise NotPlainError(f"{value}: null stands beside one other type")
    if shape.avro in SOME:
        return f"{SOME[shape.avro]}({value})"
    if shape.avro in {ENUM, RECORD, ARRAY}:
        return f"VALUE + {_call(value, shape)}"
    raise NotPlainError(f"{value}: no form for {shape.avro} or null yet")


def _item_writer(shape: Shape) -> str:
    """The function that makes the bytes of an item of an array."""
    inner = shape.inner
    if inner is None or inner.avro not in {*ONE_CALL, ENUM, RECORD}:
        raise NotPlainError(f"no form for the items of {shape.python} yet")
    if inner.avro == ENUM:
        return f"{bytes_table(inner.python)}.__getitem__"
    return writer_name(inner.python) if inner.avro == RECORD else ONE_CALL[inner.avro]
