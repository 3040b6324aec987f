"""What happens when a timer is due. Only ticks make timers fire.

A timer in the heap says when to check. The actual due time is held by the incident or follows from the device: a timer
that is too early is set again, and one that has become obsolete is dropped. An incident that changes therefore moves
no timer, the cost of a tick depends only on what is due, and each tier is asked once even if a tick is repeated.

    due_of ─► None: drop it
           ─► later: check again then
           ─► now: fire, then due_of again
"""

from collections.abc import Callable, Mapping

from msgspec.structs import replace

from processors.incident.area import area_due, judge_area, tell_each
from processors.incident.device_condition import ConditionSignal, closed_fault, on_active
from processors.incident.flapping import end_flapping
from processors.incident.grading import chain_of
from processors.incident.issue import AlertContext, issue_alert
from processors.incident.lifecycle import (
    ATTENDED,
    DUE,
    OVER,
    QUIET,
    UNACKNOWLEDGED,
    Transition,
    advance,
    ask_again,
    bring_back,
    extend_expiry,
    has_next_tier,
)
from processors.incident.planned import planned_until
from processors.incident.silence import on_silent, silence_due
from processors.incident.site import held_for, on_settled, settle_due, tell_silent, unproven_until
from processors.incident.supervision import on_stuck, on_test_missed, stuck_due, test_overdue
from processors.incident.unregistered_group import tell_group
from processors.rules.feed import feed_silence_due, on_feed_silent
from processors.rules.hold import on_hold_over
from processors.rules.occurrence import tell_more_records
from processors.rules.planned_work import exercise_due, on_exercise_over
from processors.rules.second_person import on_lapsed
from processors.state.effect import Effect, EndIncident, PutClosedFault, PutIncident
from processors.state.entities import Device, DeviceKey, Incident, Timer, TimerKind
from processors.state.partition_state import State
from schemas.enums import Action, Family, Feed, Grade, Hazard, IncidentState, Reason
from schemas.units import DAY_MS, EpochMs


def due_of(state: State, timer: Timer) -> EpochMs | None:
    """The actual due time of what a timer checks; None where nothing is due any more."""
    if timer.kind in DUE:
        incident = state.incidents.get(timer.subject)
        return None if incident is None else DUE[timer.kind](incident)
    if timer.kind in _OTHER_DUE:
        return _OTHER_DUE[timer.kind](state, timer.subject)
    return _DEVICE_DUE[timer.kind](state, _key(timer))


def fire(state: State, timer: Timer) -> Effect:
    """Decide about a timer that is due."""
    if timer.kind in DUE:
        return _INCIDENT_RULES[timer.kind](state, timer, state.incidents[timer.subject])
    if timer.kind in _OTHER_RULES:
        return _OTHER_RULES[timer.kind](state, timer.subject)
    return _DEVICE_RULES[timer.kind](state, state.devices[_key(timer)])


def _key(timer: Timer) -> DeviceKey:
    zone, _, device_id = timer.subject.partition("/")
    return zone, device_id


def _hold(state: State, _timer: Timer, incident: Incident) -> Effect:
    """Decide about a candidate whose hold is over."""
    return on_hold_over(state, incident)


def _escalate(state: State, timer: Timer, incident: Incident) -> Effect:
    """Ask the next tier, since nobody has answered or the unit has refused; it has as much time to answer."""
    if not has_next_tier(incident):
        return Effect(None, (), (PutIncident(replace(incident, escalate_at=None)),))
    if (until := _worked_on_until(state, incident)) is not None:
        return Effect(None, (), (PutIncident(replace(incident, escalate_at=until)),))
    was_refused = incident.state is IncidentState.REJECTED
    escalated = replace(incident, tier=incident.tier + 1)
    if incident.state in ATTENDED:  # a further caller waits; the unit that was sent goes on
        escalated = ask_again(escalated, state.now, state.policy)
    else:
        escalated = advance(escalated, Transition.ESCALATE, state.now, state.policy)
    reason = Reason.REJECTED_BY_UNIT if was_refused else Reason.NOBODY_ACKNOWLEDGED
    return _issue(escalated, _context(state, timer, Action.ESCALATE, reason, str(escalated.tier)))


