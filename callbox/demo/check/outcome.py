"""What must come out of a scenario, what did, and how the two differ. Values only.

That no question came out of a plate read proves little if its picture was not read. The plates worker counts its
reads by outcome and says nothing of a vehicle; each read must have been counted as one that is on no list, a hit or
a dead letter.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from callbox.demo.check.collect import Collected
from callbox.demo.play import Sent
from callbox.demo.processes.environment import counter_values
from callbox.demo.scenario import Scenario, zone_of_device
from callbox.demo.steps import AckStep, PlateStep, ack_id_of
from schemas.enums import AckOutcome, Action, Grade, Reason
from schemas.errors import Cause
from schemas.registry import RegistryDevice
from schemas.topics import PLATE_READS


@dataclass(frozen=True)
class AlertOutcome:
    """An alert, by the fields that a scenario states."""

    topic: str
    action: Action
    reason: Reason
    grade: Grade
    zone: str
    device: str
    press_count: int
    has_picture: bool

    def __str__(self) -> str:
        picture = ", with a picture" if self.has_picture else ""
        presses = f", presses {self.press_count}" if self.press_count else ""
        return (
            f"{self.topic}: {self.grade} {self.action}, {self.reason}, {self.device} in {self.zone}"
            f"{presses}{picture}"
        )


@dataclass(frozen=True)
class DeadLetterOutcome:
    """A dead letter."""

    topic: str
    partition: int
    offset: int
    cause: Cause
    worker: str

    def __str__(self) -> str:
        place = f"{self.topic}[{self.partition}]@{self.offset}"
        return f"dead letter of {place}: {self.cause}, by {self.worker}"


@dataclass(frozen=True)
class RequestOutcome:
    """A question to a person."""

    entry_id: str
    has_crop: bool

    def __str__(self) -> str:
        return f"verification request about {self.entry_id}, {'with' if self.has_crop else 'without'} a crop"


@dataclass(frozen=True)
class AnswerOutcome:
    """An answer to an acknowledgement."""

    ack_id: str
    outcome: AckOutcome
    reason: Reason

    def __str__(self) -> str:
        return f"answer to {self.ack_id}: {self.outcome}, {self.reason}"


AnyOutcome = AlertOutcome | DeadLetterOutcome | RequestOutcome | AnswerOutcome

Outcomes = Counter[AnyOutcome]


def expected(scenario: Scenario, town: Sequence[RegistryDevice], sent: Sequence[Sent]) -> Outcomes:
    """What must come out.

    Args:
        scenario: The scenario.
        town: Its devices.
        sent: Its records with their places: dead letters name them.
    """
    outcomes: Outcomes = Counter()
    places: Mapping[int, list[Sent]] = {number: [] for number in range(len(scenario.steps))}
    for record in sent:
        places[record.step].append(record)
    for number, step in enumerate(scenario.steps):
        for alert in step.alerts:
            outcomes[
                AlertOutcome(
                    topic=alert.topic.value,
                    action=alert.action,
                    reason=alert.reason,
                    grade=alert.grade,
                    zone=zone_of_device(step.subject, town),
                    device=step.subject,
                    press_count=alert.press_count,
                    has_picture=alert.picture,
                )
            ] += 1
        for dead_letter in step.dead_letters:
            for worker in dead_letter.workers:
                for record in places[number]:
                    topic, partition, offset = record.place[:3]
                    outcomes[DeadLetterOutcome(topic, partition, offset, dead_letter.cause, worker)] += 1
        if isinstance(step, AckStep):
            outcomes[AnswerOutcome(ack_id_of(number), step.answer.outcome, step.answer.reason)] += 1
        for entry_id in step.requests:
            outcomes[RequestOutcome(entry_id, has_crop=True)] += 1
    return outcomes


def observed(found: Collected) -> Outcomes:
    """What has come out."""
    outcomes: Outcomes = Counter()
    for placed in found.alerts:
        alert = placed.alert
        outcomes[
            AlertOutcome(
                topic=placed.topic,
                action=alert.action,
                reason=alert.reason,
                grade=alert.grade,
                zone=alert.zone,
                device=alert.sources[-1].device_id if alert.sources else "",
                press_count=alert.press_count,
                has_picture=any(found.picture(media) is not None for media in alert.media),
            )
        ] += 1
    for dead_letter in found.dead_letters:
        outcomes[
            DeadLetterOutcome(
                dead_letter.topic,
                dead_letter.partition,
                dead_letter.offset,
                dead_letter.cause,
                dead_letter.worker,
            )
        ] += 1
    for answer in found.answers:
        outcomes[AnswerOutcome(answer.ack_id, answer.outcome, answer.reason)] += 1
    for request in found.requests:
        outcomes[RequestOutcome(request.entry_id, has_crop=request.crop_jpeg is not None)] += 1
    return outcomes


def mismatches(wanted: Outcomes, found: Outcomes) -> list[str]:
    """Everything that is missing or unexpected, a line each; empty if the two are equal."""
    missing, unexpected = wanted - found, found - wanted
    return [f"missing: {_times(count)}{outcome}" for outcome, count in missing.items()] + [
        f"unexpected: {_times(count)}{outcome}" for outcome, count in unexpected.items()
    ]


def _times(count: int) -> str:
    return f"{count} x " if count > 1 else ""


METRIC: Final = "callbox_plate_reads_total"

NOT_LISTED: Final = "not_listed"

HIT: Final = "hit"

DEAD_LETTERED: Final = "dead_lettered"


def plate_read_counts(page: str) -> dict[str, int]:
    """Reads by outcome, from the worker's page of metrics."""
    return {labels.split('"')[1]: count for labels, count in counter_values(page, METRIC).items()}


def plate_read_problems(scenario: Scenario, sent: Sequence[Sent], counted: Mapping[str, int]) -> list[str]:
    """How the counts differ from the scenario, a line for each outcome.

    More of an expected outcome is no problem: a read that is processed twice is counted twice.
    """
    wanted: Counter[str] = Counter()
    for record in sent:
        step = scenario.steps[record.step]
        if record.place.topic == PLATE_READS:
            is_read = isinstance(step, PlateStep) and not step.dead_letters
            wanted[(HIT if step.requests else NOT_LISTED) if is_read else DEAD_LETTERED] += 1
    return [
        f"plate reads: {counted.get(outcome, 0)} {outcome}, expected {wanted[outcome]}"
        for outcome in sorted({*wanted, *counted})
        if counted.get(outcome, 0) < wanted[outcome] or not wanted[outcome]
    ]
