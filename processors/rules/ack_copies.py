"""Copies of acknowledgements: which one is a resend, and in which window it is remembered.

The acknowledgements of one sender about one incident come through one partition, in the order of their received_at, so
one that is older than all that are remembered of this sender is a copy. Each organisation that the broker vouches for
has a window of its own: nobody can use up the id that another is about to send, and a backlog of one organisation is
not taken for copies because another was faster.
"""

from typing import Final, TypeVar

from msgspec.structs import replace

from processors.state.entities import EndedIncident, Incident
from processors.state.event_ids import EventIdWindow, add_event, check_event, kept_name
from schemas.ack import AckFact
from schemas.enums import Reason

KeptT = TypeVar("KeptT", Incident, EndedIncident)

MOST_ORGANISATIONS: Final = 8
"""Windows of one incident: twice the tiers of a chain. The one that was used last comes last."""


def unmatched_key(fact: AckFact) -> str:
    """The name of an acknowledgement that matched no open incident. No id has a line feed in it."""
    name = kept_name(f"{fact.incident_id}/{fact.ack_id}")
    return kept_name(f"{fact.vouched_organisation}\n{name}") if fact.vouched_organisation else name


def check_copy(kept: Incident | EndedIncident, fact: AckFact) -> Reason | None:
    """Why an acknowledgement of an incident is a copy, or may be one; None where it is new."""
    return check_event(_window(kept, fact), kept_name(fact.ack_id), fact.received_at)


def with_ack(kept: KeptT, fact: AckFact) -> KeptT:
    """The incident with one more acknowledgement remembered, or with the later time of a resend."""
    window = add_event(_window(kept, fact), kept_name(fact.ack_id), fact.received_at)
    organisation = fact.vouched_organisation
    if not organisation:
        return replace(kept, acks=window)
    windows = dict(kept.organisation_acks)
    windows.pop(organisation, None)  # it comes last
    windows[organisation] = window
    return replace(kept, organisation_acks=tuple(windows.items())[-MOST_ORGANISATIONS:])


def _window(kept: Incident | EndedIncident, fact: AckFact) -> EventIdWindow:
    if not fact.vouched_organisation:
        return kept.acks
    return dict(kept.organisation_acks).get(fact.vouched_organisation, EventIdWindow())
