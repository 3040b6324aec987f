"""What happens when a timer is due. Ticks make timers fire, nothing else does.

A timer in the heap says when to look. What is due stands in the incident or follows from the device: a timer that is
early is set anew, one that is nothing any more goes. So an incident that changes moves no timer, a tick costs what is
due, and each tier is asked once however often a tick is repeated.

    due_of ─► None: nothing ─► later: look then ─► now: fire ─► due_of again
"""

from collections.abc import Callable, Mapping

from msgspec.structs import replace

from processors.incident.deadlines import DUE, enter, has_next_tier
from processors.incident.device_condition import Shown
from processors.incident.flapping import end_flapping
from processors.incident.issue import AlertContext, issue_alert
from processors.incident.lifecycle import OVER, QUIET, Transition, next_state
from processors.incident.link import link
from processors.incident.matching import Surroundings
from processors.incident.supervision import (
    on_silent,
    on_stuck,
    on_test_missed,
    silence_due,
    stuck_due,
    test_overdue,
)
from processors.rules.feed import feed_silence_due, on_feed_silent
from processors.state.effect import Change, Decision, EndIncident, PutIncident
from processors.state.entities import Device, DeviceKey, Incident, Timer, TimerKind
from processors.state.partition_state import State
from schemas.alert import Alert
from schemas.enums import Action, Family, IncidentState, Reason
from schemas.units import EpochMs

Fired = tuple[Decision | None, tuple[Change, ...]]
"""None where there was nothing left to do."""


def due_of(state: State, timer: Timer) -> EpochMs | None:
    """When what a timer looks at is due; None where there is nothing to look at."""
    if timer.kind in DUE:
        incident = state.incidents.get(timer.subject)
        return None if incident is None else DUE[timer.kind](incident)
    if timer.kind is TimerKind.FEED_SILENCE:
        return feed_silence_due(state, timer.subject)
    return _DEVICE_DUE[timer.kind](state, _key(timer))


def fire(state: State, timer: Timer) -> Fired:
    """Decide about what is due."""
    if timer.kind in DUE:
        return _INCIDENT_RULES[timer.kind](state, timer, state.incidents[timer.subject])
    if timer.kind is TimerKind.FEED_SILENCE:
        shown = on_feed_silent(state, timer.subject)
    else:
        shown = _DEVICE_RULES[timer.kind](state, state.devices[_key(timer)])
    decision = Decision(reason=shown.reason, alerts=shown.alerts, event_id=f"timer:{timer.kind}")
    return decision, shown.changes


def _key(timer: Timer) -> DeviceKey:
    zone, _, device_id = timer.subject.partition("/")
    return zone, device_id


def _hold(state: State, timer: Timer, incident: Incident) -> Fired:
    """A candidate has waited: it is raised, unless what was wrong is over. Then nobody ever hears of it."""
    if not incident.active:
        decision = Decision(reason=Reason.NEVER_RAISED, event_id=incident.incident_id)
        return decision, (EndIncident(replace(incident, state=IncidentState.CLOSED)),)
    held = enter(incident, next_state(incident.state, Transition.HOLD_OVER), state.now, state.policy)
    device_key = (held.zone, held.devices[0] if held.devices else "")
    others = Surroundings(state, device_key, held.place).others(held.family, held.status)
    held, updates, changes = link(state, held, others)
    first = held.sources[0]
    reason = Reason.FIRST_FACT if held.family is Family.EMERGENCY else Reason.CONDITION_ACTIVE
    occasion = replace(
        _occasion(state, timer, Action.RAISE, reason, "1"),
        late=first.received_at - first.occurred_at > state.policy.late_after_ms,
        is_alarm=True,
    )
    return _told(held, occasion, updates, changes)


def _escalate(state: State, timer: Timer, incident: Incident) -> Fired:
    """Nobody has answered, or somebody has refused: the next tier is asked, and has the same time."""
    if not has_next_tier(incident):
        return None, (PutIncident(replace(incident, escalate_at=None)),)
    was_refused = incident.state is IncidentState.REJECTED
    asked = replace(incident, tier=incident.tier + 1)
    asked = enter(asked, next_state(incident.state, Transition.ESCALATE), state.now, state.policy)
    reason = Reason.REJECTED_BY_UNIT if was_refused else Reason.NOBODY_ACKNOWLEDGED
    return _told(asked, _occasion(state, timer, Action.ESCALATE, reason, str(asked.tier)))


def _notify(state: State, timer: Timer, incident: Incident) -> Fired:
    """Still nobody: said again. What is away comes and goes is not."""
    due = EpochMs(state.now + state.policy.notify_ms.of(incident.grade))
    again = replace(incident, notify_at=due)
    if incident.flapping:
        return None, (PutIncident(again),)
    occasion = _occasion(state, timer, Action.UPDATE, Reason.STILL_UNACKNOWLEDGED, _next(incident))
    return _told(again, occasion)


