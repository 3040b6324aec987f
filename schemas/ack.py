"""What people say about incidents, and what they are answered."""

import msgspec

from schemas.enums import AckAction, AckOutcome, AckReason, Disposition, Grade, IncidentState, Reason
from schemas.units import EpochMs


class Actor(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Who acted on an incident.

    Attributes:
        name: The operator.
        organisation: Their organisation.
    """

    name: str
    organisation: str


class Acknowledgement(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What a dispatch system or an operator says about one incident (`dispatch.ack.v1`, key: incident id).

    Attributes:
        ack_id: Unique, and equal on a resend.
        incident_id: Which incident, as its alerts name it.
        action: What is said.
        actor: Who says it.
        at: When, by the sender's clock.
        revision: The newest revision of the incident that the sender had seen, or null.
        reason: Why; needed to reject, cancel, regrade, shelve and take out of service.
        disposition: How it ended; needed to close.
        shelve_s: For how long to shelve, seconds; null is as long as the policy allows.
        grade: The new grade; needed to regrade.
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


class AckResult(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What became of an acknowledgement (`dispatch.ack-result.v1`, key: ack id).

    Attributes:
        ack_id: Which.
        incident_id: Which incident it named.
        outcome: Accepted or rejected.
        reason: What was done, or why not.
        state: The incident's state afterwards; UNKNOWN where there is none.
        at: Fold time.
    """

    ack_id: str
    incident_id: str
    outcome: AckOutcome
    reason: Reason
    state: IncidentState
    at: EpochMs
