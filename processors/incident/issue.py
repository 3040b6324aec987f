"""Alerts: how one is made from an incident, what it is called, and where it goes.

No byte of an alert depends on an offset: a copy of an input elsewhere in the log changes none.
"""

from collections.abc import Mapping

import msgspec

from processors.incident.grading import URGENCIES, categories_of
from processors.incident.texts import texts_for
from processors.state.entities import Incident
from processors.state.partition_state import FOLD_VERSION
from schemas.ack import Actor
from schemas.alert import Alert, Position, PriorAlert, Source
from schemas.enums import Action, Disposition, Grade, Hazard, Reason, Status, Urgency
from schemas.ids import fingerprint
from schemas.topics import ALERTS, MAINTENANCE, TEST_ALERTS
from schemas.units import EpochMs, degrees

SENDER = "callbox"
MAX_SOURCES = 50
"""In an alert; `source_count` says how many there were."""

MAX_PRIOR = 10
"""Earlier alerts that an alert names."""


_ID_NAMES: Mapping[Hazard, str] = {Hazard.EMERGENCY_CALL: "call", Hazard.FEED_FAULT: "maintenance"}
"""What ids were made from before there were as many hazards. It stays: an incident that one release has raised must
have the same id when the next one folds the same press."""


class AlertContext(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Why an alert goes out now.

    Attributes:
        action: What it does.
        reason: Why.
        cause: What names the input (feed, device, event id: event ids are unique per device only), or the timer
            (kind, ordinal). With the action it makes the alert's id.
        at: Fold time.
        policy_version: What is in force.
        device_name: Who reported, for the texts; empty for a stranger or for nobody.
        late: The fact came late.
        clock_suspect: A time of it was replaced.
        is_alarm: It makes the incident urgent: who has not seen it, cannot answer it.
        disposition: How the incident ended, or None.
        actor: Who acted, or None.
        ack_id: Their acknowledgement, or None.
    """

    action: Action
    reason: Reason
    cause: tuple[str, ...]
    at: EpochMs
    policy_version: str
    device_name: str = ""
    late: bool = False
    clock_suspect: bool = False
    is_alarm: bool = False
    disposition: Disposition | None = None
    actor: Actor | None = None
    ack_id: str | None = None


def topic_for(alert: Alert) -> str:
    """Where an alert goes: what is not real never reaches the live topics (domain.md 5)."""
    if alert.status is not Status.ACTUAL:
        return TEST_ALERTS
    return MAINTENANCE if alert.grade is Grade.BLUE else ALERTS


def incident_id_of(zone: str, hazard: Hazard, device_id: str, event_id: str) -> str:
    """Name an incident by its first fact. It begins with its zone, so that an acknowledgement can be routed.

    The first fact's hazard is part of it, not the family: event ids are unique for a device and a feed only.
    """
    return f"{zone}-{fingerprint(_ID_NAMES.get(hazard, hazard.value), device_id, event_id)}"


def alert_id_of(incident_id: str, action: Action, cause: tuple[str, ...]) -> str:
    """Name an alert by what it does and why: equal on a repeat."""
    return fingerprint(incident_id, action, *cause)


def with_source(sources: tuple[Source, ...], source: Source) -> tuple[Source, ...]:
    """One source more; of too many the first and the latest stay."""
    if len(sources) < MAX_SOURCES:
        return (*sources, source)
    return (sources[0], *sources[2:], source)


def issue_alert(incident: Incident, occasion: AlertContext) -> tuple[Incident, Alert]:
    """Make an alert of an incident as it is now.

    Args:
        incident: With everything in it that the alert is about.
        occasion: Why.

    Returns:
        The incident, which now knows of this alert, and the alert.
    """
    alert = _alert(incident, occasion)
    prior = (*incident.prior, PriorAlert(alert_id=alert.alert_id, sent=occasion.at))[-MAX_PRIOR:]
    revision = alert.revision
    alarm_revision = revision if occasion.is_alarm else incident.alarm_revision
    raised_at = occasion.at if incident.raised_at is None else incident.raised_at
    told = msgspec.structs.replace(
        incident, revision=revision, prior=prior, alarm_revision=alarm_revision, raised_at=raised_at
    )
    return told, alert


def _alert(incident: Incident, occasion: AlertContext) -> Alert:
    place, responsible = incident.place, incident.chain[incident.tier]
    return Alert(
        alert_id=alert_id_of(incident.incident_id, occasion.action, occasion.cause),
        incident_id=incident.incident_id,
        sender=SENDER,
        revision=incident.revision + 1,
        sent=occasion.at,
        onset=incident.onset,
        expires=incident.expires_at,
        status=incident.status,
        action=occasion.action,
        state=incident.state,
        prior=incident.prior,
        related_incidents=incident.related,
        hazard=incident.hazard,
        categories=categories_of(incident.hazard, is_call=incident.press_count > 0),
        grade=incident.grade,
        urgency=URGENCIES.get(incident.grade, Urgency.UNKNOWN),
        verification_level=incident.verification_level,
        confidence=None if incident.score_permille is None else incident.score_permille / 1000,
        position=None if place is None else Position(lon=degrees(place.lon_e7), lat=degrees(place.lat_e7)),
        uncertainty_m=None if incident.uncertainty_m is None else float(incident.uncertainty_m),
        cell_id=None if place is None else place.cell,
        zone=incident.zone,
        responsible_unit=responsible.unit,
        tier=responsible.tier,
        chain=incident.chain,
        target_response_s=incident.target_response_s,
        ack_by=incident.ack_by,
        escalate_at=incident.escalate_at,
        sources=incident.sources,
        source_count=incident.source_count,
        media=incident.media,
        texts=texts_for(
            incident.hazard,
            occasion.reason,
            zone=incident.zone,
            device_name=occasion.device_name or incident.device_name,
            count=incident.press_count,
            unit=responsible.unit,
            status=incident.status,
        ),
        hit=None,
        actor=occasion.actor,
        ack_id=occasion.ack_id,
        late=occasion.late,
        clock_suspect=occasion.clock_suspect,
        flapping=incident.flapping,
        press_count=incident.press_count,
        reason=occasion.reason,
        policy_version=occasion.policy_version,
        fold_version=FOLD_VERSION,
        disposition=occasion.disposition,
    )
