"""Everything that is known of one run: what was played, what came out, what was wrong."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from callbox.demo.collect import Harvest
from callbox.demo.fixtures import Cast
from callbox.demo.latency import Latency, latency
from callbox.demo.play import Sent
from callbox.demo.scenario import Scenario
from schemas.registry import RegistryDevice
from schemas.units import SECOND_MS, EpochMs
from streams.kafka.capabilities import BrokerKind


@dataclass(frozen=True)
class Script:
    """What is played.

    Attributes:
        scenario: The steps.
        town: Its devices.
        cast: Its vehicles and pictures.
    """

    scenario: Scenario
    town: Sequence[RegistryDevice]
    cast: Cast


class Durations(NamedTuple):
    """Seconds: until the workers were ready, of the play until all was processed, of everything."""

    set_up_s: float
    play_s: float
    total_s: float


@dataclass(frozen=True)
class Story:
    """One run.

    Attributes:
        script: What was played.
        sent: What went in.
        found: What lay on the broker at the end.
        arrived: When an alert first arrived at the watcher, by its id.
        plate_reads: How many reads the plates worker counted, by outcome.
        problems: What went wrong while it ran, a line each.
        durations: How long it took.
        broker: Which kind.
    """

    script: Script
    sent: Sequence[Sent]
    found: Harvest
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
        """From press to alert."""
        return latency([placed.alert for placed in self.found.alerts], self.arrived)
