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

from processors.incident.flapping import end_flapping
from processors.incident.issue import AlertContext, issue_alert
from processors.incident.lifecycle import (
    DUE,
    OVER,
    QUIET,
    Transition,
    advance,
    bring_back,
    extend_expiry,
    has_next_tier,
)
from processors.incident.matching import Surroundings
from processors.incident.raising import raise_incident
from processors.incident.supervision import (
    on_silent,
    on_stuck,
    on_test_missed,
    silence_due,
    stuck_due,
    test_overdue,
)
from processors.rules.feed import feed_silence_due, on_feed_silent
from processors.state.effect import Effect, EndIncident, PutIncident
from processors.state.entities import Device, DeviceKey, Incident, Timer, TimerKind
from processors.state.partition_state import State
from schemas.enums import Action, Family, IncidentState, Reason
from schemas.units import EpochMs


def due_of(state: State, timer: Timer) -> EpochMs | None:
    """The actual due time of what a timer checks; None where nothing is due any more."""
    if timer.kind in DUE:
        incident = state.incidents.get(timer.subject)
        return None if incident is None else DUE[timer.kind](incident)
    if timer.kind is TimerKind.FEED_SILENCE:
        return feed_silence_due(state, timer.subject)
    return _DEVICE_DUE[timer.kind](state, _key(timer))


def fire(state: State, timer: Timer) -> Effect:
    """Decide about a timer that is due."""
    if timer.kind in DUE:
        return _INCIDENT_RULES[timer.kind](state, timer, state.incidents[timer.subject])
    if timer.kind is TimerKind.FEED_SILENCE:
        return on_feed_silent(state, timer.subject)
    return _DEVICE_RULES[timer.kind](state, state.devices[_key(timer)])


def _key(timer: Timer) -> DeviceKey:
    zone, _, device_id = timer.subject.partition("/")
    return zone, device_id


def _hold(state: State, timer: Timer, incident: Incident) -> Effect:
    """Raise a candidate whose hold is over, or drop it without any alert if its condition has cleared meanwhile."""
    if not incident.active:
        closed = replace(incident, state=IncidentState.CLOSED)
        return Effect(Reason.NEVER_RAISED, (), (EndIncident(closed),))
    held = advance(incident, Transition.HOLD_OVER, state.now, state.policy)
    first = held.sources[0]
    reason = Reason.FIRST_FACT if held.family is Family.EMERGENCY else Reason.CONDITION_ACTIVE
    context = replace(
        _context(state, timer, Action.RAISE, reason, "1"),
        late=first.received_at - first.occurred_at > state.policy.late_after_ms,
        is_alarm=True,
    )
    device_key = (held.zone, held.devices[0] if held.devices else "")
    return raise_incident(state, held, context, Surroundings(state, device_key, held.place))[1]


def _escalate(state: State, timer: Timer, incident: Incident) -> Effect:
    """Ask the next tier, since nobody has answered or the unit has refused; it has as much time to answer."""
    if not has_next_tier(incident):
        return Effect(None, (), (PutIncident(replace(incident, escalate_at=None)),))
    was_refused = incident.state is IncidentState.REJECTED
    escalated = replace(incident, tier=incident.tier + 1)
    escalated = advance(escalated, Transition.ESCALATE, state.now, state.policy)
    reason = Reason.REJECTED_BY_UNIT if was_refused else Reason.NOBODY_ACKNOWLEDGED
    return _issue(escalated, _context(state, timer, Action.ESCALATE, reason, str(escalated.tier)))


def _notify(state: State, timer: Timer, incident: Incident) -> Effect:
    """Issue a reminder, since nobody has answered yet. A flapping incident is not reminded of."""
    due = EpochMs(state.now + state.policy.notify_ms.of(incident.grade))
    reminded = replace(incident, notify_at=due)
    if incident.flapping:
        return Effect(None, (), (PutIncident(reminded),))
    return _issue(
        reminded, _context(state, timer, Action.UPDATE, Reason.STILL_UNACKNOWLEDGED, _next(incident))
    )


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
    """End flapping and report the present condition."""
    calm = end_flapping(incident)
    if incident.state in QUIET or not incident.revision:
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
    return _end(state, timer, incident, Transition.RESOLVE, Reason.RESOLVED)


def _expire(state: State, timer: Timer, incident: Incident) -> Effect:
    """Close an incident that nobody has updated, with an alert; a fault that persists stays open."""
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
    TimerKind.STALE: _stale,
    TimerKind.UNSHELVE: _unshelve,
}

_DEVICE_DUE: Mapping[TimerKind, Callable[[State, DeviceKey], EpochMs | None]] = {
    TimerKind.SILENCE: silence_due,
    TimerKind.STUCK: stuck_due,
    TimerKind.TEST_DUE: test_overdue,
}

_DEVICE_RULES: Mapping[TimerKind, Callable[[State, Device], Effect]] = {
    TimerKind.SILENCE: on_silent,
    TimerKind.STUCK: on_stuck,
    TimerKind.TEST_DUE: on_test_missed,
}
