"""`callbox maintenance` and `callbox exercise` on a real broker: what is written to the log and what is listed."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

import pytest
from msgspec.structs import replace

from callbox.cli import run
from callbox.demo.processes.embedded_broker import EmbeddedBroker
from callbox.terminal.times import format_time
from schemas.ack import Actor
from schemas.codec import decode, encode
from schemas.enums import AckReason, InputKind
from schemas.fusion_log import ExerciseNotice, FusionInput, MaintenanceWindow
from schemas.partitioning import partition_of
from schemas.topics import FUSION_INPUT, LOG_PARTITIONS, MAINTENANCE_WINDOWS
from schemas.units import DAY_MS, HOUR_MS, EpochMs
from streams.clock import now_ms
from streams.kafka.config import KafkaConfig
from streams.kafka.producer import ProducerRecord, publish
from streams.kafka.reader import read_all
from streams.kafka.topics import apply as make_topics
from tests.support.logs import restored_logs

pytestmark = pytest.mark.embedded

ME = ("--actor", "Li", "--organisation", "Town")
LI = Actor(name="Li", organisation="Town")
TONIGHT = ("--from", "+2h", "--to", "+4h", "--reason", "planned_work")
TOWN = """
[[zones]]
name = "north"
chain = [{ tier = "village", unit = "A" }]
[[zones]]
name = "south"
chain = [{ tier = "village", unit = "B" }]
"""
DEVICES = (
    ("a", "pillar", "north"),
    ("b", "pillar", "north"),
    ("c", "pillar", "south"),
    ("g", "gateway", "south"),
)

RecordT = TypeVar("RecordT", MaintenanceWindow, ExerciseNotice)

Call = Callable[..., list[str]]
"""(arguments, code=0) -> the lines on stdout."""


@pytest.fixture
def broker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[KafkaConfig]:
    """A fresh broker with the topics of the catalogue, named by the config in the working folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("CALLBOX_CONFIG", raising=False)
    with EmbeddedBroker(tmp_path / "broker.log") as embedded:
        text = f'[kafka]\nbootstrap = "{embedded.bootstrap}"\nkind = "embedded"\n'
        (tmp_path / "callbox.toml").write_text(text, encoding="utf-8")
        config = KafkaConfig(bootstrap=embedded.bootstrap, kind=embedded.kind)
        make_topics(config, i_lose_order=False)
        yield config


@pytest.fixture
def call(broker: KafkaConfig, capsys: pytest.CaptureFixture[str]) -> Iterator[Call]:
    """Run a command in a town of two zones, and look at its exit code."""

    def called(*arguments: str, code: int = 0) -> list[str]:
        found = run(arguments)
        captured = capsys.readouterr()
        assert found == code, captured.err
        return (captured.out or captured.err).splitlines()

    devices = (
        f'[[devices]]\nid = "{name}"\nkind = "{kind}"\nzone = "{zone}"\nlon = 104.1\nlat = 30.5\n'
        for name, kind, zone in DEVICES
    )
    Path("town.toml").write_text("\n".join([TOWN, *devices]), encoding="utf-8")
    with restored_logs():
        called("registry", "apply", "town.toml")
        yield called


def told(broker: KafkaConfig, kind: InputKind, record: type[RecordT]) -> list[RecordT]:
    """What the log was told of this kind, by revision; each record lies in the partition of its zone."""
    found = []
    for each in read_all(broker, FUSION_INPUT):
        made = decode(each.value, FusionInput)
        if made.kind is kind:
            assert each.key == made.zone.encode()
            assert each.partition == partition_of(made.zone, LOG_PARTITIONS)
            found.append(decode(made.payload, record))
    return sorted(found, key=lambda each: (each.revision, each.zone))


def windows_told(broker: KafkaConfig) -> list[MaintenanceWindow]:
    return told(broker, InputKind.MAINTENANCE, MaintenanceWindow)


def listed(call: Call, *options: str) -> list[dict[str, object]]:
    lines = call("maintenance", "list", "--json", *options)
    return [json.loads(line) for line in lines if line.startswith("{")]


def test_what_is_planned_is_told_listed_and_ended(call: Call, broker: KafkaConfig) -> None:
    said = call("maintenance", "add", "--device", "b", "--device", "a", *TONIGHT, "--note", "ladder", *ME)
    assert said[0].endswith("  a, b in north")
    assert said[-1].startswith("planned as revision ")
    (planned,) = windows_told(broker)
    (period,) = planned.periods
    assert (planned.devices, planned.gateway, planned.zone) == (("a", "b"), None, "north")
    assert (planned.reason, planned.note, planned.actor) == (AckReason.PLANNED_WORK, "ladder", LI)
    assert period.ends_at - period.begins_at == 2 * HOUR_MS
    (shown,) = listed(call)
    assert (shown["window_id"], shown["state"]) == (planned.window_id, "planned")
    assert any(planned.window_id in line for line in call("maintenance", "list"))
    assert listed(call, "--zone", "south") == []

    assert "ended as revision" in call("maintenance", "end", planned.window_id[-8:], *ME)[0]
    ended = windows_told(broker)[-1]
    assert ended == replace(planned, ended=True, revision=ended.revision)
    assert ended.revision > planned.revision
    assert call("maintenance", "list") == ["no work is planned"]
    assert [each["state"] for each in listed(call, "--all")] == ["ended"]
    assert "ended already, nothing written" in call("maintenance", "end", planned.window_id, *ME)[0]
    assert len(windows_told(broker)) == 2


