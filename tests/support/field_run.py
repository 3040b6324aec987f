"""One file of the field's corpus as it is folded: the log, what it publishes, and the answers.

An acknowledgement names an incident that has been told by then, so the log is made while it is folded. The inputs come
from tests/support/field_inputs.py.
"""

from collections.abc import Callable, Iterable
from typing import NamedTuple

from processors.fold.log_entry import LogEntry
from processors.fold.reducer import fold
from processors.state.effect import Decision
from processors.state.partition_state import State, new_state
from schemas.ack import AckResult
from schemas.alert import Alert
from schemas.codec import encode
from schemas.enums import Hazard, Reason
from schemas.fusion_log import FusionInput
from schemas.partitioning import partition_of
from tests.support.field_file import Ack, FieldFile
from tests.support.log_records import ms

FAILURES = (Reason.FOLD_ERROR, Reason.UNDECODABLE)


class Given(NamedTuple):
    """One input before it is written; `make` is called when its turn has come."""

    at: float
    rank: int
    number: int
    append: float
    make: Callable[["FieldRun"], FusionInput | None]
    lies_with: str | None = None


class Answered(NamedTuple):
    """An acknowledgement, what it should be answered, and its answers."""

    at: float
    ack: Ack
    ack_id: str
    incident_id: str
    results: list[AckResult]


class FieldRun:
    """The log of a file, folded while it is made.

    Args:
        file: What arrives.
        inputs: The same as inputs, in any order.
    """

    def __init__(self, file: FieldFile, inputs: Iterable[Given]) -> None:
        self.file = file
        self.states = [new_state(number, file.partitions) for number in range(file.partitions)]
        self.logs: list[list[LogEntry]] = [[] for _ in self.states]
        self.failures: list[tuple[float, Decision]] = []
        self.alerts = list[tuple[float, Alert]]()
        self.acks: list[Answered] = []
        self._waiting: dict[tuple[str, str], Answered] = {}
        self.published: list[list[bytes]] = [[] for _ in self.states]
        self.zones: dict[str, str] = {}
        self.ticks = 0
        for given in sorted(inputs, key=lambda each: each[:3]):
            made = given.make(self)
            if made is not None:
                self._write(given, made)

    def incident_of(self, device: str | None, hazard: Hazard | None, which: int) -> str:
        """The incident, of those that name the device or have the hazard, in the order in which they were told."""
        found: dict[str, None] = {}
        for _, alert in self.alerts:
            is_about = device is None or any(source.device_id == device for source in alert.sources)
            if is_about and (hazard is None or alert.hazard is hazard):
                found[alert.incident_id] = None
        names = list(found)
        return names[which] if -len(names) <= which < len(names) else "east-of-which-nobody-has-heard"

    def revision_of(self, incident_id: str) -> int | None:
        """The latest revision of an incident that is out."""
        return max(
            (alert.revision for _, alert in self.alerts if alert.incident_id == incident_id), default=None
        )

    def _write(self, given: Given, made: FusionInput) -> None:
        if made.zone:
            home = given.lies_with or made.zone
            targets = [partition_of(home, len(self.states))]
        else:
            targets = list(range(len(self.states)))
        for partition in targets:
            state, log = self.states[partition], self.logs[partition]
            entry = LogEntry(len(log), ms(given.append), made.zone.encode(), encode(made))
            log.append(entry)
            decisions = fold(state, entry)[1]
            self.published[partition] += [sent for decision in decisions for sent in bytes_of(decision)]
            for decision in decisions:
                self._take(given.at, decision)

    def asked(self, answered: Answered) -> None:
        """An acknowledgement is on its way."""
        self.acks.append(answered)
        self._waiting.setdefault((answered.incident_id, answered.ack_id), answered)

    def _take(self, at: float, decision: Decision) -> None:
        if decision.reason in FAILURES:
            self.failures.append((at, decision))
        self.alerts += [(at, alert) for alert in decision.alerts]
        result = decision.result
        if result is not None:
            self._waiting[result.incident_id, result.ack_id].results.append(result)


def bytes_of(decision: Decision) -> list[bytes]:
    """What a decision publishes, in order."""
    alerts = [encode(alert) for alert in decision.alerts]
    return alerts if decision.result is None else [*alerts, encode(decision.result)]


def published(state: State, log: list[LogEntry]) -> list[bytes]:
    """Everything that a log publishes, in order."""
    return [sent for entry in log for decision in fold(state, entry)[1] for sent in bytes_of(decision)]
