"""The .avsc files are what consumers read: they must say what the records say, and change only on purpose."""

import json
import shutil
import types
import typing
from enum import Enum
from pathlib import Path
from typing import Any

import msgspec
import pytest
from fastavro.schema import parse_schema

from processors.fold.reducer import RECORDS as LOG_RECORDS
from schemas import avro_files, avro_schemas
from schemas import topics as catalogue
from schemas.alert import Alert
from schemas.avro_binary import MARKER
from schemas.fusion_log import FusionInput, Tick

RECORDS = list(avro_schemas.SCHEMA_FILES)
EARLIER = sorted((avro_files.FOLDER / "earlier").glob("*.avsc"))
RECORD_OF_FILE = {name: record for record, name in avro_schemas.SCHEMA_FILES.items()}


def _today(earlier: Path) -> dict[str, Any]:
    return avro_schemas.avsc(RECORD_OF_FILE[earlier.stem.rpartition("-")[0]])


def _source(path: Path) -> dict[str, Any]:
    source: dict[str, Any] = json.loads(path.read_text("utf-8"))
    return source


def test_the_schema_files_are_what_the_generator_writes(capsys: pytest.CaptureFixture[str]) -> None:
    assert avro_files.main(["--check"]) == 0, capsys.readouterr().out
    assert {path.stem for path in avro_files.FOLDER.glob("*.avsc")} == set(RECORD_OF_FILE)


def test_the_check_names_a_file_that_differs_and_writes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = _copy(tmp_path, monkeypatch)
    (folder / "tick.avsc").write_text("{}\n", "utf-8")
    assert avro_files.main(["--check"]) == 1
    assert capsys.readouterr().out == "tick.avsc differs from its record\n"
    assert (folder / "tick.avsc").read_text("utf-8") == "{}\n"


def test_a_former_schema_is_kept_when_its_fingerprint_changes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = _copy(tmp_path, monkeypatch)
    former = avro_schemas.avsc(Tick) | {"fields": []}
    (folder / "tick.avsc").write_text(json.dumps(former), "utf-8")
    assert avro_files.main([]) == 0
    kept = folder / "earlier" / f"tick-{avro_schemas.fingerprint_of(former)}.avsc"
    assert json.loads(kept.read_text("utf-8")) == former
    assert avro_files.main(["--check"]) == 0


def test_a_former_schema_is_not_kept_when_only_its_words_change(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = _copy(tmp_path, monkeypatch)
    (folder / "tick.avsc").write_text(json.dumps(avro_schemas.avsc(Tick) | {"doc": "Tock."}), "utf-8")
    assert avro_files.main([]) == 0
    assert sorted(path.name for path in (folder / "earlier").iterdir()) == [path.name for path in EARLIER]


def _copy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "avro"
    shutil.copytree(avro_files.FOLDER, folder)
    monkeypatch.setattr(avro_files, "FOLDER", folder)
    return folder


def test_the_generator_knows_no_other_argument(capsys: pytest.CaptureFixture[str]) -> None:
    assert avro_files.main(["--force"]) == 2
    assert "usage" in capsys.readouterr().err


def test_the_generator_refuses_a_type_that_no_schema_file_has() -> None:
    class Sighting(msgspec.Struct):
        """Never written.

        Attributes:
            notes: Anything at all.
        """

        notes: dict[str, str]

    with pytest.raises(TypeError, match="no place in a schema file"):
        avro_files.schema_text(Sighting)


@pytest.mark.parametrize("path", EARLIER, ids=lambda path: path.stem)
def test_an_earlier_schema_is_named_for_its_record_and_its_fingerprint(path: Path) -> None:
    name, _, mark = path.stem.rpartition("-")
    assert mark == avro_schemas.fingerprint_of(_source(path))
    assert MARKER + bytes.fromhex(mark) in avro_schemas.earlier_schemas_of(RECORD_OF_FILE[name])


@pytest.mark.parametrize("path", EARLIER, ids=lambda path: path.stem)
def test_what_is_new_since_an_earlier_schema_has_a_default_and_nothing_is_gone(path: Path) -> None:
    before, today = _avro_records(_source(path)), _avro_records(_today(path))
    for name, fields in before.items():
        assert set(fields) <= set(today[name]), name
        for new in set(today[name]) - set(fields):
            assert "default" in today[name][new], f"{name}.{new}"


@pytest.mark.parametrize("path", EARLIER, ids=lambda path: path.stem)
def test_no_enum_has_lost_a_symbol_since_an_earlier_schema(path: Path) -> None:
    today = _avro_enums(_today(path))
    for name, enum in _avro_enums(_source(path)).items():
        assert set(enum["symbols"]) <= set(today[name]["symbols"])
        assert enum["default"] == today[name]["default"]


def test_no_two_schemas_of_today_or_before_share_a_fingerprint() -> None:
    headers = [avro_schemas.schema_of(record).header for record in RECORDS]
    headers += [header for record in RECORDS for header in avro_schemas.earlier_schemas_of(record)]
    assert len(set(headers)) == len(headers)


def _avro_records(schema: Any) -> dict[str, dict[str, Any]]:
    """The fields of each record in a schema by its name: the fields by theirs."""
    found: dict[str, dict[str, Any]] = {}
    if isinstance(schema, dict):
        if schema.get("type") == "record":
            found[schema["name"]] = {field["name"]: field for field in schema["fields"]}
        for key, value in schema.items():
            found |= _avro_records(value) if key != "default" else {}
    elif isinstance(schema, list):
        for value in schema:
            found |= _avro_records(value)
    return found


@pytest.mark.parametrize("record", RECORDS, ids=lambda record: record.__name__)
def test_a_schema_has_the_fields_of_its_record_in_order(record: type[msgspec.Struct]) -> None:
    fields = [field["name"] for field in avro_schemas.avsc(record)["fields"]]
    assert fields == [field.name for field in msgspec.structs.fields(record)]


@pytest.mark.parametrize("record", RECORDS, ids=lambda record: record.__name__)
def test_a_schema_parses_and_documents_every_field(record: type[msgspec.Struct]) -> None:
    schema = avro_schemas.avsc(record)
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
    avro = _avro_enums(avro_schemas.avsc(record))
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
    for union in _unions(avro_schemas.avsc(record)["fields"]):
        assert len(union) == 2
        assert union[0] == "null"


def test_every_topic_that_is_not_planned_has_a_schema() -> None:
    for topic in catalogue.CATALOGUE:
        if not topic.planned:
            assert topic.record in avro_schemas.SCHEMA_FILES, topic.name


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
        catalogue.ACKS,
    ):
        assert catalogue.dead_letter_topic(name) in catalogue.BY_NAME


