"""Random logs of the town: one seed, one log. What arrives is drawn; what it leads to is not known here.

A log is a stretch of some minutes in which ticks and watermarks come once a second and healthy devices send their
heartbeats, with scenes laid into it and now and then a hole in which nothing at all is written.
"""

from collections.abc import Iterator
from random import Random
from typing import Any, NamedTuple

import msgspec
from msgspec.structs import replace

from schemas.enums import PillarKind
from schemas.fusion_log import ExpectedFeeds
from schemas.topics import PILLAR_EVENTS
from schemas.units import EpochMs
from tests.reference.limits import MINUTE, QUICK, policy
from tests.reference.scenes import DAY_S, HOUR_S, SCENES, area, crowd
from tests.reference.steps import Answer, Fact, Report, Second, Step
from tests.reference.town import CHILDREN, GATEWAY, PILLARS, ROW, TOWN, UNREGISTERED
from tests.support.log_records import START, alive, ms

HOLES_S = (65, 90, 180, 600, HOUR_S, 5 * HOUR_S, DAY_S + HOUR_S)
"""How long nothing is written at all, seconds."""


class Clockwork(NamedTuple):
    """How a pillar makes times and ids.

    Attributes:
        clock: true, dead (always 0), frozen (a plausible time that stands still), minutes.
        ids: own (an id of its own for each report), counter (restarts at 1), round (ids come round again), none.
    """

    clock: str
    ids: str


CLOCKS = ("true",) * 5 + ("dead", "frozen", "minutes")
IDS = ("own",) * 4 + ("counter", "round", "none")


