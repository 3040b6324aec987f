"""Everything that is known about one run: what was played, what came out, how fast, and what was wrong."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import NamedTuple

from callbox.demo.check.collect import Collected
from callbox.demo.fixtures import Fixtures
from callbox.demo.play import Sent
from callbox.demo.scenario import Scenario
from processors.incident.press_latency import first_named_press
from schemas.alert import Alert
from schemas.registry import RegistryDevice
from schemas.units import SECOND_MS, EpochMs
from streams.kafka.capabilities import BrokerKind


class Latency(NamedTuple):
    """From press to alert, in milliseconds, over some presses."""

    presses: int
    p50_ms: float
    max_ms: int


def press_to_alert_ms(alert: Alert, arrived_at: EpochMs) -> int | None:
    """How long a press took to this consumer; None for an alert that is not the first red to name a press."""
    press = first_named_press(alert)
    return None if press is None else max(0, arrived_at - press.received_at)


def latency_of(alerts: Sequence[Alert], arrived: Mapping[str, EpochMs]) -> Latency | None:
    """Over all alerts that are the first to name a press; None where there is none."""
    found = [
        took
        for alert in alerts
        if alert.alert_id in arrived
        and (took := press_to_alert_ms(alert, arrived[alert.alert_id])) is not None
    ]
    return Latency(len(found), median(found), max(found)) if found else None


@dataclass(frozen=True)
class Script:
    """What is played.

    Attributes:
        scenario: The steps.
        town: Its devices.
        fixtures: Its vehicles and pictures.
    """

    scenario: Scenario
    town: Sequence[RegistryDevice]
    fixtures: Fixtures


class Durations(NamedTuple):
    """Seconds: until the workers were ready, of the play until all was processed, of everything."""

    set_up_s: float
    play_s: float
    total_s: float


@dataclass(frozen=True)
class RunResult:
    """One run.

    Attributes:
        script: What was played.
        sent: What went in.
        collected: What lay on the broker at the end.
        arrived: When an alert first arrived at the watcher, by its id.
        plate_reads: How many reads the plates worker counted, by outcome.
        problems: What went wrong while it ran, a line each.
        durations: How long it took.
        broker: Which kind of broker it ran on.
    """

    script: Script
    sent: Sequence[Sent]
    collected: Collected
    arrived: Mapping[str, EpochMs]
    plate_reads: Mapping[str, int]
    problems: Sequence[str]
    durations: Durations
    broker: BrokerKind

    @property
    def start(self) -> EpochMs:
        """When the first record was sent."""
        return min(record.at for record in self.sent)

    def seconds(self, at: EpochMs) -> float:
        """A time as seconds since the first record."""
        return (at - self.start) / SECOND_MS

    @property
    def latency(self) -> Latency | None:
        """From press to alert, over all alerts of the run."""
        return latency_of([placed.alert for placed in self.collected.alerts], self.arrived)