def _stale(state: State, timer: Timer, incident: Incident) -> Fired:
    """Somebody has accepted and nothing has followed: it is as if nobody had."""
    again = enter(incident, next_state(incident.state, Transition.STALE), state.now, state.policy)
    occasion = _occasion(state, timer, Action.UPDATE, Reason.NO_PROGRESS, _next(incident))
    return _told(again, replace(occasion, is_alarm=True))


def _unshelve(state: State, timer: Timer, incident: Incident) -> Fired:
    """Shelving, or being out of service, is over: it is an alarm again, or over as well."""
    is_shelved = incident.state is IncidentState.SHELVED
    to = next_state(incident.state, Transition.UNSHELVE if is_shelved else Transition.IN_SERVICE)
    if not incident.active and incident.family is Family.MAINTENANCE:
        to = next_state(to, Transition.CONDITION_OVER)
    again = enter(incident, to, state.now, state.policy)
    occasion = _occasion(state, timer, Action.UPDATE, Reason.SHELVING_OVER, _next(incident))
    return _told(again, replace(occasion, is_alarm=True))


def _calm(state: State, timer: Timer, incident: Incident) -> Fired:
    """It has stopped coming and going: how it is now is told."""
    calm = end_flapping(incident)
    if incident.state in QUIET or not incident.revision:
        return None, (PutIncident(calm),)
    reason = Reason.CONDITION_ACTIVE
    if calm.active and calm.state in OVER:  # it came back while nothing was said of it
        calm = enter(calm, next_state(calm.state, Transition.FACT), state.now, state.policy)
        occasion = _occasion(state, timer, Action.UPDATE, Reason.CONDITION_BACK, _next(incident))
        return _told(calm, replace(occasion, is_alarm=True))
    if not calm.active:
        reason = Reason.CONDITION_OVER
        to = next_state(calm.state, Transition.CONDITION_OVER)
        calm = calm if to is calm.state else enter(calm, to, state.now, state.policy)
    return _told(calm, _occasion(state, timer, Action.UPDATE, reason, _next(incident)))


def _resolve(state: State, timer: Timer, incident: Incident) -> Fired:
    """Cleared and acknowledged: it closes by itself."""
    return _over(state, timer, incident, Transition.RESOLVE, Reason.RESOLVED)


def _expire(state: State, timer: Timer, incident: Incident) -> Fired:
    """An incident that nobody touches ends, and says so; a fault that is still there does not."""
    if incident.family is Family.MAINTENANCE and incident.active:
        later = EpochMs(state.now + state.policy.expire_after_ms)
        return None, (PutIncident(replace(incident, expires_at=later)),)
    if incident.revision == 0:
        return None, (EndIncident(replace(incident, state=IncidentState.CLOSED)),)
    return _over(state, timer, incident, Transition.EXPIRY, Reason.EXPIRED)


def _over(state: State, timer: Timer, incident: Incident, step: Transition, reason: Reason) -> Fired:
    over = enter(incident, next_state(incident.state, step), state.now, state.policy)
    over, alert = issue_alert(over, _occasion(state, timer, Action.CLOSE, reason, "1"))
    decision = Decision(reason=reason, alerts=(alert,), event_id=f"timer:{timer.kind}")
    return decision, (EndIncident(over),)


def _told(
    incident: Incident,
    occasion: AlertContext,
    updates: tuple[Alert, ...] = (),
    changes: tuple[Change, ...] = (),
) -> Fired:
    incident, alert = issue_alert(incident, occasion)
    decision = Decision(reason=occasion.reason, alerts=(alert, *updates), event_id=":".join(occasion.cause))
    return decision, (PutIncident(incident), *changes)


def _occasion(state: State, timer: Timer, action: Action, reason: Reason, ordinal: str) -> AlertContext:
    """Why a timer's alert goes out; the ordinal tells the firings of a kind apart, for the alert's id."""
    return AlertContext(
        action=action,
        reason=reason,
        cause=("timer", timer.kind, ordinal),
        at=state.now,
        policy_version=state.policy_version,
    )


def _next(incident: Incident) -> str:
    """An ordinal for what may happen any number of times: the revision that tells of it."""
    return str(incident.revision + 1)


_INCIDENT_RULES: Mapping[TimerKind, Callable[[State, Timer, Incident], Fired]] = {
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

_DEVICE_RULES: Mapping[TimerKind, Callable[[State, Device], Shown]] = {
    TimerKind.SILENCE: on_silent,
    TimerKind.STUCK: on_stuck,
    TimerKind.TEST_DUE: on_test_missed,
}
