"""The alert of a press on which the rules have failed: a minimal red, made from the record alone.

This module depends on as little as possible, since the fault may be in any other module. It keeps no incident: the
state remains as it was before the press.
"""

from processors.incident.texts import texts_for
from processors.state.partition_state import FOLD_VERSION
from schemas.alert import Alert, Source
from schemas.enums import (
    Action,
    Category,
    Feed,
    Grade,
    Hazard,
    IncidentState,
    Reason,
    Status,
    Tier,
    Urgency,
)
from schemas.fusion_log import PillarFact
from schemas.ids import fingerprint
from schemas.registry import ChainLink
from schemas.units import DAY_MS, EpochMs

_UNIT = "control-room"
_CHAIN = (ChainLink(tier=Tier.COUNTY, unit=_UNIT),)
_TEXTS = {
    is_exercise: texts_for(
        Hazard.EMERGENCY_CALL,
        Reason.FOLD_ERROR,
        zone="-",
        status=Status.EXERCISE if is_exercise else Status.ACTUAL,
    )
    for is_exercise in (False, True)
}


def minimal_red(zone: str, fact: PillarFact, at: EpochMs) -> Alert:
    """The alert of a press about which the rules could not decide.

    Args:
        zone: The zone of the envelope.
        fact: The press.
        at: Stream time.

    Returns:
        A raise with an incident id and an alert id of its own. Folded again by rules that do not fail, the press
        raises an incident with another id.
    """
    incident_id = f"{zone}-{fingerprint('fold_error', fact.device_id, fact.event_id, fact.received_at, at)}"
    return Alert(
        alert_id=fingerprint(incident_id, Action.RAISE, "fold_error"),
        incident_id=incident_id,
        sender="callbox",
        revision=1,
        sent=at,
        onset=fact.occurred_at,
        expires=EpochMs(at + DAY_MS),
        status=Status.EXERCISE if fact.exercise else Status.ACTUAL,
        action=Action.RAISE,
        state=IncidentState.RAISED,
        prior=(),
        related_incidents=(),
        hazard=Hazard.EMERGENCY_CALL,
        categories=(Category.RESCUE, Category.SECURITY),
        grade=Grade.RED,
        urgency=Urgency.IMMEDIATE,
        verification_level=1,
        confidence=None,
        position=None,
        uncertainty_m=None,
        cell_id=None,
        zone=zone,
        responsible_unit=_UNIT,
        tier=Tier.COUNTY,
        chain=_CHAIN,
        target_response_s=None,
        ack_by=None,
        escalate_at=None,
        sources=(
            Source(
                feed=Feed.PILLARS,
                device_id=fact.device_id,
                event_id=fact.event_id,
                occurred_at=fact.occurred_at,
                received_at=fact.received_at,
            ),
        ),
        source_count=1,
        media=(),
        texts=_TEXTS[fact.exercise],
        hit=None,
        actor=None,
        ack_id=None,
        late=False,
        clock_suspect=fact.clock_suspect,
        flapping=False,
        press_count=1,
        reason=Reason.FOLD_ERROR,
        policy_version="",
        fold_version=FOLD_VERSION,
        disposition=None,
    )
