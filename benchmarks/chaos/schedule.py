"""What happens when: a seeded list of faults, each with its share of the presses.

The same seed gives the same list. Every kind that a run has comes as often as every other, in random order.
"""

import random
from collections.abc import Sequence
from enum import StrEnum
from typing import NamedTuple


class Fault(StrEnum):
    """What is done."""

    KILL = "SIGKILL"
    TERMINATE = "SIGTERM"
    FREEZE = "SIGSTOP"
    JOIN_AND_LEAVE = "join_and_leave"
    BROKER_KILL = "broker_kill"
    SLOW_BROKER = "slow_broker"
    POISON = "poison"
    DUPLICATES = "duplicates"
    FULL_DISK = "full_disk"


WORKERS = ("alarms", "fusion", "plates")
"""Those that emit what a repeat must be known by. `frames` is none: what it finds depends on the pictures it saw."""

HITS_A_WORKER = frozenset({Fault.KILL, Fault.TERMINATE, Fault.FREEZE, Fault.JOIN_AND_LEAVE, Fault.FULL_DISK})
SEEN_BY = ("alarms", "fusion")
"""Whose presses show the effect of a fault of the broker or of the feed."""


class Planned(NamedTuple):
    """One fault that is to happen.

    Attributes:
        number: From 0.
        fault: What.
        worker: Whom it hits; for a fault of the broker or the feed: where its effect is looked for.
        first: The first press of its share.
        presses: How many presses its share has.
        strike_at: The fault comes when this much of its share is sent, 0 to 1.
    """

    number: int
    fault: Fault
    worker: str
    first: int
    presses: int
    strike_at: float


def plan(presses: int, faults: int, seed: int, kinds: Sequence[Fault] = tuple(Fault)) -> list[Planned]:
    """The schedule of a run.

    Args:
        presses: In all; each fault has a share of them.
        faults: How many; more than presses cannot be.
        seed: Equal seeds give equal schedules.
        kinds: What may happen.

    Raises:
        ValueError: A fault would have no press in flight.
    """
    if presses < faults or faults < 1:
        raise ValueError(f"{faults} faults need at least one and as many presses, there are {presses}")
    chance = random.Random(seed)
    order = chance.sample(kinds, len(kinds))
    drawn = [order[number % len(order)] for number in range(faults)]
    chance.shuffle(drawn)
    victims = {fault: chance.randrange(len(WORKERS)) for fault in Fault}
    planned, first = [], 0
    for number, fault in enumerate(drawn):
        end = presses * (number + 1) // faults
        workers = WORKERS if fault in HITS_A_WORKER else SEEN_BY
        worker = workers[victims[fault] % len(workers)]
        victims[fault] += 1  # in turn, so that each fault hits each kind of worker
        planned.append(Planned(number, fault, worker, first, end - first, chance.uniform(0.1, 0.5)))
        first = end
    return planned
