"""Acknowledgements at the door: bounded ids, the broker's time, and the zone whose incident is meant.

What is said is not judged here: the fold knows the incident, and answers.
"""

import re

from processors.intake.envelope import envelope
from processors.intake.pillar_event import bounded_id
from schemas.ack import AckFact, Acknowledgement, Actor
from schemas.enums import AckAction, InputKind
from schemas.fusion_log import FusionInput
from schemas.registry import UNASSIGNED_ZONE
from schemas.units import EpochMs

SHELVING = frozenset({AckAction.SHELVE, AckAction.UNSHELVE, AckAction.OUT_OF_SERVICE, AckAction.IN_SERVICE})
"""What takes an incident out of sight or back: a kind of its own in the log."""

_INCIDENT_ID = re.compile(r"(.+)-[0-9a-f]{26}", re.DOTALL)
"""Zone, which may hold hyphens itself, and the fingerprint of the first fact (schemas/ids.py)."""


def ack_input(ack: Acknowledgement, appended_at: EpochMs) -> FusionInput:
    """Turn what a person says about an incident into a fact in the log.

    Args:
        ack: As it was sent.
        appended_at: When the broker appended it, so that a second forwarder makes the same fact of it.
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
    )
    kind = InputKind.SHELVING if ack.action in SHELVING else InputKind.ACKNOWLEDGEMENT
    return envelope(kind, fact.ack_id, zone_of(fact.incident_id), fact)


def zone_of(incident_id: str) -> str:
    """The zone that an incident's id begins with; the control room's where it is none of ours."""
    found = _INCIDENT_ID.fullmatch(incident_id)
    return UNASSIGNED_ZONE if found is None else found[1]
