"""Whoever may write the log, with whatever it holds: no record stops the fold, its snapshots or another device.

The credential is that of any worker. Each record of each kind is tried with every field at its extremes, one by one
and all at once, and then the fold must still save its state, publish what it decides, and hear a press of another
device.
"""

import types
import typing
from collections.abc import Iterator
from enum import Enum
from random import Random
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from processors.fold.bounds import LENGTHS, MAX_ENTRIES
from processors.fold.log_entry import LogEntry
from processors.fold.reducer import RECORDS, Decision, fold
from processors.fold.snapshot_codec import dump, load
from processors.state.partition_state import unassigned_zone
from schemas.codec import encode
from schemas.enums import Grade, InputKind, PillarKind, Reason
from schemas.fusion_log import (
    FeedStatus,
    FusionInput,
    MaintenanceWindow,
    PillarFact,
    PolicyRecord,
    Tick,
)
from schemas.ids import ID_LENGTH, bounded_id, is_printable
from schemas.registry import RegistryDevice
from schemas.topics import ALERTS, BY_NAME
from schemas.units import EpochMs
from tests.support.log_records import ZONE, device, fact, ms
from tests.support.timeline import Timeline

TEXTS = (
    "",
    "x" * 129,
    "x" * 300_000,
    "\x1b[2J",
    "a\0b",
    "/",
    "a/b",
    "\u202edesrever",
    "\ufeff",
    "求" * 100_000,
    "~",
)
NUMBERS = (0, -1, 2**31 - 1, 2**53, 2**62, 2**63 - 1, -(2**63))
DOUBLES = (0.0, -1.0, float("inf"), float("nan"))
LISTS = (0, 2, 1_200)
KINDS = sorted(RECORDS, key=str)
ALERT_BYTES = BY_NAME[ALERTS].max_message_bytes


def extremes(kind: Any) -> Iterator[Any]:
    """Values of a field's type that its schema allows and that nobody means."""
    arguments = typing.get_args(kind)
    if isinstance(kind, type) and issubclass(kind, Enum):
        yield from kind
    elif isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        for name, inner in typing.get_type_hints(kind).items():
            yield from (replace(plain(kind), **{name: value}) for value in extremes(inner))
    elif typing.get_origin(kind) is tuple:
        inner = [plain(arguments[0]), *extremes(arguments[0])][:3]
        yield from ((value,) * count for count in LISTS for value in inner)
        if arguments[0] is int:
            yield tuple(range(20_000))
    elif types.NoneType in arguments:
        yield None
        yield from extremes(next(each for each in arguments if each is not types.NoneType))
    elif kind is bool:
        yield from (True, False)
    elif kind is bytes:
        yield from (b"", b"{}", b"\xff" * 100_000)
    elif kind is float:
        yield from DOUBLES
    else:
        yield from TEXTS if kind is str else NUMBERS


def plain(kind: Any) -> Any:
    """A value of a field's type that could be true."""
    arguments = typing.get_args(kind)
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        return kind(**{name: plain(inner) for name, inner in typing.get_type_hints(kind).items()})
    if isinstance(kind, type) and issubclass(kind, Enum):
        return list(kind)[-1]
    if typing.get_origin(kind) is tuple:
        return (plain(arguments[0]),)
    if types.NoneType in arguments:
        return plain(next(each for each in arguments if each is not types.NoneType))
    made = {str: "P1", int: 1, EpochMs: ms(60), bool: True, bytes: b"{}"}
    return made.get(kind, 1)


def is_small(value: Any) -> bool:
    """Whether a record with this value fits the log, which takes 1 MiB."""
    return len(msgspec.msgpack.encode(value)) < 500_000


def records(kind: InputKind) -> Iterator[msgspec.Struct]:
    """Records of a kind: each field at each of its extremes, and many with all fields so."""
    record = RECORDS[kind]
    hints = typing.get_type_hints(record)
    usual = plain(record)
    if "zone" in hints:
        usual = replace(usual, zone=ZONE)
    if kind is InputKind.FEED_WATERMARK:
        usual = replace(usual, topic="alarm.pillar-event.v1")
    for name, inner in hints.items():
        yield from (replace(usual, **{name: value}) for value in extremes(inner) if is_small(value))
    chance = Random(str(kind))
    values = {name: [value for value in extremes(inner) if is_small(value)] for name, inner in hints.items()}
    for _ in range(60):
        names = chance.sample(list(hints), chance.randint(1, len(hints)))
        yield replace(usual, **{name: chance.choice(values[name]) for name in names})


