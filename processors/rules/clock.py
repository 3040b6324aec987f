"""Clocks of those who write the log, compared with the broker's: a difference is told, and stops nothing (F12).

    tick, watermark ─► the writer's clock beside the append time ─► differs for a while ─► a blue, `clock_differs`
    a worker's own notice ──────────────────────────────────────► the same, and it ends by the notice that it agrees

All of them are told in the zone `unassigned`, by the partition that holds it. A record that waited for its broker is
late and no sign of a wrong clock, so a clock that seems behind must do so for a while; one that is ahead cannot be
explained like this, but is treated alike.
"""

from msgspec.structs import replace

from processors.incident.device_condition import ConditionSignal, on_active, on_cleared
from processors.state.effect import Effect, PutClock
from processors.state.entities import ClockReading
from processors.state.partition_state import State
from schemas.enums import Feed, Hazard, Reason
from schemas.fusion_log import ClockNotice, FeedWatermark, FusionInput, Tick
from schemas.partitioning import partition_of
from schemas.registry import UNASSIGNED_ZONE
from schemas.units import EpochMs

TICKS = "fusion"
"""The name of the writers of ticks."""

NOTICE = "notice:"
"""Begins the name of a worker that speaks of its own clock."""

MAX_CLOCKS = 100
"""Workers whose own notices are remembered by their names; a deployment has a few, but a machine may have a new name
with each start. Those that agree make room; where all of them differ, further ones are told by the worker's name."""

WORKERS = frozenset({"alarms", "frames", "plates", "fusion"})
"""Names of workers without their machines; any other name stands for TICKS where there is no room for it."""


def compare_tick(state: State, tick: Tick, append_ms: EpochMs) -> Effect:
    """Compare the clock of a tick's writer with the broker's; without a reason where there is nothing to tell."""
    return Effect(None) if tick.at is None else _compared(state, TICKS, append_ms - tick.at)


def compare_watermark(state: State, mark: FeedWatermark) -> Effect:
    """Compare the clock of a watermark's writer with stream time."""
    return _compared(state, str(mark.feed), state.now - mark.at)


def clock_notice(state: State, _envelope: FusionInput, notice: ClockNotice) -> Effect:
    """Decide about what a worker says of its own clock. A copy is recognised by its time, which rises."""
    name, room = _remembered(state, notice.worker or TICKS)
    key = f"{NOTICE}{name}"
    known = state.clocks.get(key)
    is_new = known is None or notice.at > known.since
    is_end = known is not None and notice.at == known.since and known.is_told and not notice.differs
    if not is_new and not is_end:
        return Effect(Reason.DUPLICATE)
    puts = (*room, PutClock(key, ClockReading(notice.at, is_told=notice.differs)))
    signal = _signal(state, name, notice.at)
    return (on_active(state, signal) if notice.differs else on_cleared(state, signal)).after(*puts)


def _remembered(state: State, name: str) -> tuple[str, tuple[PutClock, ...]]:
    """The name under which a worker's notice is remembered, and what is forgotten for it."""
    readings = [(each.since, key) for key, each in state.clocks.items() if key.startswith(NOTICE)]
    if f"{NOTICE}{name}" in state.clocks or len(readings) < MAX_CLOCKS:
        return name, ()
    agreeing = [each for each in readings if not state.clocks[each[1]].is_told]
    if agreeing:
        return name, (PutClock(min(agreeing)[1], None),)
    worker = name.replace("-", "@").replace(".", "@").partition("@")[0]
    return worker if worker in WORKERS else TICKS, ()


def _compared(state: State, writer: str, apart_ms: int) -> Effect:
    if partition_of(UNASSIGNED_ZONE, state.partitions) != state.partition:
        return Effect(None)
    reading = state.clocks.get(writer)
    if abs(apart_ms) <= state.policy.clock_apart_ms:
        return Effect(None) if reading is None else _agrees(state, writer, reading)
    if reading is None:
        return Effect(None, (), (PutClock(writer, ClockReading(state.now)),))
    if reading.is_told or state.now - reading.since < state.policy.clock_for_ms:
        return Effect(None)
    told = on_active(state, _signal(state, writer, state.now))
    return told.after(PutClock(writer, replace(reading, is_told=True)))


def _agrees(state: State, writer: str, reading: ClockReading) -> Effect:
    """A clock that has differed agrees again."""
    forget = PutClock(writer, None)
    if not reading.is_told:
        return Effect(None, (), (forget,))
    return on_cleared(state, _signal(state, writer, state.now)).after(forget)


def _signal(state: State, writer: str, at: EpochMs) -> ConditionSignal:
    return ConditionSignal(
        hazard=Hazard.CLOCK_DIFFERS,
        subject=writer,
        zone=UNASSIGNED_ZONE,
        event_id=f"clock:{at}",
        feed=Feed.INTAKE,
        occurred_at=state.now,
        received_at=state.now,
        is_sure=True,
        name=writer,
    )
