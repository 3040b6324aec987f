"""Intake of acknowledgements: it bounds ids and note, takes the broker's time, and finds the zone of the incident.

It does not judge the acknowledgement: the fold knows the incident and answers.
"""

import re

from processors.intake.envelope import envelope
from schemas.ack import NOTE_LENGTH, AckFact, Acknowledgement, Actor
from schemas.enums import AckAction, InputKind
from schemas.fusion_log import FusionInput
from schemas.ids import bounded_id
from schemas.printable import printable
from schemas.registry import UNASSIGNED_ZONE
from schemas.units import EpochMs

SHELVING = frozenset({AckAction.SHELVE, AckAction.UNSHELVE, AckAction.OUT_OF_SERVICE, AckAction.IN_SERVICE})
"""Actions that suppress an incident or end this; they have a kind of their own in the log."""

_INCIDENT_ID = re.compile(r"(.+)-[0-9a-f]{26}", re.DOTALL)
"""Zone, which may hold hyphens itself, and the fingerprint of the first fact (schemas/ids.py)."""


def ack_input(ack: Acknowledgement, appended_at: EpochMs) -> FusionInput:
    """Convert an acknowledgement into a fact for the log.

    Args:
        ack: The acknowledgement as it was sent.
        appended_at: When the broker appended it. A second forwarder makes the same fact of it, since this is equal.
    """
    fact = AckFact(
        ack_id=bounded_id(ack.ack_id),
        incident_id=bounded_id(ack.incident_id),
        action=ack.action,
        actor=Actor(name=bounded_id(ack.actor.name), organisation=bounded_id(ack.actor.organisation)),
        at=ack.at,
        received_at=appended_at,
        revision=ack.revision,
        reason=ack.reason,
        disposition=ack.disposition,
        shelve_s=ack.shelve_s,
        grade=ack.grade,
        # One character more than is allowed, so that the fold sees that it is too long, and the log does not grow.
        note=None if ack.note is None else printable(ack.note[: NOTE_LENGTH + 1]),
    )
    kind = InputKind.SHELVING if ack.action in SHELVING else InputKind.ACKNOWLEDGEMENT
    return envelope(kind, fact.ack_id, zone_of_incident(fact.incident_id), fact)


def zone_of_incident(incident_id: str) -> str:
    """The zone with which an incident's id begins; the control room's where the id has another form."""
    found = _INCIDENT_ID.fullmatch(incident_id)
    return UNASSIGNED_ZONE if found is None else found[1]
