"""Press to alert: which press an alert names for the first time.

Press to alert is the time from the receipt of a press by its gateway to the delivery of the first red alert that
names the press: the alert's sources have the press's device and event id. The press may raise an incident, join one,
or turn a held fire red. The worker's metric, the demo and the latency bench all measure this.

Nothing has to be remembered between alerts. A press that changes an incident is the latest source of the alert that
it causes, and the reason of that alert is one that a new fact has. An alert that a person or a timer causes later has
the same latest source, but a reason of its own; the end of a hold has FIRST_FACT too, but no red is held. An exercise
or a device test names no press here: nobody is sent out.
"""

from typing import Final

from schemas.alert import Alert, Source
from schemas.enums import Feed, Grade, Reason, Status

REASONS_OF_A_PRESS: Final = frozenset(
    {
        Reason.FIRST_FACT,
        Reason.UNREGISTERED_DEVICE,
        Reason.UNREGISTERED_GROUP,
        Reason.UNEXPECTED_SOURCE,
        Reason.PRESSED_AGAIN,
        Reason.ANOTHER_SOURCE,
        Reason.CORROBORATED,
        Reason.FOLD_ERROR,
    }
)
"""Reasons of alerts that a press causes: those of processors/rules/press.py and processors/incident/merge.py, and that
of the minimal red. A flame has some of them too, but then the latest source is of another feed."""


def first_named_press(alert: Alert) -> Source | None:
    """The press that no earlier red alert has named.

    Args:
        alert: Any alert.

    Returns:
        The press as the alert's sources have it, with the time of its receipt; None if this alert was not caused by a
        press, is not red or is not about something real.
    """
    if alert.status is not Status.ACTUAL or alert.grade is not Grade.RED or not alert.sources:
        return None
    latest = alert.sources[-1]
    if latest.feed is not Feed.PILLARS or alert.reason not in REASONS_OF_A_PRESS:
        return None
    return latest
