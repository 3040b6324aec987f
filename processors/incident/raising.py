"""The one path by which an incident is raised: its first fact, or the end of a hold.

    complete incident ─► link with other open incidents at its place ─► its first alert ─► effect

Different hazard families in one place are separate incidents that refer to each other, and so are two emergencies that
lie too far apart in time to be one (docs/requirements.md, F15).
"""

from msgspec.structs import replace

from processors.incident.issue import AlertContext, issue_alert
from processors.incident.lifecycle import QUIET
from processors.incident.matching import MAX_RELATED, Surroundings
from processors.state.effect import Effect, PutIncident
from processors.state.entities import Incident
from processors.state.partition_state import State
from schemas.enums import Action, IncidentState, Reason

_NOTHING = Effect(None)
"""There is no other incident at this place, which is the usual case."""


def raise_incident(
    state: State, incident: Incident, context: AlertContext, around: Surroundings | None
) -> tuple[Incident, Effect]:
    """Raise an incident for which no alert has been issued yet.

    Args:
        state: Read only.
        incident: The incident in its new state, with everything that the alert is about.
        context: Why it is raised; its action is RAISE.
        around: The open incidents around it; None where it is not to be linked with others.

    Returns:
        The incident as it is now, and the effect: its own alert first, then those of the incidents linked with it.
    """
    updates = _NOTHING
    others = [] if around is None else around.others(incident)
    if others:
        incident, updates = _link(state, incident, others)
    incident, alert = issue_alert(incident, context)
    alerts, changes = (alert, *updates.alerts), (PutIncident(incident), *updates.changes)
    return incident, Effect(context.reason, alerts, changes)


def _link(state: State, incident: Incident, others: list[Incident]) -> tuple[Incident, Effect]:
    """Make a new incident and the other open ones at its place refer to each other.

    Each of the others that has room for one more gets one alert and one change. A candidate has not been reported, so
    the new incident does not refer to it. The reference of a candidate, or of one that a person has put away, is
    recorded without an alert.
    """
    reported = [other for other in others if other.state is not IncidentState.CANDIDATE]
    named = (*incident.related, *(other.incident_id for other in reported))
    incident = replace(incident, related=tuple(dict.fromkeys(named))[:MAX_RELATED])
    updates: list[Effect] = []
    for other in others:
        if len(other.related) >= MAX_RELATED or incident.incident_id in other.related:
            continue
        naming = replace(other, related=(*other.related, incident.incident_id))
        if other.revision and other.state not in QUIET:
            naming, alert = issue_alert(naming, _related(state, incident))
            updates.append(Effect(None, (alert,), (PutIncident(naming),)))
        else:
            updates.append(Effect(None, (), (PutIncident(naming),)))
    return incident, Effect(None).then(*updates) if updates else _NOTHING


def _related(state: State, incident: Incident) -> AlertContext:
    return AlertContext(
        action=Action.UPDATE,
        reason=Reason.RELATED,
        cause=("related", incident.incident_id),
        at=state.now,
        policy_version=state.policy_version,
    )
