"""What a run measures: the phases in their order, how long a slice of each is, how many rounds.

A round has one slice of each phase, what is set side by side next to each other:

    honest_200  idle_200  bare_200  honest_1000  idle_1000  earlier_1000  bare_1000  busy_200  honest_busy_200

`idle`: today's workers, and nothing else to do. `earlier`: those of the release before. `honest`, `bare`: two hops.
`busy`: today's workers while `frames` and `plates` have a backlog; `honest_busy`: the hops beside the same pictures.
The number is the rate.
"""

from collections.abc import Collection
from typing import NamedTuple

from benchmarks.latency.capacity import RATES, SECONDS


class Phase(NamedTuple):
    """A phase.

    Attributes:
        rate: Presses a second.
        seconds: How long each slice is. One of `idle_200` is longer than the 30 s after which what nobody answers
            escalates, so that the escalations of its own presses come beside them.
    """

    rate: int
    seconds: float


IDLE_200, IDLE_1000, EARLIER_1000 = "idle_200", "idle_1000", "earlier_1000"
HONEST_200, HONEST_1000, BARE_200, BARE_1000 = "honest_200", "honest_1000", "bare_200", "bare_1000"
BUSY_200, HONEST_BUSY_200 = "busy_200", "honest_busy_200"
CAPACITY = "capacity"

PHASES = {
    HONEST_200: Phase(200, 20),
    IDLE_200: Phase(200, 40),
    BARE_200: Phase(200, 10),
    HONEST_1000: Phase(1000, 15),
    IDLE_1000: Phase(1000, 20),
    EARLIER_1000: Phase(1000, 20),
    BARE_1000: Phase(1000, 10),
    BUSY_200: Phase(200, 40),
    HONEST_BUSY_200: Phase(200, 20),
}
"""In the order of a round."""

ROUNDS = 2
QUICK = 6
"""A quick run has one round, and each slice is so many times shorter."""

WARM_UP_S = 20.0  # each of four slices; after them the broker's JVM has compiled what presses need (measured)
QUICK_RATES = (600, 1000, 1700)


class Plan(NamedTuple):
    """A run.

    Attributes:
        phases: What is measured in each round.
        rounds: How many rounds.
        rates: The rates among which the capacity is searched; none: it is not searched.
        rate_s: How long a rate must be held, seconds.
        warm_up_s: How long each slice is with which the broker is warmed up: its JVM is five to ten times slower at
            first.
    """

    phases: dict[str, Phase]
    rounds: int
    rates: tuple[int, ...]
    rate_s: float
    warm_up_s: float

    @classmethod
    def of(cls, wanted: Collection[str], *, quick: bool, with_earlier: bool) -> "Plan":
        """The plan for the phases that are wanted.

        Args:
            wanted: Names of phases, and `capacity`.
            quick: To see that it runs.
            with_earlier: Whether there is an earlier release.
        """
        shorter = QUICK if quick else 1
        phases = {
            name: phase._replace(seconds=phase.seconds / shorter)
            for name, phase in PHASES.items()
            if name in wanted and (with_earlier or name != EARLIER_1000)
        }
        rates = QUICK_RATES if quick else RATES
        return cls(
            phases=phases,
            rounds=1 if quick else ROUNDS,
            rates=rates if CAPACITY in wanted else (),
            rate_s=SECONDS / shorter,
            warm_up_s=WARM_UP_S / shorter,
        )
