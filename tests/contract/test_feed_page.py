"""docs/feed.md is true of intake, and its example writes a record that the workers read."""

import sys
from types import ModuleType, SimpleNamespace
from typing import cast

import pytest

from schemas.codec import decode
from schemas.enums import PillarKind
from schemas.feeds import PillarEvent
from schemas.topics import BY_NAME, PILLAR_EVENTS
from tests.support.documents import blocks, rows, text_of
from tests.support.paths import ROOT

PAGE = text_of(ROOT / "docs/feed.md")


class Producer:
    """What the example needs of confluent-kafka's producer."""

    sent: list[tuple[str, bytes, bytes]]
    settings: dict[str, object]

    def __init__(self, settings: dict[str, object]) -> None:
        Producer.settings, Producer.sent = settings, []

    def produce(self, topic: str, value: bytes, key: bytes) -> None:
        Producer.sent.append((topic, value, key))

    def flush(self, _seconds: float) -> int:
        return 0


def test_the_example_writes_an_event_that_the_workers_read(monkeypatch: pytest.MonkeyPatch) -> None:
    (source,) = [content for language, content in blocks(PAGE) if language == "python"]
    schema = str(ROOT / "schemas/avro/pillar_event.avsc")
    monkeypatch.setattr(sys, "argv", ["feed.py", "kafka:9092", schema, "pillar-07"])
    monkeypatch.setitem(
        sys.modules, "confluent_kafka", cast("ModuleType", SimpleNamespace(Producer=Producer))
    )
    exec(compile(source, "docs/feed.md", "exec"), {})
    ((topic, value, key),) = Producer.sent
    event = decode(value, PillarEvent)
    assert (topic, key) == (PILLAR_EVENTS, b"pillar-07")
    assert (event.device_id, event.kind) == ("pillar-07", PillarKind.TEST)
    assert Producer.settings["partitioner"] == "murmur2_random"


def test_every_kind_of_pillar_event_is_explained() -> None:
    kinds = [
        name for row in rows(PAGE, "## Pillar events")[1:] for name in row[0].replace("`", "").split(", ")
    ]
    assert sorted(kinds) == sorted(kind.value for kind in PillarKind if kind is not PillarKind.UNKNOWN)


def test_the_keys_and_sizes_are_those_of_the_catalogue() -> None:
    for name, _, key, largest in rows(PAGE, "## Topics")[1:]:
        topic = BY_NAME[name.strip("`")]
        size = {1 << 20: "1 MiB", (8 << 20) + (64 << 10): "8 MiB and 64 KiB"}[topic.max_message_bytes]
        assert (key, largest) == (topic.key, size)