def _notify(state: State, timer: Timer, incident: Incident) -> Effect:
    """Issue a reminder, since nobody has answered yet, or tell what has joined. A flapping incident has none."""
    if incident.untold and incident.family is Family.EMERGENCY:
        return tell_group(state, incident)[1]
    if incident.untold:
        return tell_more_records(state, incident)
    if (until := _worked_on_until(state, incident)) is not None:
        return Effect(None, (), (PutIncident(replace(incident, notify_at=until)),))
    interval_ms = state.policy.notify_ms.of(incident.grade)
    reminders = incident.reminders + 1
    if incident.state is IncidentState.CLEARED_UNACKED and reminders >= state.policy.reminders_when_over:
        interval_ms = DAY_MS
    reminded = replace(incident, notify_at=EpochMs(state.now + interval_ms), reminders=reminders)
    if incident.flapping:
        return Effect(None, (), (PutIncident(reminded),))
    return _issue(
        reminded, _context(state, timer, Action.UPDATE, Reason.STILL_UNACKNOWLEDGED, _next(incident))
    )


def _worked_on_until(state: State, incident: Incident) -> EpochMs | None:
    """When planned work on the device of a blue should be over; None where nobody works on it."""
    if incident.grade is not Grade.BLUE or not state.windows or not incident.devices:
        return None
    return planned_until(state, incident.zone, incident.devices[0])


def _stale(state: State, timer: Timer, incident: Incident) -> Effect:
    """Raise the incident again, since it was accepted and no progress has followed."""
    stale = advance(incident, Transition.STALE, state.now, state.policy)
    context = _context(state, timer, Action.UPDATE, Reason.NO_PROGRESS, _next(incident))
    return _issue(stale, replace(context, is_alarm=True))


def _unshelve(state: State, timer: Timer, incident: Incident) -> Effect:
    """End shelving, or being out of service: the incident is raised again, or cleared if its condition is over."""
    is_shelved = incident.state is IncidentState.SHELVED
    transition = Transition.UNSHELVE if is_shelved else Transition.IN_SERVICE
    unshelved = bring_back(incident, transition, state.now, state.policy)
    context = _context(state, timer, Action.UPDATE, Reason.SHELVING_OVER, _next(incident))
    return _issue(unshelved, replace(context, is_alarm=True))


def _calm(state: State, timer: Timer, incident: Incident) -> Effect:
    """End flapping, or planned work, and report the present condition; a silence only once it is proven (F7)."""
    until = None if incident.flapping else _worked_on_until(state, incident)
    if until is None and incident.active:
        until = held_for(state, incident)
    if until is not None:
        return Effect(None, (), (PutIncident(replace(incident, calm_at=until)),))
    calm = end_flapping(incident)
    if incident.state in QUIET or not incident.revision:
        return Effect(None, (), (PutIncident(calm),))
    if calm.cleared_by_person:  # nothing has happened since; who cleared it knew that it comes and goes
        return Effect(None, (), (PutIncident(calm),))
    if calm.active and calm.state in OVER:  # it became active again while reports were suppressed
        calm = advance(calm, Transition.FACT, state.now, state.policy)
        context = _context(state, timer, Action.UPDATE, Reason.CONDITION_BACK, _next(incident))
        return _issue(calm, replace(context, is_alarm=True))
    reason = Reason.CONDITION_ACTIVE if calm.active else Reason.CONDITION_OVER
    if not calm.active:
        calm = advance(calm, Transition.CONDITION_OVER, state.now, state.policy, restart=False)
    return _issue(calm, _context(state, timer, Action.UPDATE, reason, _next(incident)))


def _resolve(state: State, timer: Timer, incident: Incident) -> Effect:
    """Close an incident that is cleared and acknowledged."""
    ended = _end(state, timer, incident, Transition.RESOLVE, Reason.RESOLVED)
    return ended.then(closed_fault(state, incident))


def _expire(state: State, timer: Timer, incident: Incident) -> Effect:
    """Close an incident that nobody has updated, with an alert; a fault that persists stays open.

    Nor does one end of which somebody is still asked, or the next tier will be (docs/requirements.md, F11).
    """
    asked_until = max(incident.ack_by or 0, incident.escalate_at or 0)
    if incident.state in UNACKNOWLEDGED and (asked_until > state.now or incident.escalate_at is not None):
        later = EpochMs(max(asked_until, state.now) + 1)
        return Effect(None, (), (PutIncident(replace(incident, expires_at=later)),))
    if incident.family is Family.MAINTENANCE and incident.active:
        return Effect(None, (), (PutIncident(extend_expiry(incident, state.now, state.policy)),))
    if incident.revision == 0:
        return Effect(None, (), (EndIncident(replace(incident, state=IncidentState.CLOSED)),))
    return _end(state, timer, incident, Transition.EXPIRY, Reason.EXPIRED)


def _end(state: State, timer: Timer, incident: Incident, transition: Transition, reason: Reason) -> Effect:
    closed = advance(incident, transition, state.now, state.policy)
    closed, alert = issue_alert(closed, _context(state, timer, Action.CLOSE, reason, "1"))
    return Effect(reason, (alert,), (EndIncident(closed),))


