"""Records of an input of the workers that were never read, or that another client has taken: a blue, `feed_broken`.

    a worker compares what is committed with what there is ─► notice ─► one incident for each partition and cause
    the same again, with a higher end ────────────────────────────────► the same incident, told again with the sum

It says topic, partition, how many and since when. Like other occurrences it does not end by itself: a person says so,
or nobody has touched it for long (processors/rules/occurrence.py). What was lost cannot be read again from here; those
who sent it may still have it.
"""

from processors.incident.matching import by_name
from processors.rules.feed import FEEDS, MAX_PARTITIONS
from processors.rules.occurrence import Occurrence, report_occurrence
from processors.state.effect import Effect
from processors.state.partition_state import State
from processors.state.record_loss import record_loss
from processors.state.times import believed
from schemas.enums import Feed, Hazard, Reason
from schemas.fusion_log import FeedBrokenNotice, FusionInput
from schemas.ids import fingerprint
from schemas.topics import FUSION_INPUT, gateway_of, organisation_of

_INPUTS = FEEDS | {FUSION_INPUT}
"""What workers read besides the topics of gateways and organisations. Made-up names leave no trace."""


MAX_FEEDS = 1_000
"""Feeds whose occurrences are remembered; beyond those no topic of a gateway or an organisation is new."""

MAX_OPEN = 200
"""Incidents of such records that are open at a time: a broker that has lost its disk breaks each partition of tens of
topics. What is lost at further places is one incident, which names them."""

OTHERS = "*"
"""Begins the name of that incident. No topic has such a name."""


def _is_input(state: State, topic: str) -> bool:
    is_senders = gateway_of(topic) is not None or organisation_of(topic) is not None
    return topic in _INPUTS or (is_senders and len(state.feeds) < MAX_FEEDS)


def feed_broken(state: State, envelope: FusionInput, notice: FeedBrokenNotice) -> Effect:
    """Report records that were never read. A copy is recognised by the id of its envelope and by its offsets."""
    if not _is_input(state, notice.topic) or not 0 <= notice.partition < MAX_PARTITIONS:
        return Effect(Reason.NOT_SUPPORTED)
    loss = record_loss(notice, state.now)
    place = f"{notice.topic}/{notice.partition}"
    occurrence = Occurrence(
        hazard=Hazard.FEED_BROKEN,
        feed=Feed.INTAKE,
        topic=notice.topic,
        cause=loss.cause,
        event_id=f"{place}:{notice.expected}-{notice.found}:{fingerprint(envelope.event_id)}",
        name=f"{place}:{loss.cause}",
        at=loss.since or believed(notice.at, state.now) or state.now,
        notice=notice,
    )
    if by_name(state, envelope.zone, occurrence.name) is None and _are_many(state):
        occurrence = occurrence._replace(name=f"{OTHERS}:{loss.cause}", device_id=place, notice=None)
    return report_occurrence(state, envelope.zone, occurrence)


def _are_many(state: State) -> bool:
    is_lost = (each.hazard is Hazard.FEED_BROKEN for each in state.incidents.values())
    return sum(is_lost) >= MAX_OPEN
