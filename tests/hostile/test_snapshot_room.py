"""What one credential makes the fold remember fits a snapshot, whatever ids it makes up, in any script.

A state that fits none cannot be restored once the log's retention has passed, and its worker is not ready. The
credential is that of a gateway of devices that are bound to none, or that of a dispatch system.
"""

import random

import pytest

from processors.fold import apply as changes
from processors.fold.log_entry import LogEntry
from processors.fold.snapshot_codec import dump, load
from processors.rules import dedup
from schemas.enums import AckAction, PillarKind
from schemas.ids import ID_LENGTH
from schemas.registry import UNASSIGNED_ZONE
from schemas.topics import BY_NAME, FUSION_SNAPSHOT
from streams.state.snapshot_bytes import pack_state
from tests.support.log_records import device, entry, envelope, fact, ms
from tests.support.timeline import Timeline

ROOM = BY_NAME[FUSION_SNAPSHOT].max_message_bytes
PILLARS = 630
"""Of a county; all of them may be in one zone."""

PART = 10
"""A tenth of it is tried."""

LAST_OF_ASCII_NAMES = 31
"""With `release:on:` before it, the longest name of an event in ASCII that is not hashed."""


def made_up(chance: random.Random, length: int = ID_LENGTH) -> str:
    """An id of characters that take four bytes each; no compression makes it much shorter."""
    return "".join(chr(chance.randint(0x20000, 0x2A6DF)) for _ in range(length))


def size_of(line: Timeline) -> int:
    return len(pack_state(dump(line.state))) * PART


@pytest.fixture
def a_tenth(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(changes, "MAX_UNREGISTERED", changes.MAX_UNREGISTERED // PART)
    monkeypatch.setattr(changes, "MAX_UNREGISTERED_BYTES", changes.MAX_UNREGISTERED_BYTES // PART)
    monkeypatch.setattr(dedup, "FEW_UNREGISTERED", dedup.FEW_UNREGISTERED // PART)


@pytest.mark.usefixtures("a_tenth")
@pytest.mark.parametrize("length", [9, ID_LENGTH])
def test_unregistered_devices_with_ids_of_any_script(length: int) -> None:
    chance, line = random.Random(1), Timeline(zone=UNASSIGNED_ZONE)
    for number in range(changes.MAX_UNREGISTERED + 100):
        name, at_s = made_up(chance, length), 1 + number / 10
        for each in range(64 if number < dedup.FEW_UNREGISTERED else 8):
            for kind in (PillarKind.PRESS, PillarKind.RELEASE):
                line.pillar(kind, at_s + each / 1_000, name, event_id=made_up(chance, 10))
    assert size_of(line) < ROOM
    restored = load(dump(line.state))
    assert (restored.unregistered_count, restored.unregistered_bytes) == (
        line.state.unregistered_count,
        line.state.unregistered_bytes,
    )
    assert line.state.unregistered_count >= 700 or length == ID_LENGTH


@pytest.mark.parametrize("length", [LAST_OF_ASCII_NAMES, ID_LENGTH])
def test_every_pillar_of_a_county_with_an_incident_of_many_presses(length: int) -> None:
    chance = random.Random(1)
    line = Timeline(*(device(f"P{each}", lat=20 + each / 20) for each in range(PILLARS // PART)))
    for press in range(64):
        for each in range(PILLARS // PART):
            for kind in (PillarKind.PRESS, PillarKind.RELEASE):
                at_s = 1 + press * 40 + each / 100
                line.pillar(kind, at_s, f"P{each}", event_id=made_up(chance, length))
    assert len(line.state.incidents) == PILLARS // PART
    assert size_of(line) < ROOM


def test_acknowledgements_with_ids_of_any_script() -> None:
    chance = random.Random(1)
    open_and_ended = (changes.MAX_ENDED + PILLARS) // PART
    line = Timeline(*(device(f"P{each}", lat=20 + each / 20) for each in range(open_and_ended)))
    for each in range(open_and_ended):
        (alert,) = line.press(1 + each, f"P{each}").alerts
        for number in range(64):
            name = made_up(chance)
            line.acknowledge(
                AckAction.NOTE,
                alert.incident_id,
                1 + each + number / 1_000,
                ack_id=name,
                revision=1,
                note="n",
            )
    for number in range(changes.MAX_UNMATCHED // PART):
        name = made_up(chance)
        line.acknowledge(AckAction.NOTE, made_up(chance), 900 + number / 1_000, ack_id=name)
    assert size_of(line) < ROOM


def test_a_device_whose_clock_is_set_back_is_forgotten_by_a_restored_state_when_it_is_by_the_live_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(changes, "MAX_UNREGISTERED", 3)
    line = Timeline(zone=UNASSIGNED_ZONE)

    def pressed(name: str, at_s: float, received_s: float, event_id: str) -> LogEntry:
        made = envelope(fact(device_id=name, at_s=received_s, event_id=event_id), zone=UNASSIGNED_ZONE)
        return entry(made, offset=line.state.offset, append_ms=ms(at_s))

    for number, (name, received_s) in enumerate([("A", 30), ("B", 25), ("C", 26), ("A", 15)]):
        line.push_entry(pressed(name, 20, received_s, f"e{number}"))
    restored = Timeline(zone=UNASSIGNED_ZONE)
    restored.state = load(dump(line.state))
    last = pressed("D", 31, 31, "last")
    for each in (line, restored):
        each.push_entry(last)
        known = {key[1] for key, found in each.state.devices.items() if found.site is None}
        assert known == {"B", "C", "D"}
