"""From press to alert: when a press was received, and when its alert arrived at the watcher."""

from collections.abc import Mapping, Sequence
from statistics import median
from typing import NamedTuple

from processors.incident.press_latency import first_named_press
from schemas.alert import Alert
from schemas.units import EpochMs


class Latency(NamedTuple):
    """Milliseconds over some alerts."""

    presses: int
    p50_ms: float
    max_ms: int


def press_to_alert_ms(alert: Alert, arrived_at: EpochMs) -> int | None:
    """How long a press took to this consumer; None for an alert that is not the first red to name a press."""
    press = first_named_press(alert)
    return None if press is None else max(0, arrived_at - press.received_at)


def latency(alerts: Sequence[Alert], arrived: Mapping[str, EpochMs]) -> Latency | None:
    """Over all alerts that are the first to name a press; None where there is none."""
    found = [
        took
        for alert in alerts
        if alert.alert_id in arrived
        and (took := press_to_alert_ms(alert, arrived[alert.alert_id])) is not None
    ]
    return Latency(len(found), median(found), max(found)) if found else None
