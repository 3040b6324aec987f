"""Intake of acknowledgements: who sends it, what of it can be shown, the broker's time, the zone of its incident.

    topic of an organisation ─► the organisation is the sender's, whatever the record says
    plain topic              ─► what the record says, and nobody vouches for it; or refused, where there are others

It does not judge the acknowledgement: the fold knows the incident and answers. What is wrong whatever the incident is
becomes its `flaw`, and is answered too (docs/requirements.md, F6).
"""

import re
from typing import Final

import msgspec

from processors.intake.envelope import envelope
from schemas.ack import NAME_LENGTH, NOTE_LENGTH, AckFact, Acknowledgement, Actor
from schemas.enums import AckAction, AckFlaw, InputKind
from schemas.fusion_log import FusionInput
from schemas.ids import bounded_id, bounded_text
from schemas.registry import UNASSIGNED_ZONE
from schemas.units import EpochMs

SHELVING = frozenset({AckAction.SHELVE, AckAction.UNSHELVE, AckAction.OUT_OF_SERVICE, AckAction.IN_SERVICE})
"""Actions that suppress an incident or end this; they have a kind of their own in the log."""

_INCIDENT_ID = re.compile(r"(.+)-[0-9a-f]{26}", re.DOTALL)
"""Zone, which may hold hyphens itself, and the fingerprint of the first fact (schemas/ids.py)."""


class AckSender(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of the sender of an acknowledgement by the topic that it came on.

    Attributes:
        organisation: Whose topic it is; empty for the plain one.
        units: The units that it answers for.
        is_refused: Whether nothing is taken from there.
    """

    organisation: str = ""
    units: tuple[str, ...] = ()
    is_refused: bool = False


NOBODY_VOUCHES: Final = AckSender()
"""The sender on the plain topic of a site that names no organisations."""


def ack_input(ack: Acknowledgement, appended_at: EpochMs, sender: AckSender = NOBODY_VOUCHES) -> FusionInput:
    """Convert an acknowledgement into a fact for the log.

    Args:
        ack: The acknowledgement as it was sent.
        appended_at: When the broker appended it. A second forwarder makes the same fact of it, since this is equal.
        sender: Who has sent it.
    """
    organisation = sender.organisation or ack.actor.organisation
    ack_id, incident_id = bounded_id(ack.ack_id), bounded_id(ack.incident_id)
    fact = AckFact(
        ack_id=ack_id,
        incident_id=incident_id,
        action=ack.action,
        actor=Actor(name=_shown(ack.actor.name), organisation=_shown(organisation)),
        at=ack.at,
        received_at=appended_at,
        revision=ack.revision,
        reason=ack.reason,
        disposition=ack.disposition,
        shelve_s=ack.shelve_s,
        grade=ack.grade,
        # One character more than is allowed, so that the fold sees that it is too long, and the log does not grow.
        note=None if ack.note is None else bounded_text(ack.note, NOTE_LENGTH + 1),
        vouched_organisation=sender.organisation,
        units=sender.units,
        flaw=_flaw_of(sender, ack, ack_id, organisation),
    )
    kind = InputKind.SHELVING if ack.action in SHELVING else InputKind.ACKNOWLEDGEMENT
    return envelope(kind, fact.ack_id, zone_of_incident(fact.incident_id), fact)


def zone_of_incident(incident_id: str) -> str:
    """The zone with which an incident's id begins; the control room's where the id has another form."""
    found = _INCIDENT_ID.fullmatch(incident_id)
    return UNASSIGNED_ZONE if found is None else found[1]


def _shown(name: str) -> str:
    """What is shown of a name; one that is too long is refused, so its end does not matter."""
    return bounded_text(name, NAME_LENGTH)


def _flaw_of(sender: AckSender, ack: Acknowledgement, ack_id: str, organisation: str) -> AckFlaw | None:
    if sender.is_refused:
        return AckFlaw.ORGANISATION_NOT_VOUCHED
    is_renamed = ack_id != ack.ack_id  # an incident that is renamed is unknown, and answered so
    is_long = len(ack.actor.name) > NAME_LENGTH or len(organisation) > NAME_LENGTH
    return AckFlaw.UNUSABLE_TEXT if is_renamed or is_long else None
