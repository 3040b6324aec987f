"""How an alert is made from an incident, which id it gets, and to which topic it goes.

No byte of an alert depends on an offset, so a copy of an input elsewhere in the log changes none.
"""

from itertools import count

import msgspec

from processors.incident.grading import URGENCIES, categories_of
from processors.incident.texts import texts_for
from processors.state.entities import Incident
from processors.state.partition_state import FOLD_VERSION, State
from schemas.ack import Actor
from schemas.alert import Alert, Position, PriorAlert, Source
from schemas.enums import AckAction, Action, Disposition, Grade, Hazard, Reason, Status, Urgency
from schemas.ids import fingerprint, size_of
from schemas.topics import ALERTS, MAINTENANCE, TEST_ALERTS
from schemas.units import EpochMs, degrees

SENDER = "callbox"
MAX_SOURCES = 50
"""Sources that an alert lists; `source_count` says how many there were."""

MAX_SOURCE_BYTES = 4_096
"""Bytes of the ids of an incident's sources: 50 of them with the ids that devices have, a few with the longest ones. A
county's pillars may all have an incident at the same time, and a snapshot holds all of them."""

MAX_PRIOR = 10
"""Earlier alerts that an alert lists."""


class AlertContext(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Why an alert is issued now.

    Attributes:
        action: What the alert does to its incident.
        reason: Why it is issued.
        cause: Identifies the input (feed, device, event id: event ids are unique per device only), or the timer
            (kind, ordinal). The alert's id is made from incident, action and cause.
        at: Stream time.
        policy_version: The version of the policy in force.
        device_name: The device that reported, for the texts; empty for an unregistered device or for none.
        late: The fact was received late.
        clock_suspect: A time of the fact was impossible and has been replaced.
        is_alarm: The alert makes the incident urgent: an answer given without having seen it is rejected.
        is_join: A device, a feed or a press has joined: who judges the incident must have seen it.
        is_call: A caller asks for an answer of their own.
        disposition: How the incident ended, or None.
        actor: Who acted, or None.
        ack_id: Their acknowledgement, or None.
        note: What they have added, or None.
        vouched_organisation: The actor's organisation where the broker vouches for it, or None.
        asked: The action that waits for a second person, or has lapsed without one; or None.
        asked_until: Until when it waits, or None.
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
    is_join: bool = False
    is_call: bool = False
    disposition: Disposition | None = None
    actor: Actor | None = None
    ack_id: str | None = None
    note: str | None = None
    vouched_organisation: str | None = None
    asked: AckAction | None = None
    asked_until: EpochMs | None = None


def topic_for(alert: Alert) -> str:
    """The topic of an alert: tests and exercises never reach the live topics (requirement 5)."""
    if alert.status is not Status.ACTUAL:
        return TEST_ALERTS
    return MAINTENANCE if alert.grade is Grade.BLUE else ALERTS


def incident_id_of(
    state: State, zone: str, hazard: Hazard, device_id: str, event_id: str, received_at: EpochMs
) -> str:
    """The id of an incident, made from its first fact. It begins with the zone, to route acknowledgements by it.

    A source's own ids come round again, so the id names the times of the fact too: when it was received, and when it
    came into the log (docs/requirements.md, F3). Should an incident of that name still be known, a number is added.
    """
    parts = (hazard.value, device_id, event_id, received_at, state.now)
    made = f"{zone}-{fingerprint(*parts)}"
    for number in count(2):
        if made not in state.incidents and made not in state.ended:
            break
        made = f"{zone}-{fingerprint(*parts, number)}"
    return made


def alert_id_of(incident: Incident, action: Action, cause: tuple[str, ...]) -> str:
    """The id of an alert, made from what it does and why, so that a repeat has the same id.

    Its revision goes into it: whatever comes round again, no id names two contents (F3).
    """
    return fingerprint(incident.incident_id, incident.revision + 1, action, *cause)


def with_source(sources: tuple[Source, ...], source: Source) -> tuple[Source, ...]:
    """The sources with one more; where there are too many, the first one and the latest ones stay."""
    kept = (*sources, source)
    if len(kept) > MAX_SOURCES:
        kept = (kept[0], *kept[2:])
    size, left_out = sum(map(_id_bytes, kept)), 0
    while size > MAX_SOURCE_BYTES and left_out < len(kept) - 2:
        left_out += 1
        size -= _id_bytes(kept[left_out])
    return (kept[0], *kept[1 + left_out :])


def _id_bytes(source: Source) -> int:
    return size_of(source.device_id) + size_of(source.event_id)


def issue_alert(incident: Incident, context: AlertContext) -> tuple[Incident, Alert]:
    """Make an alert of an incident as it is now.

    Args:
        incident: The incident, with everything that the alert is about.
        context: Why the alert is issued.

    Returns:
        The incident, with the alert counted and listed among its earlier alerts, and the alert.
    """
    alert = _alert(incident, context)
    prior = (*incident.prior, PriorAlert(alert_id=alert.alert_id, sent=context.at))[-MAX_PRIOR:]
    revision = alert.revision
    alarm_revision = revision if context.is_alarm else incident.alarm_revision
    issued = msgspec.structs.replace(
        incident,
        revision=revision,
        prior=prior,
        alarm_revision=alarm_revision,
        raised_at=context.at if incident.raised_at is None else incident.raised_at,
        told_at=context.at,
        joined_revision=revision if context.is_join else incident.joined_revision,
        call_revision=revision if context.is_call else incident.call_revision,
        untold=0,
    )
    return issued, alert


def _alert(incident: Incident, context: AlertContext) -> Alert:
    place, responsible = incident.place, incident.chain[incident.tier]
    return Alert(
        alert_id=alert_id_of(incident, context.action, context.cause),
        incident_id=incident.incident_id,
        sender=SENDER,
        revision=incident.revision + 1,
        sent=context.at,
        onset=incident.onset,
        expires=incident.expires_at,
        status=incident.status,
        action=context.action,
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
            context.reason,
            zone=incident.zone,
            device_name=context.device_name or incident.device_name,
            count=incident.press_count or incident.source_count,
            unit=responsible.unit,
            status=incident.status,
            place=place,
            late=_late_source(incident, context),
            loss=incident.loss,
            asked=context.asked,
            asked_until=context.asked_until,
        ),
        hit=None,
        actor=context.actor,
        ack_id=context.ack_id,
        late=context.late,
        clock_suspect=context.clock_suspect,
        flapping=incident.flapping,
        press_count=incident.press_count,
        reason=context.reason,
        policy_version=context.policy_version,
        fold_version=FOLD_VERSION,
        disposition=context.disposition,
        note=context.note,
        vouched_organisation=context.vouched_organisation,
    )


def _late_source(incident: Incident, context: AlertContext) -> tuple[EpochMs, EpochMs] | None:
    """When a fact that came late happened, and when it arrived; None for one that is not late."""
    if not context.late or not incident.sources:
        return None
    return incident.sources[-1].occurred_at, context.at
