"""What runs beside the presses: each condition changes one thing of "pictures as shipped", or takes a part of it away.

    nothing  burners │ lying  fed │ read │ pictures │ fetch_quota  produce_quota  request_quota  small_fetches
    own_listener │ own_broker  own_broker_idle

`lying`, `fed`, `read` and `burners` say whose work makes presses wait; the others are what an operator can do.
Conditions that differ in nothing but the feeder or the burners share one start of the workers.
"""

from collections.abc import Collection, Mapping
from enum import StrEnum
from typing import NamedTuple

from benchmarks.support import backlog


class Feeder(StrEnum):
    """What sends pictures."""

    NONE = "none"
    FILLED = "filled"
    """A backlog was sent before, and nothing is sent while presses are measured."""
    KEPT = "kept"
    """The backlog is kept up."""
    STEADY = "steady"
    """As many a second as the workers processed in `pictures`."""


FRAMES, PLATES = "frames", "plates"
PICTURES = (FRAMES, PLATES)

MAIN, OWN = 1, 2
"""The broker that carries everything else, and the one that pictures can have for themselves."""

FETCHED_BYTES_PER_S = 2 << 20
"""A frame of 1080p every 0.13 s for `frames`, and as many bytes for `plates`. A fetch of 4 MiB is paid for by two
seconds without one."""

PRODUCED_BYTES_PER_S = 4 << 20
"""About 15 frames of 1080p a second of all cameras of one broker together."""

REQUEST_PERCENT = 5
"""Hundredths of one thread of the broker, which has eight request handlers and three network threads: 5 of 1,100."""

SMALL_FETCH_BYTES = (
    256 << 10
)  # less than one frame: each fetch brings one, as Kafka always gives at least one batch
SMALL_BATCH = 2


class Quota(NamedTuple):
    """A client quota.

    Attributes:
        workers: Limits of the consumers of `frames` and `plates`, each for itself.
        cameras: Limits of the feeder.
    """

    workers: Mapping[str, int]
    cameras: Mapping[str, int]


class Condition(NamedTuple):
    """One condition.

    Attributes:
        name: Of the figures.
        what: For the reader of the report.
        feeder: What sends pictures.
        has_workers: Whether `frames` and `plates` run.
        has_burners: Whether as many processes decode pictures without a broker.
        settings: What of the picture workers' settings is not as shipped.
        quota: Client quotas.
        has_listener: Whether all that has to do with pictures connects to a listener of its own.
        broker: Where the topics of pictures lie.
        is_background: Whether that broker runs as SCHED_IDLE.
        needs_cores: Whether on a machine whose cores are all taken it can only move work, not take it away.
    """

    name: str
    what: str
    feeder: Feeder = Feeder.KEPT
    has_workers: bool = True
    has_burners: bool = False
    settings: Mapping[str, int] = {}
    quota: Quota | None = None
    has_listener: bool = False
    broker: int = MAIN
    is_background: bool = False
    needs_cores: bool = False


NOTHING, SHIPPED = "nothing", "pictures"

