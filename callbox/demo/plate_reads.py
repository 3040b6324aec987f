"""What the plates worker says of its reads: a number for each outcome, and nothing of a vehicle.

That no question came out of a read proves little if the picture was not read. So each must have been: read and found
on no list, or a hit, or given up.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Final

from callbox.demo.environment import counts
from callbox.demo.play import Sent
from callbox.demo.scenario import Scenario
from callbox.demo.steps import PlateStep
from schemas.topics import PLATE_READS

METRIC: Final = "callbox_plate_reads_total"
NOT_LISTED: Final = "not_listed"
HIT: Final = "hit"
DEAD_LETTERED: Final = "dead_lettered"


def outcomes(page: str) -> dict[str, int]:
    """Reads by outcome, from the worker's page of metrics."""
    return {labels.split('"')[1]: count for labels, count in counts(page, METRIC).items()}


def plate_read_problems(scenario: Scenario, sent: Sequence[Sent], counted: Mapping[str, int]) -> list[str]:
    """How the counts differ from what the scenario says; a line for each outcome.

    More of an expected outcome is no problem: a read that is processed twice is counted twice.
    """
    wanted: Counter[str] = Counter()
    for record in sent:
        step = scenario.steps[record.step]
        if record.place.topic == PLATE_READS:
            is_read = isinstance(step, PlateStep) and not step.letters
            wanted[(HIT if step.requests else NOT_LISTED) if is_read else DEAD_LETTERED] += 1
    return [
        f"plate reads: {counted.get(outcome, 0)} {outcome}, expected {wanted[outcome]}"
        for outcome in sorted({*wanted, *counted})
        if counted.get(outcome, 0) < wanted[outcome] or not wanted[outcome]
    ]