def test_devices_of_two_zones_are_a_window_in_each(call: Call, broker: KafkaConfig) -> None:
    call("maintenance", "add", "--device", "c", "--device", "a", *TONIGHT, *ME)
    found = windows_told(broker)
    assert [(each.zone, each.devices) for each in found] == [("north", ("a",)), ("south", ("c",))]
    assert len({each.window_id for each in found}) == 2


def test_a_site_a_zone_and_a_rule(call: Call, broker: KafkaConfig) -> None:
    call("maintenance", "add", "--site", "g", *TONIGHT, *ME)
    said = call("maintenance", "add", "--zone", "north", *TONIGHT, "--rule", "FREQ=DAILY;COUNT=30", *ME)
    assert any("and 27 more" in line for line in said)
    site, zone = windows_told(broker)
    assert (site.zone, site.gateway, site.devices) == ("south", "g", ())
    assert (zone.zone, zone.gateway, zone.devices, zone.rule) == ("north", None, (), "FREQ=DAILY;COUNT=30")
    assert len(zone.periods) == 30
    weekly = ("maintenance", "add", "--zone", "north", *TONIGHT, "--rule", "FREQ=WEEKLY", "--dry-run")
    assert any("has no end" in line for line in call(*weekly, *ME))


def test_the_same_again_is_the_same_window_with_a_higher_revision(call: Call, broker: KafkaConfig) -> None:
    begins, ends = (format_time(EpochMs(now_ms() + days * DAY_MS)) for days in (1, 2))
    plan = ("maintenance", "add", "--device", "a", "--from", begins, "--to", ends, "--reason", "nuisance")
    call(*plan, *ME)
    call(*plan, *ME, "--note", "ladder")
    first, again = windows_told(broker)
    assert again == replace(first, revision=again.revision, note="ladder")
    assert again.revision > first.revision
    assert [each["note"] for each in listed(call, "--all")] == ["ladder"]


@pytest.mark.parametrize(
    ("what", "said"),
    [
        (("--device", "a", "--device", "x", "--device", "y"), "no device x, y"),
        (("--site", "x"), "no gateway x"),
        (("--site", "a"), "a is no gateway"),
        (("--zone", "x"), "no zone x"),
    ],
)
def test_what_the_registry_does_not_have_refuses_all(
    what: tuple[str, ...], said: str, call: Call, broker: KafkaConfig
) -> None:
    assert said in call("maintenance", "add", *what, *TONIGHT, *ME, code=66)[0]
    assert windows_told(broker) == []
    assert listed(call, "--all") == []


def test_a_dry_run_shows_the_plan_and_writes_nothing(call: Call, broker: KafkaConfig) -> None:
    said = call("maintenance", "add", "--device", "a", *TONIGHT, "--dry-run", *ME)
    assert said[0].startswith("window   north-")
    assert said[-1] == "nothing written"
    assert windows_told(broker) == []


def test_what_has_been_over_for_a_week_leaves_the_topic_with_the_next_write(
    call: Call, broker: KafkaConfig
) -> None:
    call("maintenance", "add", "--device", "a", *TONIGHT, *ME)
    (planned,) = windows_told(broker)
    old = replace(planned, window_id="north-00000000", ended=True, revision=now_ms() - 8 * DAY_MS)
    publish(broker, [ProducerRecord(MAINTENANCE_WINDOWS, b"north-00000000", encode(old))])
    assert len(listed(call, "--all")) == 2
    call("maintenance", "end", planned.window_id, *ME)
    assert [each["window_id"] for each in listed(call, "--all")] == [planned.window_id]


def test_an_exercise_begins_and_ends_in_each_zone(call: Call, broker: KafkaConfig) -> None:
    said = call("exercise", "start", "--zone", "north", "--zone", "south", "--for", "2h", *ME)
    assert [line.split(" until ")[0] for line in said] == ["north: exercise", "south: exercise"]
    assert call("exercise", "end", "--zone", "north", *ME) == ["north: exercise over"]
    north, south, over = told(broker, InputKind.EXERCISE, ExerciseNotice)
    assert (north.zone, south.zone, over.zone) == ("north", "south", "north")
    assert (north.ends_at - north.at, north.actor, north.ended) == (2 * HOUR_MS, LI, False)
    assert over.exercise_id == north.exercise_id
    assert over.ended
    assert over.revision > north.revision


def test_an_exercise_in_a_zone_that_is_not_there_is_refused(call: Call, broker: KafkaConfig) -> None:
    assert "no zone x" in call("exercise", "start", "--zone", "north", "--zone", "x", *ME, code=66)[0]
    assert told(broker, InputKind.EXERCISE, ExerciseNotice) == []
