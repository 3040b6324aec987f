"""From press to alert: when a press was received, and when its alert arrived at the watcher."""

from collections.abc import Mapping, Sequence
from statistics import median
from typing import Final, NamedTuple

from schemas.alert import Alert
from schemas.enums import Hazard, Reason
from schemas.units import EpochMs

PRESSED: Final = frozenset(
    {Reason.FIRST_FACT, Reason.UNREGISTERED_DEVICE, Reason.PRESSED_AGAIN, Reason.ANOTHER_SOURCE}
)
"""Reasons for which the last source of an emergency call's alert is the press that caused it."""


class Latency(NamedTuple):
    """Milliseconds over some alerts."""

    presses: int
    p50_ms: float
    max_ms: int


def press_to_alert_ms(alert: Alert, arrived_at: EpochMs) -> int | None:
    """How long a press took to this consumer; None for an alert that no press caused."""
    if alert.hazard is not Hazard.EMERGENCY_CALL or alert.reason not in PRESSED or not alert.sources:
        return None
    return max(0, arrived_at - alert.sources[-1].received_at)


def latency(alerts: Sequence[Alert], arrived: Mapping[str, EpochMs]) -> Latency | None:
    """Over all alerts that a press caused; None where there is none."""
    found = [
        took
        for alert in alerts
        if alert.alert_id in arrived
        and (took := press_to_alert_ms(alert, arrived[alert.alert_id])) is not None
    ]
    return Latency(len(found), median(found), max(found)) if found else None
