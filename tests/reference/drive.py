"""Steps into the log of one partition, and through the fold. The only module here that knows the fold."""

from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from typing import NamedTuple

import msgspec
from msgspec.structs import replace

from processors.fold import reducer
from processors.fold.log_entry import LogEntry
from processors.fold.snapshot_codec import dump, load
from processors.intake import pillar_event
from processors.state.effect import Decision
from processors.state.partition_state import State, new_state
from schemas.ack import AckFact, Actor
from schemas.alert import Alert
from schemas.codec import encode
from schemas.enums import InputKind
from schemas.feeds import PillarEvent
from schemas.fusion_log import (
    DeadLetterNotice,
    ExpectedFeeds,
    FeedBrokenNotice,
    FeedWatermark,
    FusionInput,
    MaintenanceWindow,
    PillarFact,
    Tick,
)
from schemas.registry import UNASSIGNED_ZONE, RegistryDevice
from schemas.topics import PILLAR_EVENTS
from schemas.units import EpochMs
from tests.reference.steps import Answer, Fact, Report, Second, Step
from tests.support.log_records import ZONE, ack, entry, envelope, ms

NOBODY = f"{ZONE}-{'0' * 26}"
"""An incident that nobody knows."""


class Entry(NamedTuple):
    """One entry of the log, and what came of it.

    Attributes:
        step: What arrived.
        given: The entry.
        record: Its record.
        zone: The zone of its envelope; empty for one that is sent to every partition.
        decisions: What the fold decided.
        alerts: What went out.
    """

    step: Step
    given: LogEntry
    record: msgspec.Struct
    zone: str
    decisions: tuple[Decision, ...]
    alerts: tuple[Alert, ...]


def fold_all(log: Iterable[LogEntry], restart_at: frozenset[int] = frozenset()) -> list[tuple[Decision, ...]]:
    """Fold a log again; before the offsets of `restart_at` another worker takes over from a snapshot."""
    state = new_state(0, 1)
    folded = []
    for each in log:
        if each.offset in restart_at:
            state = load(dump(state))
        folded.append(reducer.fold(state, each)[1])
    return folded


class Drive:
    """Folds steps one by one and remembers what an outsider has seen, to aim acknowledgements at it."""

    def __init__(self, state: State | None = None) -> None:
        self.entries: list[Entry] = []
        self._state = new_state(0, 1) if state is None else state
        self._zones: dict[str, str] = {}
        self._revisions: dict[str, int] = {}
        self._ticks = 0

    def push(self, step: Step) -> Entry:
        """Append one step and fold it."""
        given, record = self._record(step)
        each = entry(given, offset=len(self.entries), append_ms=step.at)
        _, decisions = reducer.fold(self._state, each)
        alerts = tuple(alert for decision in decisions for alert in decision.alerts)
        made = Entry(step, each, record, given.zone, decisions, alerts)
        self.entries.append(made)
        for alert in made.alerts:
            self._revisions.pop(alert.incident_id, None)
            self._revisions[alert.incident_id] = alert.revision
        if isinstance(record, RegistryDevice):
            self._zones[record.device_id] = UNASSIGNED_ZONE if record.removed else record.zone
        return made

    def _record(self, step: Step) -> tuple[FusionInput, msgspec.Struct]:
        match step.what:
            case Second(writer_ms):
                self._ticks += 1
                return _tick(self._ticks, writer_ms)
            case Report():
                zone = self._zones.get(step.what.device_id, UNASSIGNED_ZONE)
                fact = taken_in(step.what)
                return envelope(fact, zone=zone), fact
            case Answer():
                said = self._acknowledgement(step.at, step.what)
                return envelope(said, zone=said.incident_id.rpartition("-")[0]), said
            case Fact(record):
                if isinstance(record, FeedWatermark):
                    return _watermark(record), record
                return _envelope(record), record

    def _acknowledgement(self, at: EpochMs, answer: Answer) -> AckFact:
        names = list(self._revisions)
        name = names[-1 - answer.pick] if 0 <= answer.pick < len(names) else NOBODY
        revision = None if answer.behind is None else self._revisions.get(name, 1) - answer.behind
        record = ack(
            name,
            answer.action,
            ack_id=answer.ack_id,
            revision=revision,
            reason=answer.reason,
            disposition=answer.disposition,
            grade=answer.grade,
            shelve_s=answer.shelve_s,
        )
        actor = record.actor if answer.has_actor else Actor(name="", organisation="")
        sent_at = EpochMs(at - answer.age_ms)
        return replace(record, actor=actor, note=answer.note, at=sent_at, received_at=at)


def _envelope(record: msgspec.Struct) -> FusionInput:
    """The envelope of a record in the zone of the town, or in that of what concerns everybody."""
    if isinstance(record, MaintenanceWindow):
        name = f"{record.window_id}:{record.revision}"
        return FusionInput(kind=InputKind.MAINTENANCE, event_id=name, zone=ZONE, payload=encode(record))
    if isinstance(record, ExpectedFeeds):
        name = f"feeds:{record.revision}"
        return FusionInput(kind=InputKind.EXPECTED_FEEDS, event_id=name, zone="", payload=encode(record))
    return envelope(
        record, zone=UNASSIGNED_ZONE if isinstance(record, DeadLetterNotice | FeedBrokenNotice) else ZONE
    )


def taken_in(report: Report) -> PillarFact:
    """The fact that intake makes of a report."""
    event = PillarEvent(
        device_id=report.device_id,
        kind=report.kind,
        occurred_at=EpochMs(report.occurred_ms),
        received_at=EpochMs(report.received_ms),
        event_id=report.event_id,
        sequence=report.sequence,
        active=report.active,
        exercise=report.exercise,
    )
    place = pillar_event.record_place(PILLAR_EVENTS, 0, report.place)
    return pillar_event.intake(event, EpochMs(report.feed_ms), place=place)


@lru_cache(maxsize=4096)
def _tick(number: int, writer_ms: int) -> tuple[FusionInput, Tick]:
    record = Tick(number=number, at=EpochMs(writer_ms))
    return envelope(record), record


@lru_cache(maxsize=4096)
def _watermark(record: FeedWatermark) -> FusionInput:
    return envelope(record)


def drive(steps: Sequence[Step], change: Callable[[State], None] | None = None) -> list[Entry]:
    """Fold a whole log.

    Args:
        steps: The log.
        change: Changes the state before the first entry, where a test wants another beginning.
    """
    state = new_state(0, 1)
    if change is not None:
        change(state)
    running = Drive(state)
    for step in steps:
        running.push(step)
    return running.entries


START_MS = ms(0)
