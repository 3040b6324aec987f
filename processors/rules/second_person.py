"""Two people for the end of a red: what one has asked for waits until another has asked for it too.

    cancel or close of a red ─► the policy does not ask for two       ─► done
                             ─► nobody else has asked for it just now ─► it waits, and everybody is told
                             ─► another person has, and it still waits ─► done
    what waits ─► for longer than the policy says ─► it lapses, and everybody is told
               ─► something has joined the incident, or it is another alarm ─► it counts no more: they have not seen it

A person is told apart by the letters and digits of the name, and not by case, spaces or signs. A name is what the
sender says: that two names are two people is up to the organisation (docs/guides/acknowledgements.md).
"""

import unicodedata

from msgspec.structs import replace

from processors.incident.issue import AlertContext, issue_alert
from processors.state.effect import Effect, PutIncident
from processors.state.entities import Incident, PendingAction, Timer
from processors.state.partition_state import State
from schemas.ack import AckFact, Actor
from schemas.enums import AckAction, Action, Grade, Reason
from schemas.units import EpochMs


def person_key(name: str) -> str:
    """What tells a person apart: the letters, marks and digits of the name, in one case and one form."""
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", name).casefold())
    return "".join(character for character in folded if unicodedata.category(character)[0] in "LMN")


def is_in_chain(incident: Incident, units: tuple[str, ...]) -> bool:
    """Whether one of these units is asked about the incident, now or later."""
    return any(link.unit in units for link in incident.chain)


def wants_second(state: State, incident: Incident, fact: AckFact) -> bool:
    """Whether the action has to wait for another person."""
    if not _is_for_two(state, incident, fact.action):
        return False
    person = person_key(fact.actor.name)
    return not any(
        waiting.action is fact.action and waiting.person != person and _counts(state, incident, waiting)
        for waiting in incident.pending
    )


def wait_for_second(state: State, incident: Incident, fact: AckFact, actor: Actor) -> tuple[Incident, Effect]:
    """Let the action wait, and tell everybody. The incident stays as it is; asked again, it waits anew.

    Args:
        state: Read only.
        incident: The incident.
        fact: The acknowledgement.
        actor: Who has sent it, as alerts name them.

    Returns:
        The incident, and what is told.
    """
    waiting = PendingAction(
        action=fact.action,
        person=person_key(fact.actor.name),
        until=EpochMs(state.now + state.policy.second_person_ms),
        joined_revision=incident.joined_revision,
        alarm_revision=incident.alarm_revision,
        units=fact.units,
    )
    others = tuple(each for each in incident.pending if each.action is not fact.action)
    untold = incident.untold
    waits, alert = issue_alert(
        replace(incident, pending=(*others, waiting)),
        AlertContext(
            action=Action.UPDATE,
            reason=Reason.SECOND_PERSON_WANTED,
            cause=("ack", fact.ack_id),
            at=state.now,
            policy_version=state.policy_version,
            actor=actor,
            vouched_organisation=fact.vouched_organisation or None,
            ack_id=fact.ack_id,
            note=fact.note,
            asked=fact.action,
            asked_until=waiting.until,
        ),
    )
    waits = replace(waits, untold=untold)
    return waits, Effect(Reason.SECOND_PERSON_WANTED, (alert,), (PutIncident(waits),))


def on_lapsed(state: State, timer: Timer, incident: Incident) -> Effect:
    """Tell that what one person has asked for was not done, because no other has asked for it in time."""
    lapsed = [waiting for waiting in incident.pending if waiting.until < state.now]
    untold = incident.untold
    left = replace(incident, pending=tuple(each for each in incident.pending if each not in lapsed))
    left, alert = issue_alert(
        left,
        AlertContext(
            action=Action.UPDATE,
            reason=Reason.SECOND_PERSON_LAPSED,
            cause=("timer", timer.kind, str(incident.revision + 1)),
            at=state.now,
            policy_version=state.policy_version,
            asked=lapsed[0].action,
        ),
    )
    return Effect(Reason.SECOND_PERSON_LAPSED, (alert,), (PutIncident(replace(left, untold=untold)),))


def _is_for_two(state: State, incident: Incident, action: AckAction) -> bool:
    """Whether the policy asks for two people. Who lowers a red does not end it alone by that."""
    policy = state.policy
    is_asked = (action is AckAction.CANCEL and policy.second_person_to_cancel) or (
        action is AckAction.CLOSE and policy.second_person_to_close
    )
    return is_asked and (incident.grade in {Grade.RED, Grade.UNKNOWN} or incident.lowered_from_red)


def _counts(state: State, incident: Incident, waiting: PendingAction) -> bool:
    """Whether what was asked for still stands: in time, of the incident as it is, by somebody who is still asked."""
    is_of_chain = not waiting.units or is_in_chain(incident, waiting.units)
    return (
        state.now <= waiting.until
        and waiting.joined_revision == incident.joined_revision
        and waiting.alarm_revision == incident.alarm_revision
        and is_of_chain
    )
