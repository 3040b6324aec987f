"""One function for each action of a person, and two incidents on which to use them."""

from collections.abc import Callable

from processors.state.effect import Decision
from schemas.enums import (
    AckAction,
    AckReason,
    Disposition,
    Grade,
    PillarKind,
)
from tests.support.expect import once
from tests.support.log_records import device
from tests.support.timeline import Timeline, only_alert

AckStep = Callable[[Timeline, str, float], Decision]


def accept(line: Timeline, name: str, at_s: float) -> Decision:
    return line.acknowledge(AckAction.ACCEPT, name, at_s)


def reject(line: Timeline, name: str, at_s: float) -> Decision:
    return line.acknowledge(AckAction.REJECT, name, at_s, reason=AckReason.NOT_OURS)


def en_route(line: Timeline, name: str, at_s: float) -> Decision:
    return line.acknowledge(AckAction.EN_ROUTE, name, at_s)


def on_scene(line: Timeline, name: str, at_s: float) -> Decision:
    return line.acknowledge(AckAction.ON_SCENE, name, at_s)


def clear(line: Timeline, name: str, at_s: float) -> Decision:
    return line.acknowledge(AckAction.CLEAR, name, at_s)


def close(line: Timeline, name: str, at_s: float) -> Decision:
    return line.acknowledge(AckAction.CLOSE, name, at_s, disposition=Disposition.FOUNDED)


def cancel(line: Timeline, name: str, at_s: float) -> Decision:
    return line.acknowledge(AckAction.CANCEL, name, at_s, reason=AckReason.FALSE_ALARM)


def regrade(line: Timeline, name: str, at_s: float) -> Decision:
    return line.acknowledge(AckAction.REGRADE, name, at_s, grade=Grade.YELLOW, reason=AckReason.LESS_SERIOUS)


def shelve(line: Timeline, name: str, at_s: float) -> Decision:
    return line.acknowledge(AckAction.SHELVE, name, at_s, reason=AckReason.KNOWN_FAULT, shelve_s=600)


def unshelve(line: Timeline, name: str, at_s: float) -> Decision:
    return line.acknowledge(AckAction.UNSHELVE, name, at_s)


def out_of_service(line: Timeline, name: str, at_s: float) -> Decision:
    return line.acknowledge(AckAction.OUT_OF_SERVICE, name, at_s, reason=AckReason.PLANNED_WORK)


def in_service(line: Timeline, name: str, at_s: float) -> Decision:
    return line.acknowledge(AckAction.IN_SERVICE, name, at_s)


def call() -> tuple[Timeline, str]:
    """A red that was raised in second 0."""
    line = Timeline(device(reports_release=False))
    return line, only_alert(line.press(0)).incident_id


def fault() -> tuple[Timeline, str]:
    """A blue that was raised in second 30."""
    line = Timeline()
    line.pillar(PillarKind.BATTERY, 0)
    line.run(1, 30)
    return line, once(line, 30, 30).incident_id


def after(line: Timeline, name: str, *said: AckStep) -> Decision:
    """Push acknowledgements one second apart, from second 40 on; returns the decision about the last."""
    return [each(line, name, 40 + number) for number, each in enumerate(said)][-1]
