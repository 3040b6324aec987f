"""The public output: one alert record for dispatch, maintenance and test traffic, mapped to CAP 1.2."""

import msgspec

from schemas.ack import Actor
from schemas.enums import (
    Action,
    Category,
    Disposition,
    Feed,
    Grade,
    Hazard,
    IncidentState,
    Purpose,
    Reason,
    Status,
    Tier,
    Urgency,
)
from schemas.fusion_log import Media
from schemas.registry import ChainLink
from schemas.units import EpochMs


class Position(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A point on the ground, WGS 84.

    Attributes:
        lon: Longitude, degrees.
        lat: Latitude, degrees.
    """

    lon: float
    lat: float


class PriorAlert(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """An earlier alert of the same incident (CAP `references`).

    Attributes:
        alert_id: Id of the alert.
        sent: Its time of issue.
    """

    alert_id: str
    sent: EpochMs


class Source(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A fact that an incident rests on.

    Attributes:
        feed: The feed that it came from.
        device_id: The device that reported it.
        event_id: Id of the report.
        occurred_at: When it happened.
        received_at: When the gateway received it.
    """

    feed: Feed
    device_id: str
    event_id: str
    occurred_at: EpochMs
    received_at: EpochMs


class AlertText(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """The text for people, in one language (CAP `info`).

    Attributes:
        lang: Language: en or zh.
        headline: The headline, one line.
        description: What is known.
        instruction: What to do.
    """

    lang: str
    headline: str
    description: str
    instruction: str


class Hit(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A verified hit. It names the list entry, never the plate.

    Attributes:
        entry_id: Id of the hotlist entry.
        purpose: Why the vehicle is listed.
        case_ref: The authority's case.
        verified_by: Who confirmed the hit.
        verified_at: When it was confirmed.
    """

    entry_id: str
    purpose: Purpose
    case_ref: str
    verified_by: str
    verified_at: EpochMs


class Alert(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One message about one incident.

    Attributes:
        alert_id: Made from incident, action and cause: equal on a repeat, with equal bytes.
        incident_id: Zone, a hyphen, and a fingerprint of the first fact.
        sender: The system that issues the alert.
        revision: 1 for the first alert of an incident, then rising; it gives the order and nothing else.
        sent: Stream time: the broker's append time of the input that caused it.
        onset: When the incident began.
        expires: When the incident ends by itself if nobody updates it.
        status: Actual, Test or Exercise.
        action: What this alert does to the incident.
        state: The incident's state after it.
        prior: Earlier alerts of the incident, newest last, at most 10.
        related_incidents: Other incidents at the same place.
        hazard: What is, or may be, wrong.
        categories: CAP categories.
        grade: Red, yellow or blue.
        urgency: CAP urgency.
        verification_level: 0 no dispatch, 1 unverified, 2 corroborated, 3 threat to property, 4 threat to life.
        confidence: The detector's confidence, 0 to 1, or null.
        position: Where the incident is, or null when no registry lists the device.
        uncertainty_m: How far off the position may be, metres, or null.
        cell_id: The 200 m cell, or null.
        zone: The incident's zone.
        responsible_unit: The unit that is asked now.
        tier: The level of that unit.
        chain: Every unit that may be asked, in order.
        target_response_s: How soon somebody should be there, seconds, or null.
        ack_by: When an acknowledgement is due, or null.
        escalate_at: When the next tier is asked, or null.
        sources: The facts that the incident rests on, oldest first, at most 50.
        source_count: How many facts there are in all.
        media: Redacted pictures.
        texts: One text for each language.
        hit: The verified hit, or null.
        actor: Who acted, or null.
        ack_id: The acknowledgement of that actor, or null.
        late: The fact was received later than 40 s after it happened.
        clock_suspect: A time of the fact was impossible and has been replaced.
        flapping: The condition alternates between active and cleared.
        press_count: How often a button was pressed.
        reason: Why this alert is issued.
        policy_version: Version of the policy under which it was decided.
        fold_version: Version of the rules by which it was decided.
        disposition: How the incident ended, or null.
        note: What the actor has added, or null.
        vouched_organisation: The actor's organisation where the broker vouches for it; null where nobody does, and
            then `actor.organisation` is what the sender says.
    """

    alert_id: str
    incident_id: str
    sender: str
    revision: int
    sent: EpochMs
    onset: EpochMs
    expires: EpochMs
    status: Status
    action: Action
    state: IncidentState
    prior: tuple[PriorAlert, ...]
    related_incidents: tuple[str, ...]
    hazard: Hazard
    categories: tuple[Category, ...]
    grade: Grade
    urgency: Urgency
    verification_level: int
    confidence: float | None
    position: Position | None
    uncertainty_m: float | None
    cell_id: str | None
    zone: str
    responsible_unit: str
    tier: Tier
    chain: tuple[ChainLink, ...]
    target_response_s: int | None
    ack_by: EpochMs | None
    escalate_at: EpochMs | None
    sources: tuple[Source, ...]
    source_count: int
    media: tuple[Media, ...]
    texts: tuple[AlertText, ...]
    hit: Hit | None
    actor: Actor | None
    ack_id: str | None
    late: bool
    clock_suspect: bool
    flapping: bool
    press_count: int
    reason: Reason
    policy_version: str
    fold_version: int
    disposition: Disposition | None
    note: str | None = None
    vouched_organisation: str | None = None
