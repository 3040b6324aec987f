"""Make the fixed shapes of an ONNX file variable, without the `onnx` package.

CenterFace declares its input as [10, 3, 32, 32] and lists every weight as an input too, which keeps onnxruntime
from folding constants (twice the time). This module reads the file's top two levels as protobuf wire format, keeps
every byte of nodes and weights, and

    drops    the inputs that are weights, and the stored shapes between nodes
    rewrites the shapes of true inputs and of outputs: each size gets a name, so that it may vary

The field numbers are those of onnx.proto3 (IR version 3 and later); only the wire types 0, 1, 2 and 5 occur.
"""

from collections.abc import Iterator
from typing import Final

from schemas.errors import InputMissing

MODEL_GRAPH: Final = 7  # ModelProto.graph
GRAPH_INITIALIZER, GRAPH_INPUT, GRAPH_OUTPUT, GRAPH_VALUE_INFO = 5, 11, 12, 13
TENSOR_NAME: Final = 8  # TensorProto.name
VALUE_NAME, VALUE_TYPE = 1, 2
TYPE_TENSOR: Final = 1
TENSOR_TYPE_SHAPE: Final = 2
SHAPE_DIM: Final = 1
DIM_VALUE, DIM_PARAM = 1, 2

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_CONTINUES: Final = 0x80

WireField = tuple[int, int, bytes]
"""Number, wire type and payload: the encoded digits of a varint, or what follows the length of `_BYTES`."""


def open_shapes(model: bytes, channels: int) -> bytes:
    """The same model with free batch, height and width.

    Args:
        model: An ONNX file whose inputs and outputs are [batch, channels, height, width].
        channels: Channels of the input; this size stays fixed, and so do the outputs' channels.

    Returns:
        The file to load.

    Raises:
        InputMissing: The bytes are not an ONNX model.
    """
    try:
        return _rewritten(model, channels)
    except (ValueError, IndexError) as error:
        raise InputMissing(f"not an ONNX model: {error}") from error


def _rewritten(model: bytes, channels: int) -> bytes:
    fields = list(_fields(model))
    if not any(number == MODEL_GRAPH for number, _, _ in fields):
        raise ValueError("no graph")
    return b"".join(
        _encoded(number, kind, _opened(payload, channels) if number == MODEL_GRAPH else payload)
        for number, kind, payload in fields
    )


def _opened(graph: bytes, channels: int) -> bytes:
    fields = list(_fields(graph))
    weights = {_first(payload, TENSOR_NAME) for number, _, payload in fields if number == GRAPH_INITIALIZER}
    kept = []
    for number, kind, payload in fields:
        if number == GRAPH_VALUE_INFO or (number == GRAPH_INPUT and _first(payload, VALUE_NAME) in weights):
            continue
        if number in {GRAPH_INPUT, GRAPH_OUTPUT}:
            kept.append(_encoded(number, kind, _with_free_sizes(payload, channels, number == GRAPH_INPUT)))
        else:
            kept.append(_encoded(number, kind, payload))
    return b"".join(kept)


def _with_free_sizes(value: bytes, channels: int, is_input: bool) -> bytes:
    """A ValueInfoProto with sizes 0, 2 and 3 named; outputs get names of their own, for they are smaller."""
    names = (b"B", None, b"H", b"W") if is_input else (b"B", None, b"h", b"w")
    tensor = _first(_first(value, VALUE_TYPE), TYPE_TENSOR)
    sizes = [
        payload for number, _, payload in _fields(_first(tensor, TENSOR_TYPE_SHAPE)) if number == SHAPE_DIM
    ]
    if len(sizes) != len(names) or (is_input and _first(sizes[1], DIM_VALUE) != _varint(channels)):
        raise ValueError(f"an input or output is not [batch, {channels}, height, width]")
    opened = [
        size if name is None else _encoded(DIM_PARAM, _BYTES, name)
        for name, size in zip(names, sizes, strict=True)
    ]
    shape = b"".join(_encoded(SHAPE_DIM, _BYTES, size) for size in opened)
    tensor = _replaced(tensor, TENSOR_TYPE_SHAPE, shape)
    return _replaced(value, VALUE_TYPE, _replaced(_first(value, VALUE_TYPE), TYPE_TENSOR, tensor))


def _replaced(message: bytes, wanted: int, content: bytes) -> bytes:
    return b"".join(
        _encoded(number, kind, content if number == wanted else payload)
        for number, kind, payload in _fields(message)
    )


def _first(message: bytes, wanted: int) -> bytes:
    found = next((payload for number, _, payload in _fields(message) if number == wanted), None)
    if found is None:
        raise ValueError(f"field {wanted} is missing")
    return found


def _fields(message: bytes) -> Iterator[WireField]:
    at = 0
    while at < len(message):
        tag, at = _read_varint(message, at)
        number, kind = tag >> 3, tag & 7
        start = at
        if kind == _VARINT:
            _, at = _read_varint(message, at)
        elif kind == _BYTES:
            length, start = _read_varint(message, at)
            at = start + length
        elif kind in {_FIXED64, _FIXED32}:
            at += 8 if kind == _FIXED64 else 4
        else:
            raise ValueError(f"wire type {kind}")
        if at > len(message):
            raise ValueError("it ends in the middle of a field")
        yield number, kind, message[start:at]


def _encoded(number: int, kind: int, payload: bytes) -> bytes:
    tag = _varint(number << 3 | kind)
    return tag + _varint(len(payload)) + payload if kind == _BYTES else tag + payload


def _read_varint(message: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = message[at]
        value |= (byte & ~_CONTINUES) << shift
        at, shift = at + 1, shift + 7
        if not byte & _CONTINUES:
            return value, at


def _varint(value: int) -> bytes:
    digits = bytearray()
    while value >= _CONTINUES:
        digits.append(value & ~_CONTINUES & 0xFF | _CONTINUES)
        value >>= 7
    digits.append(value)
    return bytes(digits)
