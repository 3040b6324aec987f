"""Random logs of the town: one seed, one log. What arrives is drawn; what it leads to is not known here.

A log is a stretch of some minutes in which ticks and watermarks come once a second and healthy devices send their
heartbeats, with scenes laid into it and now and then a hole in which nothing at all is written.
"""

from collections.abc import Callable, Iterator
from random import Random
from typing import TYPE_CHECKING, NamedTuple

import msgspec
from msgspec.structs import replace

from schemas.enums import AckAction, AckReason, Disposition, Grade, PillarKind
from schemas.errors import Cause
from schemas.units import EpochMs, deg_e7
from tests.reference.limits import QUICK, policy
from tests.reference.steps import Answer, Fact, Report, Second, Step
from tests.reference.town import (
    CAMERAS,
    CHILDREN,
    GATEWAY,
    HARMLESS,
    OTHER_CHAIN,
    PILLARS,
    ROW,
    TOWN,
    UNREGISTERED,
)
from tests.support.log_records import START, alive, dead_letter, flame, ms

if TYPE_CHECKING:
    from schemas.registry import RegistryDevice

A = AckAction

HOUR_S, DAY_S = 3_600, 86_400
HOLES_S = (65, 90, 180, 600, HOUR_S, 5 * HOUR_S, 25 * HOUR_S)
LIES_S = (600, HOUR_S, 25 * HOUR_S, 300 * DAY_S)

