"""How a feed is doing: a dead letter of the pillar feed is a blue, since a press may be in it (domain.md 8a)."""

from msgspec.structs import replace

from processors.alerts import Occasion, announce, incident_id_of, with_source
from processors.changes import Change, Outcome, PutFeed, PutIncident
from processors.decisions import Decision
from processors.entities import Incident
from processors.grading import ASSESSMENTS, CONTROL_ROOM
from processors.lifecycle import Step, after
from processors.matching import by_topic
from processors.memory import Memory, recall, remember
from processors.state import State
from schemas.alerts import Source
from schemas.enums import Action, Feed, FeedState, Hazard, Reason
from schemas.log import FeedStatus, FusionInput
from schemas.units import EpochMs

_FAULT = ASSESSMENTS[Hazard.FEED_FAULT]


def feed_status(state: State, envelope: FusionInput, status: FeedStatus) -> Outcome:
    """Decide about what a worker tells of its feed.

    The first dead letter raises; more of the same topic inside blue's window are counted in silence.
    """
    if status.feed is not Feed.PILLARS or status.state is not FeedState.DEAD_LETTER:
        return _silent(envelope, Reason.FEED_STATUS)
    key = (envelope.zone, status.feed.value, status.topic)
    memory = state.feeds.get(key, Memory())
    letter = _letter_id(status)
    known = recall(memory, letter, status.at)
    if known is Reason.BEYOND_MEMORY:
        return _silent(envelope, known)
    seen = PutFeed(key, remember(memory, letter, status.at))
    if known is not None:
        return _silent(envelope, known, seen)
    joined = by_topic(state, envelope.zone, status.topic)
    if joined is not None:
        return _silent(envelope, Reason.FEED_STATUS, seen, PutIncident(_one_more(state, joined, status)))
    occasion = Occasion(
        action=Action.RAISE,
        reason=Reason.FEED_FAULT,
        cause=(status.feed, status.topic, letter),
        at=state.now,
        policy_version=state.policy_version,
    )
    incident, alert = announce(_fault_of(state, envelope.zone, status), occasion)
    decision = Decision(reason=Reason.FEED_FAULT, alerts=(alert,), event_id=envelope.event_id)
    return decision, (seen, PutIncident(incident))


def _one_more(state: State, incident: Incident, status: FeedStatus) -> Incident:
    return replace(
        incident,
        state=after(incident.state, Step.FACT),
        last_at=state.now,
        expires_at=EpochMs(state.now + state.policy.expire_after_ms),
        sources=with_source(incident.sources, _source(status)),
        source_count=incident.source_count + 1,
    )


def _fault_of(state: State, zone: str, status: FeedStatus) -> Incident:
    return Incident(
        incident_id=incident_id_of(zone, _FAULT.family, status.topic, _letter_id(status)),
        zone=zone,
        family=_FAULT.family,
        hazard=Hazard.FEED_FAULT,
        grade=_FAULT.grade,
        state=after(None, Step.FACT),
        place_key=status.topic,
        place=None,
        uncertainty_m=None,
        verification_level=_FAULT.verification_level,
        score_permille=None,
        chain=CONTROL_ROOM,
        onset=status.at,
        first_at=state.now,
        last_at=state.now,
        expires_at=EpochMs(state.now + state.policy.expire_after_ms),
        sources=(_source(status),),
        source_count=1,
    )


def _source(status: FeedStatus) -> Source:
    return Source(
        feed=status.feed,
        device_id=status.topic,
        event_id=_letter_id(status),
        occurred_at=status.at,
        received_at=status.at,
    )


def _letter_id(status: FeedStatus) -> str:
    """Where the record lay that became a dead letter: equal in every copy."""
    return f"{status.topic}:{status.partition}:{status.offset}"


def _silent(envelope: FusionInput, reason: Reason, *changes: Change) -> Outcome:
    return Decision(reason=reason, event_id=envelope.event_id), changes
