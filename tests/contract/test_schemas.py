"""The .avsc files are what consumers read: they must say what the records say, and change only on purpose."""

import types
import typing
from enum import Enum
from typing import Any

import msgspec
import pytest
from fastavro.schema import parse_schema

from schemas import catalogue, codec

RECORDS = list(codec.SCHEMA_FILES)


@pytest.mark.parametrize("record", RECORDS, ids=lambda record: record.__name__)
def test_a_schema_has_the_fields_of_its_record_in_order(record: type[msgspec.Struct]) -> None:
    fields = [field["name"] for field in codec.avsc(record)["fields"]]
    assert fields == [field.name for field in msgspec.structs.fields(record)]


@pytest.mark.parametrize("record", RECORDS, ids=lambda record: record.__name__)
def test_a_schema_parses_and_documents_every_field(record: type[msgspec.Struct]) -> None:
    schema = codec.avsc(record)
    parse_schema(schema)
    assert schema["doc"]
    assert all(field.get("doc") for field in schema["fields"])


def _enums(kind: Any) -> typing.Iterator[type[Enum]]:
    if typing.get_origin(kind) in (tuple, typing.Union, types.UnionType):
        for inner in typing.get_args(kind):
            yield from _enums(inner)
    elif isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        for inner in typing.get_type_hints(kind).values():
            yield from _enums(inner)
    elif isinstance(kind, type) and issubclass(kind, Enum):
        yield kind


def _avro_enums(schema: Any) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    if isinstance(schema, dict):
        if schema.get("type") == "enum":
            found[schema["name"]] = schema
        for value in schema.values():
            found |= _avro_enums(value)
    elif isinstance(schema, list):
        for value in schema:
            found |= _avro_enums(value)
    return found


@pytest.mark.parametrize("record", RECORDS, ids=lambda record: record.__name__)
def test_enums_have_the_same_symbols_in_the_same_order_and_a_default(record: type[msgspec.Struct]) -> None:
    avro = _avro_enums(codec.avsc(record))
    for enum in {enum.__name__: enum for enum in _enums(record)}.values():
        assert avro[enum.__name__]["symbols"] == [member.value for member in enum]
        assert avro[enum.__name__]["default"] in avro[enum.__name__]["symbols"]


def _unions(schema: Any) -> typing.Iterator[list[Any]]:
    if isinstance(schema, dict):
        for key, value in schema.items():
            if key not in {"symbols", "default"}:
                yield from _unions(value)
    elif isinstance(schema, list):
        if "null" in schema:
            yield schema
        for value in schema:
            yield from _unions(value)


@pytest.mark.parametrize("record", RECORDS, ids=lambda record: record.__name__)
def test_a_union_is_null_and_one_type(record: type[msgspec.Struct]) -> None:
    for union in _unions(codec.avsc(record)["fields"]):
        assert len(union) == 2
        assert union[0] == "null"


def test_every_topic_that_is_not_planned_has_a_schema() -> None:
    for topic in catalogue.CATALOGUE:
        if not topic.planned:
            assert topic.record in codec.SCHEMA_FILES, topic.name


def test_the_log_and_its_snapshots_have_the_same_partitions() -> None:
    log = catalogue.BY_NAME[catalogue.FUSION_INPUT]
    assert catalogue.BY_NAME[catalogue.FUSION_SNAPSHOT].partitions == log.partitions
    assert log.settings["message.timestamp.type"] == "LogAppendTime"
    assert log.retention_ms is not None
    assert log.retention_ms >= 7 * 24 * 3_600_000


def test_every_consumed_topic_has_a_dead_letter_topic() -> None:
    for name in (
        catalogue.PILLAR_EVENTS,
        catalogue.FRAMES,
        catalogue.PLATE_READS,
        catalogue.FUSION_INPUT,
        catalogue.REGISTRY,
        catalogue.HOTLIST,
    ):
        assert catalogue.dead_letter_topic(name) in catalogue.BY_NAME


def test_a_sealed_topic_keeps_records_ten_minutes_at_most() -> None:
    for topic in catalogue.CATALOGUE:
        if topic.sealed and topic.cleanup is catalogue.Cleanup.DELETE:
            assert topic.retention_ms is not None
            assert topic.retention_ms <= 600_000


def test_no_record_has_a_field_for_a_person_and_the_alert_has_none_for_a_plate() -> None:
    names = {field.name for record in RECORDS for field in msgspec.structs.fields(record)}
    assert not names & {"person", "face", "owner", "driver", "name", "track_id"}
    alert = codec.avsc(next(record for record in RECORDS if record.__name__ == "Alert"))
    assert "plate" not in str(alert["fields"]).lower().replace("never the plate", "")