def _issue(incident: Incident, context: AlertContext) -> Effect:
    incident, alert = issue_alert(incident, context)
    return Effect(context.reason, (alert,), (PutIncident(incident),))


def _context(state: State, timer: Timer, action: Action, reason: Reason, ordinal: str) -> AlertContext:
    """Why a timer's alert is issued; the ordinal makes the alert ids of repeated firings differ."""
    return AlertContext(
        action=action,
        reason=reason,
        cause=("timer", timer.kind, ordinal),
        at=state.now,
        policy_version=state.policy_version,
    )


def _next(incident: Incident) -> str:
    """The ordinal of something that may happen any number of times: the revision of the alert that reports it."""
    return str(incident.revision + 1)


_INCIDENT_RULES: Mapping[TimerKind, Callable[[State, Timer, Incident], Effect]] = {
    TimerKind.CALM: _calm,
    TimerKind.ESCALATE: _escalate,
    TimerKind.EXPIRE: _expire,
    TimerKind.HOLD: _hold,
    TimerKind.NOTIFY: _notify,
    TimerKind.RESOLVE: _resolve,
    TimerKind.SECOND_PERSON: on_lapsed,
    TimerKind.STALE: _stale,
    TimerKind.UNSHELVE: _unshelve,
}


def _judge_area(state: State, subject: str) -> Effect:
    """Judge an area anew; devices that are left when it is over are told one by one."""
    zone, _, hazard = subject.partition("/")
    effect, left = judge_area(state, (zone, Hazard(hazard)))
    if not left:
        return effect
    if hazard == Hazard.COMM_FAIL:
        return effect.then(tell_silent(state, left, Reason.STILL_AFTER_AREA))
    return effect.then(tell_each(state, Hazard(hazard), left))


def _area_due(state: State, subject: str) -> EpochMs | None:
    zone, _, hazard = subject.partition("/")
    return area_due(state, (zone, Hazard(hazard)))


def _again_due(state: State, subject: str) -> EpochMs | None:
    zone, _, name = subject.partition("/")
    closed = state.closed_faults.get((zone, name))
    return None if closed is None else closed.again_at


def _again(state: State, subject: str) -> Effect:
    """Tell a fault again that a person has closed and that goes on, naming the earlier incident (F10).

    Whether it goes on is judged anew after a hole in the feed, where it is that nothing was heard (F7).
    """
    zone, _, name = subject.partition("/")
    hazard, _, who = name.partition(":")
    closed = state.closed_faults[zone, name]
    device = state.devices.get((zone, who))
    until = None if device is None else unproven_until(state, Hazard(hazard), device)
    if until is not None:
        return Effect(None, (), (PutClosedFault((zone, name), replace(closed, again_at=until)),))
    signal = ConditionSignal(
        hazard=Hazard(hazard),
        subject=who,
        zone=zone,
        event_id=f"again:{closed.incident_id}",
        feed=Feed.INTAKE,
        occurred_at=state.now,
        received_at=state.now,
        is_sure=True,
        name=who if device is None else device.name,
        place=None if device is None else device.place,
        chain=chain_of(None if device is None else device.site),
        reason=Reason.STILL_THERE,
        is_again=True,
        related=(closed.incident_id,),
    )
    return on_active(state, signal)


_DEVICE_DUE: Mapping[TimerKind, Callable[[State, DeviceKey], EpochMs | None]] = {
    TimerKind.SILENCE: silence_due,
    TimerKind.STUCK: stuck_due,
    TimerKind.TEST_DUE: test_overdue,
    TimerKind.SETTLE: settle_due,
}

_DEVICE_RULES: Mapping[TimerKind, Callable[[State, Device], Effect]] = {
    TimerKind.SILENCE: on_silent,
    TimerKind.STUCK: on_stuck,
    TimerKind.TEST_DUE: on_test_missed,
    TimerKind.SETTLE: on_settled,
}

_OTHER_DUE: Mapping[TimerKind, Callable[[State, str], EpochMs | None]] = {
    TimerKind.FEED_SILENCE: feed_silence_due,
    TimerKind.AGAIN: _again_due,
    TimerKind.AREA: _area_due,
    TimerKind.EXERCISE: exercise_due,
}

_OTHER_RULES: Mapping[TimerKind, Callable[[State, str], Effect]] = {
    TimerKind.FEED_SILENCE: on_feed_silent,
    TimerKind.AGAIN: _again,
    TimerKind.AREA: _judge_area,
    TimerKind.EXERCISE: on_exercise_over,
}