class Generator:
    """Draws one log."""

    def __init__(self, seed: int) -> None:
        self.random = Random(seed)
        self.steps: list[tuple[int, int, Step]] = []
        self.length_s = self.random.choice((40, 80, 150, 150, 260, 400))
        names = (*PILLARS, GATEWAY, UNREGISTERED, *ROW)
        self.has_crowd = Random(f"crowd {seed}").random() < 0.05
        self.has_row = self.random.random() < 0.06
        self.clocks = {name: Clockwork(self.random.choice(CLOCKS), self.random.choice(IDS)) for name in names}
        self.counters = dict.fromkeys(names, 0)
        self.quiet: list[tuple[str, float, float]] = []
        self.reports: list[tuple[float, Report]] = []
        self.number = 0
        self.unread: tuple[float, float, tuple[int, ...]] = (0.0, 0.0, ())
        """From when to when not all partitions of the feed are read, and which are."""
        self.is_never_read = self.happens(0.04)
        self.shift_s = self.random.choice((0.0,) * 9 + (-3_600.0,))
        """How far the clock of the gateway is off."""
        self.shift_from_s = self.choose(0.0, self.second())

    # --- building blocks ----------------------------------------------------------------------------------------

    def add(self, at_s: float, what: Report | Answer | Second | Fact, honest_s: float | None = None) -> None:
        self.number += 1
        honest = None if honest_s is None else ms(honest_s)
        order = ms(at_s if honest_s is None else honest_s)
        self.steps.append((order, self.number, Step(ms(at_s), what, honest)))

    def fact(self, at_s: float, record: msgspec.Struct) -> None:
        self.add(at_s, Fact(record))

    def report(
        self,
        at_s: float,
        device_id: str,
        kind: PillarKind,
        *,
        delay_s: float = 0.0,
        active: bool = True,
        exercise: bool = False,
    ) -> Report:
        """A report that happened `delay_s` before it arrives, in the ways of its device."""
        received = ms(at_s - delay_s)
        if device_id in (*CHILDREN, GATEWAY) and at_s >= self.shift_from_s:
            received = EpochMs(received + round(self.shift_s * 1_000))
        clockwork = self.clocks[device_id]
        occurred = {
            "true": received,
            "dead": 0,
            "frozen": START - 7_000,
            "minutes": received - received % 60_000,
        }[clockwork.clock]
        self.counters[device_id] += 1
        number = self.counters[device_id]
        if clockwork.ids == "counter" and self.random.random() < 0.1:
            self.counters[device_id] = 0  # a battery change
        given = {
            "own": f"{device_id}-{kind.value}-{number}",
            "round": f"{device_id}-{kind.value}-{number % 3}",
        }.get(clockwork.ids)
        made = Report(
            device_id,
            kind,
            occurred,
            received,
            ms(at_s),
            self.number,
            event_id=given if given is None or not exercise else f"{given}-x",
            sequence=number if clockwork.ids == "counter" else None,
            active=active,
            exercise=exercise,
        )
        self.add(at_s, made)
        self.reports.append((at_s, made))
        return made

    def choose(self, *values: Any) -> Any:
        """One of the values."""
        return self.random.choice(values)

    def happens(self, chance: float) -> bool:
        """Whether something with this chance happens."""
        return self.random.random() < chance

    def second(self) -> float:
        """A moment of the log, to the millisecond."""
        return self.random.randrange(1_000, self.length_s * 1_000) / 1_000

    # --- the whole ----------------------------------------------------------------------------------------------

    def generate(self) -> list[Step]:
        for record in (*TOWN.values(), *(ROW.values() if self.has_row else ())):
            self.fact(0, record)
        self.fact(0.4, ExpectedFeeds(revision=1, topics=(PILLAR_EVENTS,)))
        self._watermark(0.5)
        if self.random.random() < 0.4:
            self.fact(0.1, policy(QUICK, 1))
        scenes = self.random.choices(SCENES, k=self.random.choice((1, 2, 3, 5, 8)))
        if self.has_row:
            area(self, self.second())
        if self.has_crowd:
            crowd(self, self.length_s / 3)
        for scene in scenes:
            scene(self, self.second())
        self._heartbeats()
        self._seconds()
        return [step for _, _, step in sorted(self._with_holes(), key=lambda each: each[:2])]

    def _heartbeats(self) -> None:
        for device_id, record in TOWN.items():
            if not record.heartbeat_s:
                continue
            at_s = self.random.uniform(0.2, 1.0) * record.heartbeat_s * 0.5
            while at_s < self.length_s:
                is_quiet = any(name == device_id and start <= at_s < end for name, start, end in self.quiet)
                if not is_quiet:
                    self.report(round(at_s, 3), device_id, PillarKind.HEARTBEAT)
                at_s += record.heartbeat_s * 0.5

    def _seconds(self) -> None:
        for second in range(1, self.length_s + 1):
            self._watermark(second - 0.1)
            self.add(second, Second(ms(second)))

    def _watermark(self, at_s: float) -> None:
        begins, ends, read = self.unread
        partitions = read if begins <= at_s < ends else (0, 1)
        if partitions and not self.is_never_read:
            self.fact(at_s, alive(at_s, *partitions))

    def _with_holes(self) -> Iterator[tuple[int, int, Step]]:
        """Now and then everything after a moment comes later, and nothing comes in between."""
        if self.random.random() < 0.6:
            yield from self.steps
            return
        begin, hole_ms = ms(self.second()), self.random.choice(HOLES_S) * 1_000
        for order, number, step in self.steps:
            if order <= begin:
                yield order, number, step
            else:
                yield order + hole_ms, number, _later(step, hole_ms)


def _later(step: Step, by_ms: int) -> Step:
    """The same, after a hole. What a copy repeats from before the hole it repeats as it was."""
    what = step.what
    if isinstance(what, Second):
        what = Second(what.writer_ms + by_ms)
    elif isinstance(what, Report) and what.feed_ms >= step.at - 60_000:
        received = what.received_ms + by_ms
        occurred = _occurred_later(what, by_ms)
        what = what._replace(received_ms=received, feed_ms=what.feed_ms + by_ms, occurred_ms=occurred)
    elif isinstance(what, Fact):
        changes = {
            name: getattr(what.record, name) + by_ms
            for name in ("at", "occurred_at", "received_at")
            if hasattr(what.record, name)
        }
        what = Fact(replace(what.record, **changes) if changes else what.record)
    honest = None if step.honest_at is None else EpochMs(step.honest_at + by_ms)
    return Step(EpochMs(step.at + by_ms), what, honest)


def _occurred_later(report: Report, by_ms: int) -> int:
    """When a later report happened, by its device's clock: one of minutes shows whole minutes after the hole too."""
    if not 0 <= report.received_ms - report.occurred_ms < MINUTE:
        return report.occurred_ms  # the clock is dead, or stands still
    later = report.occurred_ms + by_ms
    is_of_minutes = report.occurred_ms == report.received_ms - report.received_ms % MINUTE
    received = report.received_ms + by_ms
    return received - received % MINUTE if is_of_minutes else later


def generate(seed: int) -> list[Step]:
    """The log of a seed."""
    return Generator(seed).generate()