def test_a_sealed_topic_keeps_records_ten_minutes_at_most() -> None:
    for topic in catalogue.CATALOGUE:
        if topic.sealed and topic.cleanup is catalogue.Cleanup.DELETE:
            assert topic.retention_ms is not None
            assert topic.retention_ms <= 600_000


PERSON = {
    "person",
    "face",
    "owner",
    "driver",
    "name",
    "phone",
    "address",
    "gender",
    "age",
    "track_id",
    "embedding",
}
NAMED = {("Actor", "name"): "the operator who acted", ("ResponsePoint", "name"): "a place"}
"""The only fields of any record with a name of PERSON, and whose name it is."""

SIGHTS = ("plate", "picture", "jpeg", "crop", "image", "frame")
"""Words of a field that could hold a vehicle's plate or a picture."""


def with_parts(*records: type[msgspec.Struct]) -> list[type[msgspec.Struct]]:
    """The records, and the records inside them."""
    found = dict.fromkeys(records)
    for record in records:
        for kind in typing.get_type_hints(record).values():
            inner = [part for part in (kind, *typing.get_args(kind)) if isinstance(part, type)]
            found |= dict.fromkeys(with_parts(*(part for part in inner if issubclass(part, msgspec.Struct))))
    return list(found)


def fields_of(*records: type[msgspec.Struct]) -> set[tuple[str, str]]:
    """Record and field of everything in these records."""
    return {
        (record.__name__, field.name)
        for record in with_parts(*records)
        for field in msgspec.structs.fields(record)
    }


def test_no_record_has_a_field_for_a_person_but_the_operator_who_acted() -> None:
    assert {field for field in fields_of(*RECORDS) if field[1] in PERSON} == NAMED.keys()


def test_no_record_of_the_log_has_a_field_for_a_plate_or_a_picture() -> None:
    in_log = fields_of(FusionInput, *LOG_RECORDS.values())
    assert ("Media", "snapshot_id") in in_log  # the records inside are looked at too
    assert [field for field in in_log if any(word in field[1] for word in SIGHTS)] == []


def test_of_all_people_the_log_names_only_those_who_acknowledged_or_planned() -> None:
    holders = {
        name for record in LOG_RECORDS.values() for name, field in fields_of(record) if field == "name"
    }
    assert holders == {"Actor", "ResponsePoint"}
    with_actor = {
        record.__name__ for record in LOG_RECORDS.values() if ("Actor", "name") in fields_of(record)
    }
    assert with_actor == {"AckFact", "ExerciseNotice", "MaintenanceWindow", "SkipNotice"}


def test_the_alert_has_no_field_for_a_plate() -> None:
    assert [field for field in fields_of(Alert) if "plate" in field[1]] == []
