import struct

import numpy as np
import pytest

from models.open_shapes import open_shapes
from models.session import Session
from schemas.errors import InputMissing

FLOAT = 1


def varint(value: int) -> bytes:
    digits = b""
    while value >= 128:
        digits += bytes([value % 128 + 128])
        value //= 128
    return digits + bytes([value])


def number(field: int, value: int) -> bytes:
    return varint(field * 8) + varint(value)


def part(field: int, content: bytes) -> bytes:
    return varint(field * 8 + 2) + varint(len(content)) + content


def value_info(name: bytes, *sizes: int) -> bytes:
    shape = b"".join(part(1, number(1, size)) for size in sizes)
    tensor_type = number(1, FLOAT) + part(2, shape)
    return part(1, name) + part(2, part(1, tensor_type))


def doubling_model(*sizes: int) -> bytes:
    """An ONNX file: y = x * w with w = 2, all sizes fixed, and w listed as an input, as CenterFace has it."""
    node = part(1, b"x") + part(1, b"w") + part(2, b"y") + part(4, b"Mul")
    weight = number(1, 1) + number(2, FLOAT) + part(8, b"w") + part(9, struct.pack("<f", 2.0))
    graph = (
        part(1, node)
        + part(2, b"doubling")
        + part(5, weight)
        + part(11, value_info(b"x", *sizes))
        + part(11, value_info(b"w", 1))
        + part(12, value_info(b"y", *sizes))
    )
    return number(1, 8) + part(7, graph) + part(8, part(1, b"") + number(2, 13))


def test_a_model_of_fixed_sizes_runs_on_any_size_once_opened() -> None:
    session = Session(open_shapes(doubling_model(10, 3, 32, 32), 3), "doubling")
    for sizes in ((1, 3, 64, 96), (2, 3, 32, 32)):
        ones = np.ones(sizes, dtype=np.float32)
        assert session.run(ones)["y"].shape == sizes
        assert (session.run(ones)["y"] == 2).all()


def test_unopened_it_refuses_every_other_size() -> None:
    session = Session(doubling_model(10, 3, 32, 32), "doubling")
    with pytest.raises(Exception, match="INVALID_ARGUMENT"):
        session.run(np.ones((1, 3, 64, 96), dtype=np.float32))


def test_the_weights_are_kept_and_no_longer_inputs() -> None:
    opened = open_shapes(doubling_model(10, 3, 32, 32), 3)
    assert opened.count(struct.pack("<f", 2.0)) == 1
    assert value_info(b"w", 1) not in opened


@pytest.mark.parametrize(
    "model",
    [
        b"",
        b"not a model",
        b"\xff" * 20,
        doubling_model(10, 3, 32, 32)[:-30],
        doubling_model(10, 4, 32, 32),
        doubling_model(10, 3, 32),
        number(1, 8),
    ],
)
def test_bytes_that_are_no_such_model_are_refused(model: bytes) -> None:
    with pytest.raises(InputMissing, match="not an ONNX model"):
        open_shapes(model, 3)


def test_bytes_that_onnxruntime_cannot_load_are_named() -> None:
    with pytest.raises(InputMissing, match="plate_detector: onnxruntime cannot load it"):
        Session(b"not a model", "plate_detector")