COMPLETE = {
    "reason": AckReason.NUISANCE,
    "disposition": Disposition.FOUNDED,
}
ACTIONS = (A.ACCEPT,) * 6 + (A.EN_ROUTE, A.EN_ROUTE, A.ON_SCENE, A.ON_SCENE, A.NOTE, A.NOTE) + tuple(A)


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
        self.has_row = self.random.random() < 0.06
        self.clocks = {name: Clockwork(self.random.choice(CLOCKS), self.random.choice(IDS)) for name in names}
        self.counters = dict.fromkeys(names, 0)
        self.quiet: list[tuple[str, float, float]] = []
        self.reports: list[tuple[float, Report]] = []
        self.number = 0
        self.shift_s = self.random.choice((0.0,) * 9 + (-3_600.0,))
        """How far the clock of the gateway is off."""

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
        if device_id in (*CHILDREN, GATEWAY):
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

    def second(self) -> float:
        """A moment of the log, to the millisecond."""
        return self.random.randrange(1_000, self.length_s * 1_000) / 1_000

    # --- scenes -------------------------------------------------------------------------------------------------

    def presses(self, at_s: float) -> None:
        device_id = self.random.choice((*PILLARS, *PILLARS, UNREGISTERED))
        exercise = self.random.random() < 0.1
        for _ in range(self.random.choice((1, 1, 2, 3, 5))):
            self.report(at_s, device_id, PillarKind.PRESS, exercise=exercise)
            if self.random.random() < 0.3:
                self.report(at_s + 0.4, device_id, PillarKind.RELEASE, exercise=exercise)
            if self.random.random() < 0.15:
                self.report(at_s + 0.9, device_id, PillarKind.CANCEL, exercise=exercise)
            at_s += self.random.choice((0.02, 1.5, 2.9, 3.2, 8.0, 40.0, 130.0))
            if self.random.random() < 0.3:
                device_id = self.random.choice(PILLARS)

    def calls_and_answers(self, at_s: float) -> None:
        """A call, an answer, and somebody beside it who presses too."""
        first, second = self.random.choice(
            (("P1", "P2"), ("P2", "P1"), ("P3", "P4"), ("P4", "P3"), ("P5", "P5"))
        )
        self.report(at_s, first, PillarKind.PRESS)
        for _ in range(self.random.choice((1, 2, 3, 4))):
            at_s += self.random.choice((1.0, 4.0, 12.0, 33.0))
            self.answer(at_s, pick=0)
            if self.random.random() < 0.5:
                at_s += self.random.choice((2.0, 9.0))
                self.report(at_s, self.random.choice((first, second)), PillarKind.PRESS)

    def flames(self, at_s: float) -> None:
        camera_id = self.random.choice(CAMERAS)
        beside = {"C1": ("P1", "P2"), "C2": ("P5",)}[camera_id]
        for _ in range(self.random.choice((1, 1, 2, 4))):
            self.number += 1
            seen = flame(camera_id, at_s=at_s, event_id=f"o{self.number}", picture=self.random.random() < 0.3)
            self.fact(at_s, seen)
            at_s += self.random.choice((1.0, 6.0, 15.0, 60.0))
            if self.random.random() < 0.4:
                self.report(at_s, self.random.choice(beside), PillarKind.PRESS)
                at_s += 2.0

    def copies(self, at_s: float) -> None:
        """A second forwarder, or a gateway that sends again."""
        before = [report for second, report in self.reports if second < at_s]
        if not before:
            return
        given = self.random.choice(before[-12:])
        if self.random.random() < 0.6:
            self.add(at_s, given)
            return
        moved = self.random.choice((0, 0, 400, 2_500))
        again = given._replace(feed_ms=ms(at_s), received_ms=given.received_ms + moved, place=self.number)
        self.add(at_s, again)
        self.reports.append((at_s, again))

    def faults(self, at_s: float) -> None:
        device_id = self.random.choice(PILLARS)
        kind = self.random.choice((PillarKind.TAMPER, PillarKind.BATTERY, PillarKind.MAINS, PillarKind.COMMS))
        active = True
        for _ in range(self.random.choice((1, 2, 2, 3, 4, 8))):
            late_s = self.random.choice((0.0, 0.0, 0.0, 5.0, 20.0))  # some overtake others
            self.report(at_s, device_id, kind, active=active, delay_s=late_s)
            active = not active if self.random.random() < 0.9 else active
            at_s += self.random.choice((0.3, 2.0, 7.0, 35.0, 60.0))

    def area(self, at_s: float) -> None:
        """An area loses its mains, and somebody presses."""
        kind = self.random.choice((PillarKind.MAINS, PillarKind.COMMS))
        lasts_s = self.random.choice((10.0, 60.0, 120.0, 1_000.0))
        for device_id in ROW:
            lost_s = at_s + self.random.uniform(0.0, 20.0)
            self.report(lost_s, device_id, kind)
            if lost_s + lasts_s < self.length_s:
                self.report(lost_s + lasts_s, device_id, kind, active=False)
        for _ in range(3):
            pressed_s = at_s + self.random.uniform(5.0, 70.0)
            self.report(pressed_s, self.random.choice(tuple(ROW)), PillarKind.PRESS)

    def tests(self, at_s: float) -> None:
        self.report(at_s, self.random.choice(("P3", "P3", *PILLARS)), PillarKind.TEST)

    def goes_silent(self, at_s: float) -> None:
        device_id = self.random.choice(("P2", "P3", *CHILDREN))
        self.quiet.append((device_id, at_s, at_s + self.random.choice((30.0, 70.0, 1_000.0))))

    def site_goes_silent(self, at_s: float) -> None:
        until = at_s + self.random.choice((25.0, 60.0, 100.0, 1_000.0))
        for device_id in (GATEWAY, *CHILDREN):
            self.quiet.append((device_id, at_s, until))

    def moves(self, at_s: float) -> None:
        """The registry changes a pillar while it may have an open call."""
        device_id = self.random.choice(PILLARS)
        known = TOWN[device_id]
        change = self.random.choice(("moved", "moved", "chain", "removed", "heartbeat"))
        if self.random.random() < 0.7:
            self.report(at_s - 0.5, device_id, PillarKind.PRESS)
        changed: RegistryDevice = replace(known, revision=known.revision + 1 + int(at_s))
        if change == "moved":
            changed = replace(changed, lat_e7=known.lat_e7 + deg_e7(self.random.choice((0.0003, 0.02))))
        elif change == "chain":
            changed = replace(changed, chain=OTHER_CHAIN)
        elif change == "removed":
            changed = replace(changed, removed=True)
        else:
            changed = replace(changed, heartbeat_s=self.random.choice((20, 60, None)))
        self.fact(at_s, changed)
        self.report(at_s + self.random.choice((1.0, 5.0)), device_id, PillarKind.PRESS)

    def new_policy(self, at_s: float) -> None:
        values = self.random.choice((QUICK, {}, {"bounce_ms": 1_000}, {"reach_m": 50}))
        self.fact(at_s, policy(values, 1 + int(at_s * 10)))

    def flush(self, at_s: float) -> None:
        """A gateway empties its buffer: many reports with one received_at, then somebody presses."""
        device_id = self.random.choice(("P1", "P2", "P5"))
        count = self.random.choice((20, 66, 90))
        for number in range(count):
            made = self.report(at_s + number / 1_000, device_id, PillarKind.HEARTBEAT, delay_s=number / 1_000)
            del made
        self.report(at_s + 0.2, device_id, PillarKind.PRESS, delay_s=0.2)

    def many_answers(self, at_s: float) -> None:
        """People answer to what nobody knows any more, in one batch."""
        for number in range(self.random.choice((10, 70, 120))):
            self.add(at_s + number / 1_000, Answer(-1, A.ACCEPT, f"many-{self.number}"))

    def dead_letters(self, at_s: float) -> None:
        """Records of the feed that cannot be used; a second worker may say it again."""
        for _ in range(self.random.choice((1, 2, 5))):
            cause = self.random.choice((Cause.UNDECODABLE, Cause.UNDECODABLE, Cause.UNKNOWN_DEVICE))
            notice = replace(dead_letter(self.number, at_s=at_s), cause=cause)
            self.fact(at_s, notice)
            if self.random.random() < 0.3:
                self.fact(at_s + 0.1, notice)
            at_s += self.random.choice((0.2, 5.0, 30.0))

    def wrong_time(self, at_s: float) -> None:
        """One record that means nothing has an append time far ahead."""
        if any(step.honest_at for _, _, step in self.steps):
            return
        lie_s = at_s + self.random.choice(LIES_S)
        if self.random.random() < 0.5:
            beat = Report(
                HARMLESS, PillarKind.HEARTBEAT, ms(at_s), ms(at_s), ms(at_s), 0, event_id="harmless"
            )
            self.add(lie_s, beat, honest_s=at_s)
        else:
            self.add(lie_s, Second(ms(at_s)), honest_s=at_s)

    def answers(self, at_s: float) -> None:
        for _ in range(self.random.choice((1, 1, 2, 3))):
            self.answer(at_s, pick=self.random.choice((0, 0, 0, 1, 2, 4, -1)))
            at_s += self.random.choice((0.5, 3.0, 20.0))

    def answer(self, at_s: float, pick: int) -> None:
        self.number += 1
        draw = self.random.random
        action = self.random.choice(ACTIONS)
        note = self.random.choice((None, None, "a note", "", "n" * 501))
        given = Answer(
            pick,
            action,
            f"a{self.number}",
            behind=self.random.choice((None, None, 0, 0, 0, 1, 2, -1)),
            reason=AckReason.NUISANCE if draw() < 0.95 else None,
            disposition=Disposition.FOUNDED if draw() < 0.95 else None,
            grade=self.random.choice((Grade.YELLOW, Grade.YELLOW, Grade.RED, Grade.BLUE, None)),
            shelve_s=self.random.choice((None, None, 20, 100_000)),
            note="a note" if action is A.NOTE and draw() < 0.7 else note,
            age_ms=700_000 if draw() < 0.04 else 200,
            has_actor=draw() > 0.05,
        )
        self.add(at_s, given)
        if draw() < 0.1:
            self.add(at_s + 0.2, given)  # it is sent twice

    # --- the whole ----------------------------------------------------------------------------------------------

    def generate(self) -> list[Step]:
        for record in (*TOWN.values(), *(ROW.values() if self.has_row else ())):
            self.fact(0, record)
        self.fact(0.5, alive(0.5, 0, 1))
        if self.random.random() < 0.4:
            self.fact(0.1, policy(QUICK, 1))
        scenes = self.random.choices(SCENES, k=self.random.choice((1, 2, 3, 5, 8)))
        if self.has_row:
            self.area(self.second())
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
            self.fact(second - 0.1, alive(second - 0.1, 0, 1))
            self.add(second, Second(ms(second)))

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


Scene = Callable[[Generator, float], None]

SCENES: tuple[Scene, ...] = (
    *(Generator.presses,) * 5,
    *(Generator.calls_and_answers,) * 6,
    *(Generator.flames,) * 2,
    *(Generator.copies,) * 4,
    *(Generator.faults,) * 3,
    *(Generator.answers,) * 4,
    Generator.tests,
    Generator.goes_silent,
    Generator.site_goes_silent,
    *(Generator.moves,) * 2,
    Generator.new_policy,
    Generator.flush,
    Generator.many_answers,
    Generator.dead_letters,
    *(Generator.wrong_time,) * 2,
)


def _later(step: Step, by_ms: int) -> Step:
    """The same, after a hole. What a copy repeats from before the hole it repeats as it was."""
    what = step.what
    if isinstance(what, Second):
        what = Second(what.writer_ms + by_ms)
    elif isinstance(what, Report) and what.feed_ms >= step.at - 60_000:
        received = what.received_ms + by_ms
        occurred = (
            what.occurred_ms + by_ms
            if abs(what.occurred_ms - what.received_ms) < 60_000
            else what.occurred_ms
        )
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


def generate(seed: int) -> list[Step]:
    """The log of a seed."""
    return Generator(seed).generate()
