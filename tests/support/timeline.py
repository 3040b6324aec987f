"""A test driver for the fold: raw bytes in, decisions out; time moves only when a test says so."""

from itertools import count

import msgspec

from processors.fold.log_entry import LogEntry
from processors.fold.reducer import Decision, fold
from processors.state.partition_state import State, new_state
from processors.state.policy import FusionPolicy, policy_record
from schemas.alert import Alert
from schemas.enums import (
    AckAction,
    AckReason,
    Disposition,
    Grade,
    PillarKind,
    Reason,
)
from schemas.fusion_log import (
    Tick,
)
from schemas.partitioning import partition_of
from schemas.registry import RegistryDevice
from tests.support.log_records import PARTITIONS, ZONE, ack, device, entry, envelope, fact, ms


class Timeline:
    """The log of one partition, its state, and the decisions."""

    def __init__(self, *devices: RegistryDevice, zone: str = ZONE, partitions: int = PARTITIONS) -> None:
        self.zone = zone
        self.state: State = new_state(partition_of(zone, partitions), partitions)
        self.entries: list[LogEntry] = []
        self.decisions: list[Decision] = []
        self._numbers = count(1)
        for each in devices or (device(),):
            self.push(each)

    @property
    def alerts(self) -> list[Alert]:
        return [alert for decision in self.decisions for alert in decision.alerts]

    def push(self, record: msgspec.Struct, *, at_s: float = 0, zone: str | None = None) -> Decision:
        """Append a record to the log at a second and fold it; returns the first decision."""
        given = envelope(record, zone=self.zone if zone is None else zone)
        return self.push_entry(entry(given, offset=self.state.offset, append_ms=ms(at_s)))[0]

    def push_entry(self, given: LogEntry) -> tuple[Decision, ...]:
        self.entries.append(given)
        _, decisions = fold(self.state, given)
        self.decisions += decisions
        return decisions

    def pillar(
        self,
        kind: PillarKind,
        at_s: float,
        device_id: str = "P1",
        *,
        event_id: str | None = None,
        occurred_s: float | None = None,
        active: bool = True,
        exercise: bool = False,
    ) -> Decision:
        name = event_id or f"{kind}-{next(self._numbers)}"
        given = fact(
            kind,
            device_id,
            at_s=at_s,
            event_id=name,
            occurred_s=occurred_s,
            active=active,
            exercise=exercise,
        )
        return self.push(given, at_s=at_s)

    def press(self, at_s: float, device_id: str = "P1", *, event_id: str | None = None) -> Decision:
        return self.pillar(PillarKind.PRESS, at_s, device_id, event_id=event_id)

    def tick(self, at_s: float, *, clock_s: float | None = None) -> tuple[Decision, ...]:
        """Append a tick; its writer's clock is right unless a test says otherwise."""
        at = ms(at_s if clock_s is None else clock_s)
        given = envelope(Tick(number=self.state.tick + 1, at=at))
        return self.push_entry(entry(given, offset=self.state.offset, append_ms=ms(at_s)))

    def run(self, from_s: float, to_s: float, *, every_s: float = 1.0) -> list[Alert]:
        """Tick once a second in [from_s, to_s]; returns the alerts of all ticks."""
        told = []
        for number in range(int((to_s - from_s) / every_s) + 1):
            decisions = self.tick(from_s + number * every_s)
            told += [alert for decision in decisions for alert in decision.alerts]
        return told

    def acknowledge(
        self,
        action: AckAction,
        incident_id: str,
        at_s: float,
        *,
        ack_id: str | None = None,
        revision: int | None = None,
        reason: AckReason | None = None,
        disposition: Disposition | None = None,
        shelve_s: int | None = None,
        grade: Grade | None = None,
        note: str | None = None,
    ) -> Decision:
        """Append an acknowledgement of a person."""
        given = ack(
            incident_id,
            action,
            at_s=at_s,
            ack_id=ack_id or f"ack-{next(self._numbers)}",
            revision=revision,
            reason=reason,
            disposition=disposition,
            shelve_s=shelve_s,
            grade=grade,
            note=note,
        )
        return self.push(given, at_s=at_s)

    def policy(self, policy: FusionPolicy, *, revision: int = 1, at_s: float = 0) -> Decision:
        return self.push(policy_record(policy, revision), at_s=at_s)


def only_alert(decision: Decision) -> Alert:
    """The one alert of a decision."""
    assert len(decision.alerts) == 1, decision.reason
    return decision.alerts[0]


def reasons(timeline: Timeline) -> list[Reason]:
    return [decision.reason for decision in timeline.decisions]
