"""What people have said in advance: planned work, and exercises with an end (docs/requirements.md, F21).

    maintenance window ─► faults of its devices are held until the work should be over, and told then if they go on
    exercise announced ─► reports of the zone that are marked as part of an exercise belong to it
    marked, unannounced ► an exercise of that site or device
    an exercise ends ───► by a person, by its time, or by a report of the device without the mark; marked reports that
                          still come after its time are taken for real, and a blue says so

A panel that was left in exercise mode would else be deaf for ever.
"""

from msgspec.structs import replace

from processors.incident.device_condition import ConditionSignal, on_active, on_cleared
from processors.incident.lifecycle import OVER
from processors.incident.matching import by_name, fault_name
from processors.state.effect import Change, Effect, PutExercise, PutIncident, PutWindow, SetTimer
from processors.state.entities import DeviceKey, Exercise, Timer, TimerKind
from processors.state.partition_state import State
from schemas.ack import Actor
from schemas.enums import Feed, Grade, Hazard, IncidentState, Reason
from schemas.fusion_log import ExerciseNotice, FusionInput, MaintenanceWindow, PillarFact
from schemas.units import DAY_MS, EpochMs

MAX_WINDOWS = 1_000
"""Windows of a partition that are remembered at a time."""

MAX_PERIODS = 1_000
"""Periods of a window, as schemas/fusion_log.py says."""

LONGEST_MS = 30 * DAY_MS
"""The longest period of planned work."""

MAX_EXERCISES = 1_000
"""Exercises of a partition that are remembered at a time."""

MAX_EXERCISE_MS = DAY_MS
"""The longest exercise that may be announced."""


def maintenance_window(state: State, envelope: FusionInput, window: MaintenanceWindow) -> Effect:
    """Take up planned work, change it, or end it."""
    known = state.windows.get(window.window_id)
    if known is not None and window.revision <= known.revision:
        return Effect(Reason.DUPLICATE)
    if window.zone != envelope.zone:
        return Effect(Reason.MISROUTED)
    past = [key for key, each in state.windows.items() if _is_past(each, state.now)]
    forgotten = tuple(PutWindow(key, None) for key in past)
    if window.ended:
        ended = () if known is None else _released(state, known)
        # The ended window stays until its time, so that a copy of an earlier revision does not bring it back.
        over = replace(_kept(window), periods=window.periods[-1:], devices=("",), gateway=None)
        kept = (PutWindow(window.window_id, over),)
        is_kept = known is not None and not _is_past(window, state.now)
        return Effect(Reason.MAINTENANCE_ENDED, (), (*forgotten, *(kept if is_kept else ()), *ended))
    problem = _problem(state, window, len(state.windows) - len(past))
    if problem:
        return Effect(Reason.MAINTENANCE_REFUSED, (), forgotten, detail=problem)
    changed = () if known is None else _released(state, known)
    taken_up = PutWindow(window.window_id, _kept(window))
    return Effect(Reason.MAINTENANCE_PLANNED, (), (*forgotten, taken_up, *changed))


def _kept(window: MaintenanceWindow) -> MaintenanceWindow:
    """What the state keeps of a window: nothing about people, since no decision rests on it."""
    return replace(window, note=None, actor=Actor(name="", organisation=""))


def _problem(state: State, window: MaintenanceWindow, count: int) -> str:
    """Why a window is refused; empty where it is taken up."""
    if not 0 < len(window.periods) <= MAX_PERIODS:
        return f"it has {len(window.periods)} periods, allowed are 1 to {MAX_PERIODS}"
    if any(not 0 < period.ends_at - period.begins_at <= LONGEST_MS for period in window.periods):
        return "a period ends before it begins, or is longer than 30 days"
    if _is_past(window, state.now):
        return "it is over"
    return f"there are {count} windows already" if count >= MAX_WINDOWS else ""


def _is_past(window: MaintenanceWindow, now: EpochMs) -> bool:
    return all(period.ends_at <= now for period in window.periods)


def _released(state: State, window: MaintenanceWindow) -> tuple[Change, ...]:
    """What a window has held is judged with the next tick, since the work has ended early or is planned otherwise.

    What another window, or the window as it is now, covers is held by that one (processors/rules/hold.py, timers.py).
    """
    ends = {period.ends_at for period in window.periods}
    changes = []
    for incident in state.incidents.values():
        if incident.zone != window.zone or incident.grade is not Grade.BLUE:
            continue
        names = ["escalate_at", "notify_at", "calm_at"]
        if incident.is_planned and incident.state is IncidentState.CANDIDATE:
            names = ["hold_until"]
        due = {name: state.now for name in names if getattr(incident, name) in ends}
        if due:
            changes.append(PutIncident(replace(incident, **due)))
    return tuple(changes)


