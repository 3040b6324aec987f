"""Code is generated only where it does what msgspec.convert does, and never with a name that it needs for itself."""

from collections.abc import Mapping
from typing import Annotated, Any

import msgspec
import pytest

from callbox_testkit.codec import shapes
from callbox_testkit.codec.modules import code_of, is_plain, module_texts
from callbox_testkit.codec.shapes import Layout, NotPlainError, layouts_of
from schemas import avro_schemas
from schemas.codec import decode, encode
from schemas.errors import Cause, DecodeError
from tests.support.made_records import RECORD_TYPES


class Rated(msgspec.Struct):
    """A record with a constraint.

    Attributes:
        score: From 0 to 10.
    """

    score: Annotated[int, msgspec.Meta(ge=0, le=10)]


class Inner(msgspec.Struct, tag="inner"):
    """A record with a tag.

    Attributes:
        score: Anything.
    """

    score: int


class Outer(msgspec.Struct):
    """A record with one that is not plain in it.

    Attributes:
        inner: The other.
    """

    inner: Inner


class Renamed(msgspec.Struct, rename="camel"):
    """A record whose field has another name where it is written.

    Attributes:
        at_once: Anything.
    """

    at_once: int


class Listed(msgspec.Struct, array_like=True):
    """A record that is written as a list.

    Attributes:
        score: Anything.
    """

    score: int


class Clashing(msgspec.Struct):
    """A record with a field that is named as something that generated code needs.

    Attributes:
        data: Anything.
    """

    data: int


def schema(kind: type[msgspec.Struct], **fields: Any) -> Mapping[str, Any]:
    return {
        "type": "record",
        "name": kind.__name__,
        "namespace": "callbox",
        "fields": [{"name": name, "type": avro} for name, avro in fields.items()],
    }


LONG_SCORE = schema(Rated, score="long")


@pytest.mark.parametrize("record", RECORD_TYPES, ids=lambda record: record.__name__)
def test_every_record_of_today_is_plain(record: type[msgspec.Struct]) -> None:
    assert is_plain(record)


@pytest.mark.parametrize(
    ("record", "avro"),
    [
        (Rated, LONG_SCORE),
        (Outer, schema(Outer, inner=schema(Inner, score="long"))),
        (Renamed, schema(Renamed, at_once="long")),
        (Listed, schema(Listed, score="long")),
        (Clashing, schema(Clashing, data="string")),
    ],
    ids=lambda it: getattr(it, "__name__", ""),
)
def test_a_record_that_does_more_than_to_hold_values_is_left_to_fastavro(
    record: type[msgspec.Struct], avro: Mapping[str, Any]
) -> None:
    with pytest.raises(NotPlainError):
        layouts_of(record, avro)


def test_a_constraint_of_such_a_record_is_looked_at_and_named(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (avro_schemas, shapes):
        monkeypatch.setattr(module, "avsc", lambda _: dict(LONG_SCORE))
    assert not is_plain(Rated)
    assert "Rated" not in "".join(module_texts([Rated]).values())
    with pytest.raises(DecodeError, match=r"Rated: Expected `int` <= 10 - at `\$\.score`") as refusal:
        decode(encode(Rated(11)), Rated)
    assert refusal.value.cause is Cause.INVALID_FIELD
    assert decode(encode(Rated(10)), Rated) == Rated(10)


def test_a_field_that_is_named_as_something_the_code_needs_is_refused() -> None:
    (layout,) = layouts_of(Clashing, schema(Clashing, data="long"))
    with pytest.raises(ValueError, match="generated code needs the name data"):
        code_of(layout, is_whole=True)


def layout_of(hint: Any, avro: Any) -> Layout:
    struct = msgspec.defstruct("Odd", [("odd", hint)])
    return layouts_of(struct, schema(struct, odd=avro))[-1]


@pytest.mark.parametrize(
    ("hint", "avro"),
    [
        (tuple[str | None, ...], {"type": "array", "items": ["null", "string"]}),
        (tuple[tuple[str, ...], ...], {"type": "array", "items": {"type": "array", "items": "string"}}),
        (bool | None, ["null", "boolean"]),
    ],
    ids=["optional items", "arrays of arrays", "optional booleans"],
)
def test_a_form_that_no_record_has_is_refused_and_not_guessed(hint: Any, avro: Any) -> None:
    layout = layout_of(hint, avro)
    with pytest.raises(NotPlainError, match="yet"):
        code_of(layout, is_whole=True)


def test_a_union_with_anything_but_null_is_refused() -> None:
    with pytest.raises(NotPlainError, match="no union with null"):
        layout_of(int | str, ["long", "string"])
