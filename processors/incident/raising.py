"""The one path by which an incident is raised: its first fact, or the end of a hold.

    incident with everything in it ─► link with open incidents of other families here ─► its first alert ─► effect

Different hazards in one place are separate incidents that name each other.
"""

from msgspec.structs import replace

from processors.incident.issue import AlertContext, issue_alert
from processors.incident.matching import MAX_RELATED, Surroundings
from processors.state.effect import Effect, PutIncident
from processors.state.entities import Incident
from processors.state.partition_state import State
from schemas.enums import Action, IncidentState, Reason

_NOTHING = Effect(None)
"""No other incident stands here, as nearly always."""


def raise_incident(
    state: State, incident: Incident, context: AlertContext, around: Surroundings | None
) -> tuple[Incident, Effect]:
    """Raise an incident that nobody has heard of.

    Args:
        state: Read only.
        incident: With everything in it that the alert is about, in its state.
        context: Why it is raised; its action is RAISE.
        around: What is open round it; None for an incident that names no neighbours.

    Returns:
        The incident as it is now, and what follows: its alert first, then those of the incidents that now name it.
    """
    updates = _NOTHING
    if around is not None:
        incident, updates = _link(state, incident, around.others(incident.family, incident.status))
    incident, alert = issue_alert(incident, context)
    alerts, changes = (alert, *updates.alerts), (PutIncident(incident), *updates.changes)
    return incident, Effect(context.reason, alerts, changes)


def _link(state: State, incident: Incident, others: list[Incident]) -> tuple[Incident, Effect]:
    """Let a new incident and open ones of other families at its place name each other.

    Each of the others that has room gets one alert and one change. A candidate, of which nobody has heard, is not
    named, and names in silence.
    """
    reported = [other for other in others if other.state is not IncidentState.CANDIDATE]
    incident = replace(incident, related=tuple(other.incident_id for other in reported))
    updates: list[Effect] = []
    for other in others:
        if len(other.related) >= MAX_RELATED or incident.incident_id in other.related:
            continue
        naming = replace(other, related=(*other.related, incident.incident_id))
        if other.revision:
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