def town() -> Timeline:
    line = Timeline(device("P1", heartbeat_s=60), device("P2"))
    line.press(50, "P1")  # an incident that all of it may join
    return line


def push(
    line: Timeline, kind: InputKind, record: msgspec.Struct, *, zone: str, at_s: float
) -> list[Decision]:
    """Fold a record as whoever may write the log could put it there."""
    zone = "" if kind in {InputKind.TICK, InputKind.POLICY, InputKind.FEED_WATERMARK} else zone
    value = encode(FusionInput(kind=kind, event_id="any", zone=zone, payload=encode(record)))
    return list(line.push_entry(LogEntry(line.state.offset, ms(at_s), zone.encode(), value)))


def assert_published(decisions: list[Decision]) -> None:
    """What was decided can be encoded and fits its topic."""
    for decision in decisions:
        assert decision.reason is not Reason.FOLD_ERROR, decision.detail
        for alert in decision.alerts:
            assert len(encode(alert)) < ALERT_BYTES
        if decision.result is not None:
            encode(decision.result)


def assert_hears(line: Timeline, device_id: str, at_s: float) -> None:
    """A press of a registered device that nobody has interfered with raises or joins, and is named."""
    pressed = line.press(at_s, device_id, event_id=f"press-{device_id}-{at_s}")
    assert pressed.alerts, pressed.reason
    assert pressed.alerts[0].grade is Grade.RED
    assert device_id in {source.device_id for source in pressed.alerts[0].sources}


@pytest.mark.parametrize("kind", KINDS)
def test_no_record_of_a_kind_stops_the_fold_its_snapshots_or_another_device(kind: InputKind) -> None:
    line, at_s = town(), 60.0
    for record in records(kind):
        assert_published(push(line, kind, record, zone=ZONE, at_s=at_s))
    for _ in range(5):
        at_s += 1
        assert_published(list(line.tick(at_s)))
    restored = load(dump(line.state))
    assert restored.offset == line.state.offset
    assert_hears(line, "P2", at_s + 200)


@pytest.mark.parametrize("kind", KINDS)
def test_each_record_leaves_a_state_that_can_be_saved(kind: InputKind) -> None:
    """One by one, so that a later record does not hide what an earlier one has left."""
    chance = Random(str(kind))
    found = list(records(kind))
    for record in chance.sample(found, min(40, len(found))):
        line = town()
        assert_published(push(line, kind, record, zone=ZONE, at_s=60))
        assert_published(list(line.tick(61)))
        load(dump(line.state))


@pytest.mark.parametrize("text", TEXTS[1:5])
def test_an_id_that_nobody_can_print_is_renamed_and_the_alert_fits(text: str) -> None:
    line = town()
    pressed = line.push(fact(PillarKind.PRESS, text, at_s=60, event_id=text + "1"), at_s=60)
    (source,) = {source for alert in pressed.alerts for source in alert.sources}
    assert is_printable(source.device_id)
    assert len(source.device_id) <= ID_LENGTH
    assert "~" in source.device_id
    assert {"PillarFact.device_id", "PillarFact.event_id"} <= set(pressed.bounded)


def test_a_renamed_id_is_the_same_each_time() -> None:
    assert bounded_id("\x1b" * 5) == bounded_id("\x1b" * 5) != bounded_id("\x1b" * 6)
    assert bounded_id(bounded_id("x" * 999)) == bounded_id("x" * 999)


@pytest.mark.parametrize("zone", ["x" * 200, "a/b", "a\nb"])
def test_a_press_of_a_zone_that_no_registry_can_have_is_heard(zone: str) -> None:
    line = town()
    pressed = push(line, InputKind.PILLAR_EVENT, fact(PillarKind.PRESS, "P9", at_s=60), zone=zone, at_s=60)
    (alert,) = pressed[0].alerts
    assert alert.grade is Grade.RED
    assert alert.zone == unassigned_zone(line.state.partition, line.state.partitions)


@pytest.mark.parametrize("zone", ["x" * 200, "a/b", "a\nb"])
def test_a_registry_record_of_such_a_zone_has_no_effect(zone: str) -> None:
    line = town()
    record = device("P9", zone=zone)
    (decision,) = push(line, InputKind.DEVICE, record, zone=zone, at_s=60)
    assert decision.reason is Reason.MISROUTED


def test_a_tick_of_the_highest_number_is_not_the_last_one() -> None:
    line = town()
    for number in (2**63 - 1, 2**62, 2**63 - 1):
        push(line, InputKind.TICK, Tick(number=number, at=ms(61)), zone="", at_s=61)
    reasons = [decision.reason for decision in line.tick(62)]
    assert reasons[-1] is Reason.TICK
    assert line.state.tick < 2**53


