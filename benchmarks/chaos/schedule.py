"""The schedule of a run: a seeded list of faults, each with its share of the presses.

Equal seeds give equal schedules. Every kind of fault comes equally often, in random order.
"""

import random
from collections.abc import Sequence
from enum import StrEnum
from typing import NamedTuple


class Fault(StrEnum):
    """A kind of fault."""

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
"""The workers whose repeats a consumer can recognise. `frames` is none: what it finds depends on what it saw."""

HITS_A_WORKER = frozenset({Fault.KILL, Fault.TERMINATE, Fault.FREEZE, Fault.JOIN_AND_LEAVE, Fault.FULL_DISK})
SEEN_BY = ("alarms", "fusion")
"""The workers between a press and its alert; a fault of the broker or of the feed shows in them."""


class Planned(NamedTuple):
    """One fault of the schedule.

    Attributes:
        number: From 0.
        fault: Its kind.
        worker: The worker that it hits; for a fault of the broker or of the feed: where its effect is looked for.
        first: The first press of its share.
        presses: How many presses its share has.
        strike_at: The part of its share that is sent when the fault comes, 0 to 1.
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
        presses: How many in all; each fault has a share of them.
        faults: How many; at most as many as presses.
        seed: Equal seeds give equal schedules.
        kinds: The kinds to draw from.

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
