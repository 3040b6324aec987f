"""A record of the log that is skipped: a blue that says where it lies, why, and who asked for it.

    asked for, or asked for too late ─► noted
    applied ──────────────────────────► a blue; more of them join it, each with its place

The record itself is passed by processors/fold/skipping.py, which finds these facts before it comes to it.
"""

from processors.rules.occurrence import SKIPS, Occurrence, report_occurrence
from processors.state.effect import Effect
from processors.state.partition_state import State, unassigned_zone
from schemas.enums import Feed, Hazard, Reason, SkipStep
from schemas.fusion_log import FusionInput, SkipNotice
from schemas.topics import FUSION_INPUT


def is_usable(notice: SkipNotice, partition: int, offset: int) -> bool:
    """Whether a fact at this place of the log can have an effect: it names a record before it, in its partition."""
    return (
        notice.partition == partition
        and 0 <= notice.offset < offset
        and notice.cause in SKIPS
        and notice.step is not SkipStep.UNKNOWN
    )


def skip_notice(state: State, _envelope: FusionInput, notice: SkipNotice) -> Effect:
    """Tell of a record that was skipped; who only asks for it is told of when it is done."""
    if not is_usable(notice, state.partition, state.offset - 1):
        return Effect(Reason.NOT_SUPPORTED)
    if notice.step is not SkipStep.APPLIED:
        return Effect(Reason.FEED_STATUS, detail=f"offset {notice.offset}: {notice.step}")
    place = f"{FUSION_INPUT}/{notice.partition}/{notice.offset}"
    occurrence = Occurrence(
        hazard=Hazard.FEED_FAULT,
        feed=Feed.LOG,
        topic=FUSION_INPUT,
        cause=notice.cause,
        event_id=place,
        name=f"{FUSION_INPUT}:{notice.cause}",
        at=state.now,  # no clock of a worker keeps it from being told
        device_id=place,
        actor=notice.actor,
        note=notice.reason or None,
    )
    return report_occurrence(state, unassigned_zone(state.partition, state.partitions), occurrence)