@pytest.mark.parametrize("revision", [2**63 - 1, 2**62, ms(2 * 86_400)])
def test_a_revision_from_the_future_closes_no_door(revision: int) -> None:
    line = town()
    policy = line.state.policy
    line.policy(replace(policy, bounce_ms=1_000), revision=revision, at_s=60)
    line.push(device("P2", lat=31.0, revision=revision), at_s=60)
    assert (
        line.policy(replace(policy, bounce_ms=2_000), revision=ms(61), at_s=61).reason
        is Reason.POLICY_ACTIVATED
    )
    assert line.state.policy.bounce_ms == 2_000
    assert line.push(device("P2", lat=30.5, revision=ms(61)), at_s=61).reason is Reason.DEVICE_UPDATED


def test_a_refused_revision_says_which_field_it_was() -> None:
    line = town()
    decision = line.push(device("P2", revision=2**63 - 1), at_s=60)
    assert decision.detail == "RegistryDevice.revision is more than a day ahead"


@pytest.mark.parametrize("seconds", [2**62, 2**63 - 1, -(2**63), 0, -1])
@pytest.mark.parametrize("removed", [True, False])
def test_an_interval_of_any_length_can_be_saved(seconds: int, *, removed: bool) -> None:
    line = town()
    site = replace(device("P2", revision=2, removed=removed), heartbeat_s=seconds, test_every_s=seconds)
    line.push(site, at_s=60)
    line.run(61, 63)
    load(dump(line.state))
    assert_hears(line, "P2", 64)


def test_a_report_of_20000_partitions_is_cut() -> None:
    line = town()
    status = plain(FeedStatus)
    wide = replace(status, topic="alarm.pillar-event.v1", partitions=tuple(range(20_000)))
    push(line, InputKind.FEED_STATUS, wide, zone="", at_s=60)
    assert len(line.state.watermarks) <= MAX_ENTRIES
    load(dump(line.state))


def test_a_chain_of_20000_units_is_cut_and_its_alerts_fit() -> None:
    line = town()
    link = device().chain[0]
    line.push(replace(device("P2", revision=2), chain=(link,) * 20_000), at_s=60)
    pressed = line.press(300, "P2")
    assert len(pressed.alerts[0].chain) == LENGTHS["chain"]
    assert len(encode(pressed.alerts[0])) < ALERT_BYTES


@pytest.mark.parametrize("at", [2**63 - 1, -(2**63), ms(3_600), 0])
def test_a_press_at_an_impossible_time_is_heard_and_marked(at: int) -> None:
    line = town()
    given = PillarFact(
        event_id="e", device_id="P2", kind=PillarKind.PRESS, occurred_at=EpochMs(at), received_at=EpochMs(at)
    )
    pressed = line.push(given, at_s=300)
    assert pressed.alerts[0].grade is Grade.RED
    assert pressed.alerts[0].clock_suspect
    load(dump(line.state))


def test_a_policy_that_promises_the_moon_is_refused() -> None:
    line = town()
    for content in (b"{}", b"[" * 100_000, b'{"bounce_ms": 4611686018427387904}', b"\xff"):
        record = PolicyRecord(version="v", revision=ms(60), content=content)
        (decision,) = push(line, InputKind.POLICY, record, zone="", at_s=60)
        assert decision.reason is Reason.POLICY_REFUSED


def test_a_window_of_too_many_periods_is_cut_not_stored() -> None:
    line = town()
    window = replace(plain(MaintenanceWindow), zone=ZONE, devices=("P2",) * 20_000)
    push(line, InputKind.MAINTENANCE, window, zone=ZONE, at_s=60)
    assert all(len(each.devices) <= MAX_ENTRIES for each in line.state.windows.values())


def test_a_registry_record_keeps_what_is_in_order() -> None:
    line = town()
    record = device("P2", revision=2, heartbeat_s=300)
    assert line.push(record, at_s=60).bounded == ()
    found = line.state.devices[ZONE, "P2"].site
    assert isinstance(found, RegistryDevice)
    assert found == record


def test_two_readers_of_a_hostile_log_agree_byte_for_byte() -> None:
    line = town()
    for kind in KINDS:
        for record in Random(str(kind)).sample(list(records(kind)), 10):
            push(line, kind, record, zone=ZONE, at_s=60)
    line.run(61, 70)
    other = town().state
    for entry in line.entries[3:]:
        other, _ = fold(other, entry)
    assert dump(other) == dump(line.state)
