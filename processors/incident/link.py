"""Different hazards in one place are separate incidents that name each other."""

from msgspec.structs import replace

from processors.incident.issue import AlertContext, issue_alert
from processors.incident.matching import MAX_RELATED
from processors.state.effect import Change, PutIncident
from processors.state.entities import Incident
from processors.state.partition_state import State
from schemas.alert import Alert
from schemas.enums import Action, IncidentState, Reason


def link(
    state: State, incident: Incident, others: list[Incident]
) -> tuple[Incident, tuple[Alert, ...], tuple[Change, ...]]:
    """Let a new incident and others at its place name each other.

    Args:
        state: Read only.
        incident: The new one; its own alert follows.
        others: Open ones.

    Returns:
        The new incident, and for each other that has room one alert and one change. A candidate, of which nobody has
        heard, is not named, and names in silence.
    """
    known = [other for other in others if other.state is not IncidentState.CANDIDATE]
    incident = replace(incident, related=tuple(other.incident_id for other in known))
    alerts: list[Alert] = []
    changes: list[Change] = []
    for other in others:
        if len(other.related) >= MAX_RELATED or incident.incident_id in other.related:
            continue
        naming = replace(other, related=(*other.related, incident.incident_id))
        if other.revision:
            naming, alert = issue_alert(naming, _occasion(state, incident))
            alerts.append(alert)
        changes.append(PutIncident(naming))
    return incident, tuple(alerts), tuple(changes)


def _occasion(state: State, incident: Incident) -> AlertContext:
    return AlertContext(
        action=Action.UPDATE,
        reason=Reason.RELATED,
        cause=("related", incident.incident_id),
        at=state.now,
        policy_version=state.policy_version,
    )
