"""What happens when a timer is due. Ticks make timers fire, nothing else does.

A timer is checked when it fires, not when its incident changes: one that is early is set anew, and one whose incident
is over does nothing. So an incident has one timer of a kind, and a tick costs what is due.
"""

from collections.abc import Callable, Mapping

from msgspec.structs import replace

from processors.alerts import Occasion, announce
from processors.changes import Change, EndIncident, SetTimer
from processors.decisions import Decision
from processors.entities import Incident, Timer, TimerKind
from processors.lifecycle import Step, after
from processors.state import State
from schemas.enums import Action, Reason

Fired = tuple[Decision | None, tuple[Change, ...]]
"""None where there was nothing left to do."""


def fire(state: State, timer: Timer) -> Fired:
    """Decide about a timer that is due, and has left the heap."""
    incident = state.incidents.get(timer.incident_id)
    if incident is None:
        return None, ()
    return _RULES[timer.kind](state, timer, incident)


def _expire(state: State, timer: Timer, incident: Incident) -> Fired:
    """An incident that nobody touches ends, and says so."""
    if incident.expires_at > state.now:
        return None, (SetTimer(timer._replace(due=incident.expires_at)),)
    occasion = Occasion(
        action=Action.CLOSE,
        reason=Reason.EXPIRED,
        cause=_cause(timer, ordinal=1),
        at=state.now,
        policy_version=state.policy_version,
    )
    _, alert = announce(replace(incident, state=after(incident.state, Step.EXPIRY)), occasion)
    return Decision(reason=Reason.EXPIRED, alerts=(alert,), event_id=":".join(occasion.cause)), (
        EndIncident(incident.incident_id),
    )


def _cause(timer: Timer, *, ordinal: int) -> tuple[str, ...]:
    """Name a timer's firing, for the alert's id: `ordinal` counts those of its kind and incident, from 1."""
    return "timer", timer.kind, str(ordinal)


_RULES: Mapping[TimerKind, Callable[[State, Timer, Incident], Fired]] = {TimerKind.EXPIRE: _expire}
