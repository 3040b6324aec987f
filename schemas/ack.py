"""Acknowledgements of incidents by people, and the answers to them."""

import msgspec

from schemas.enums import AckAction, AckFlaw, AckOutcome, AckReason, Disposition, Grade, IncidentState, Reason
from schemas.ids import ID_LENGTH
from schemas.units import EpochMs

NOTE_LENGTH = 500
"""The longest note, characters (docs/requirements.md, F6)."""

NAME_LENGTH = ID_LENGTH
"""The longest id, name and organisation of an acknowledgement, characters."""


class Actor(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Who acted on an incident.

    Attributes:
        name: Name of the operator.
        organisation: The operator's organisation.
    """

    name: str
    organisation: str


class Acknowledgement(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One action of a dispatch system or an operator on one incident (`dispatch.ack.v1`, key: incident id).

    Attributes:
        ack_id: Unique, and equal on a resend.
        incident_id: The incident's id, as its alerts carry it.
        action: What is done.
        actor: Who does it.
        at: When, by the sender's clock.
        revision: The revision of the incident that was shown to the person; required but for a note.
        reason: Why; required to reject, cancel, regrade, shelve and take out of service.
        disposition: How the incident ended; required to close.
        shelve_s: For how long to shelve, seconds; null means as long as the policy allows.
        grade: The new grade; required to regrade.
        note: What the person adds, at most 500 characters, about the incident and never about a person; required for a
            note.
    """

    ack_id: str
    incident_id: str
    action: AckAction
    actor: Actor
    at: EpochMs
    revision: int | None = None
    reason: AckReason | None = None
    disposition: Disposition | None = None
    shelve_s: int | None = None
    grade: Grade | None = None
    note: str | None = None


class AckFact(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """An acknowledgement after intake, in the log.

    Attributes:
        ack_id: As it was sent.
        incident_id: As it was sent.
        action: As it was sent.
        actor: As it was sent.
        at: As it was sent.
        received_at: When the broker appended it.
        revision: As it was sent.
        reason: As it was sent.
        disposition: As it was sent.
        shelve_s: As it was sent.
        grade: As it was sent.
        note: As it was sent, without control characters; one that is too long is cut to one character more than the
            limit, and rejected.
        vouched_organisation: The organisation on whose topic it came, which the broker vouches for; empty for the
            plain topic; null in the log of a release before 0.7.0, of which no revision was asked.
        units: The units that this organisation answers for, as the settings said when it came.
        flaw: What intake has found wrong with it, or null.
    """

    ack_id: str
    incident_id: str
    action: AckAction
    actor: Actor
    at: EpochMs
    received_at: EpochMs
    revision: int | None = None
    reason: AckReason | None = None
    disposition: Disposition | None = None
    shelve_s: int | None = None
    grade: Grade | None = None
    note: str | None = None
    vouched_organisation: str | None = None
    units: tuple[str, ...] = ()
    flaw: AckFlaw | None = None


class AckResult(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What became of an acknowledgement (`dispatch.ack-result.v1`, key: ack id).

    Attributes:
        ack_id: Id of the acknowledgement.
        incident_id: Id of the incident that it names.
        outcome: Accepted or rejected.
        reason: What was done, or why it was rejected.
        state: The incident's state afterwards; UNKNOWN where there is no such incident.
        at: Stream time: the broker's append time of the acknowledgement in the log.
        vouched_organisation: The organisation on whose topic it came; empty for the plain topic.
    """

    ack_id: str
    incident_id: str
    outcome: AckOutcome
    reason: Reason
    state: IncidentState
    at: EpochMs
    vouched_organisation: str = ""