ALL = (
    Condition(NOTHING, "no pictures at all", Feeder.NONE, has_workers=False),
    Condition(
        "burners",
        "no pictures on the broker; two SCHED_IDLE processes decode one frame again and again",
        Feeder.NONE,
        has_workers=False,
        has_burners=True,
    ),
    Condition(
        "lying", "a backlog lies on the broker; nobody sends or reads", Feeder.FILLED, has_workers=False
    ),
    Condition(
        "fed", "cameras send as many as `pictures` read; nobody reads", Feeder.STEADY, has_workers=False
    ),
    Condition("read", "frames and plates as shipped read a backlog; nobody sends", Feeder.FILLED),
    Condition(SHIPPED, "frames and plates as shipped, a backlog that is kept up"),
    Condition(
        "fetch_quota",
        f"consumer_byte_rate={FETCHED_BYTES_PER_S} for the clients of frames and of plates",
        quota=Quota({"consumer_byte_rate": FETCHED_BYTES_PER_S}, {}),
    ),
    Condition(
        "produce_quota",
        f"producer_byte_rate={PRODUCED_BYTES_PER_S} for the cameras",
        quota=Quota({}, {"producer_byte_rate": PRODUCED_BYTES_PER_S}),
    ),
    Condition(
        "request_quota",
        f"request_percentage={REQUEST_PERCENT} for the clients of frames, of plates, and for the cameras",
        quota=Quota({"request_percentage": REQUEST_PERCENT}, {"request_percentage": REQUEST_PERCENT}),
    ),
    Condition(
        "small_fetches",
        f"fetch_bytes={SMALL_FETCH_BYTES}, batch_records={SMALL_BATCH} for frames and plates",
        settings={
            "fetch_bytes": SMALL_FETCH_BYTES,
            "batch_records": SMALL_BATCH,
            "merge_records": SMALL_BATCH,
        },
    ),
    Condition(
        "own_listener",
        "cameras and picture workers connect to a listener with one network thread of its own",
        has_listener=True,
        needs_cores=True,
    ),
    Condition("own_broker", "topics of pictures lie on a broker of their own", broker=OWN, needs_cores=True),
    Condition(
        "own_broker_idle",
        "the same, and that broker runs as SCHED_IDLE",
        broker=OWN,
        is_background=True,
    ),
)

BY_NAME = {condition.name: condition for condition in ALL}

STARTS = (
    (NOTHING, "burners"),
    (SHIPPED,),
    ("lying", "fed"),
    ("read",),
    ("fetch_quota",),
    ("produce_quota",),
    (NOTHING, "burners"),
    ("request_quota",),
    ("small_fetches",),
    ("own_listener",),
    ("own_broker",),
    ("own_broker_idle",),
)
"""Each starts the workers anew. `fed` comes after `pictures`, which tells how many to send; `nothing` comes twice, as
far from each other as they can be, so that a machine that changes is seen."""

QUICK_STARTS = ((NOTHING,), (SHIPPED,), ("fetch_quota",), ("own_broker",))

SLICE_S, QUICK_SLICE_S = 4.0, 1.0
SLICES = 4
"""Slices a start: workers and honest hops take turns, so that 4 x (4 s and what a slice needs around it) stay within
the 30 s after which presses that nobody answers escalate."""

RATE = 200

STEADY_UNMEASURED = {FRAMES: 20.0, PLATES: 40.0}
"""A second; where `fed` is measured without `pictures`."""


class Plan(NamedTuple):
    """A run.

    Attributes:
        starts: The conditions of each start, in order.
        slice_s: How long each slice is, seconds.
        warm_up_s: How long the brokers are warmed up: a JVM is five to ten times slower at first.
    """

    starts: tuple[tuple[str, ...], ...]
    slice_s: float
    warm_up_s: float

    @classmethod
    def of(cls, wanted: Collection[str], *, quick: bool, rounds: int) -> "Plan":
        """The plan for the conditions that are wanted; `nothing` is always there.

        Args:
            wanted: Their names.
            quick: To see that it runs.
            rounds: How often to go through them.
        """
        kept = {NOTHING, *wanted}
        thinned = (tuple(name for name in start if name in kept) for start in _starts(quick=quick))
        starts = tuple(filter(None, thinned))
        return cls(starts * rounds, QUICK_SLICE_S if quick else SLICE_S, 5.0 if quick else 15.0)


def turns(start: tuple[str, ...], slices: int = SLICES) -> list[tuple[str, bool]]:
    """What is measured in a start, slice by slice.

    Returns:
        The condition, and whether it is our workers that are measured, or else the honest hops.
    """
    each = slices // len(start) // 2
    return [(name, ours) for name in start for _ in range(each) for ours in (True, False)]


def _starts(*, quick: bool) -> tuple[tuple[str, ...], ...]:
    return QUICK_STARTS if quick else STARTS


FED_TOPICS = {name: topic for topic, (name, _wanted) in backlog.FEEDS.items()}
"""The topic of each picture worker."""