def exercise_change(state: State, envelope: FusionInput, notice: ExerciseNotice) -> Effect:
    """Begin or end an exercise of a zone."""
    if notice.zone != envelope.zone:
        return Effect(Reason.MISROUTED)
    known = state.exercises.get(notice.zone)
    if known is not None and notice.revision <= known.revision:
        return Effect(Reason.DUPLICATE)
    if notice.ended:
        over = Exercise(state.now, state.now, notice.revision, is_over=True)
        cleared = _cleared(state, notice.zone)
        return Effect(Reason.EXERCISE_ENDED).then(cleared).after(PutExercise(notice.zone, over))
    asked_ms = notice.ends_at - state.now
    ends_at = EpochMs(state.now + max(0, min(asked_ms, MAX_EXERCISE_MS)))
    begun = Exercise(ends_at, ends_at, notice.revision)
    timer = SetTimer(Timer(ends_at, notice.zone, TimerKind.EXERCISE))
    return Effect(Reason.EXERCISE_STARTED, (), (PutExercise(notice.zone, begun), timer))


def under_exercise(state: State, key: DeviceKey, fact: PillarFact) -> tuple[PillarFact, tuple[Change, ...]]:
    """The report as it counts: marked as part of an exercise only while there is one.

    Args:
        state: Read only.
        key: The device.
        fact: Its report.

    Returns:
        The report, without the mark where it is real, and what the fold is to change.
    """
    place = _source_of(state, key)
    own = state.exercises.get(place)
    if not fact.exercise:
        is_off = own is not None and own.device_id == key[1] and not own.is_over
        return fact, (PutExercise(place, None),) if is_off else ()
    whole, exercise_ms = state.exercises.get(key[0]), state.policy.exercise_ms
    if whole is not None and not whole.is_over and state.now < whole.ends_at:
        return fact, ()
    if whole is not None and state.now - whole.last_at <= exercise_ms:
        # It is over, and the mark has not been off for long: the panel was left in exercise mode.
        return replace(fact, exercise=False), (PutExercise(key[0], replace(whole, last_at=state.now)),)
    if own is None or (own.is_over and state.now - own.last_at > exercise_ms):
        if own is None and len(state.exercises) >= MAX_EXERCISES:
            return replace(fact, exercise=False), ()
        ends_at = EpochMs(state.now + exercise_ms)
        timer = SetTimer(Timer(ends_at, place, TimerKind.EXERCISE))
        return fact, (PutExercise(place, Exercise(ends_at, state.now, device_id=key[1])), timer)
    put = PutExercise(place, replace(own, last_at=state.now))
    is_real = own.is_over or state.now >= own.ends_at
    return (replace(fact, exercise=False) if is_real else fact), (put,)


def is_exercised(state: State, key: DeviceKey) -> bool:
    """Whether an exercise of the device's zone or site goes on, for a report that neither begins nor ends one."""
    both = (state.exercises.get(place) for place in (key[0], _source_of(state, key)))
    return any(each is not None and not each.is_over and state.now < each.ends_at for each in both)


def exercise_due(state: State, place: str) -> EpochMs | None:
    """When an exercise ends by its time; None where it is over."""
    exercise = state.exercises.get(place)
    return None if exercise is None or exercise.is_over else exercise.ends_at


def on_exercise_over(state: State, place: str) -> Effect:
    """Tell that an exercise has ended by its time, without anybody having said so."""
    exercise = state.exercises[place]
    # What is marked is real from now on for as long as an exercise may last, also if nothing has come during it.
    last_at = EpochMs(max(exercise.last_at, exercise.ends_at))
    over = PutExercise(place, replace(exercise, last_at=last_at, is_over=True))
    zone, _, name = place.partition("/")
    signal = _signal(state, zone, name or zone)
    return on_active(state, signal).after(over)


def _cleared(state: State, zone: str) -> Effect:
    known = by_name(state, zone, fault_name(Hazard.EXERCISE_OVERDUE, zone))
    if known is None or known.state in OVER:
        return Effect(None)
    return on_cleared(state, _signal(state, zone, zone))


def _signal(state: State, zone: str, name: str) -> ConditionSignal:
    device = state.devices.get((zone, name))
    return ConditionSignal(
        hazard=Hazard.EXERCISE_OVERDUE,
        subject=name,
        zone=zone,
        event_id=f"exercise:{state.now}",
        feed=Feed.INTAKE,
        occurred_at=state.now,
        received_at=state.now,
        is_sure=True,
        name=name,
        place=None if device is None else device.place,
        reason=Reason.EXERCISE_OVER,
    )


def _source_of(state: State, key: DeviceKey) -> str:
    """The site or device whose exercise a marked report begins; unregistered ones of a zone share one."""
    device = state.devices.get(key)
    if device is None or device.site is None:
        return f"{key[0]}/"
    return f"{key[0]}/{device.device_id if device.gateway is None else device.gateway[1]}"
