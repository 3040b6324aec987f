"""Skip facts in a test."""

from processors.fold.log_entry import LogEntry
from schemas.ack import Actor
from schemas.codec import decode
from schemas.enums import SkipStep
from schemas.errors import Cause
from schemas.fusion_log import FusionInput, SkipNotice
from schemas.units import EpochMs
from streams.kafka.producer import ProducerRecord
from streams.worker.log_writer import skip_fact
from tests.support.log_records import ms

LI = Actor(name="Duty officer Li", organisation="county")


def skip(
    offset: int,
    *,
    partition: int,
    step: SkipStep = SkipStep.APPLIED,
    cause: Cause = Cause.SKIPPED,
    reason: str = "it stops fusion",
    actor: Actor | None = LI,
    blind: bool = False,
    at_s: float = 0,
) -> SkipNotice:
    return SkipNotice(
        partition=partition,
        offset=offset,
        step=step,
        cause=cause,
        reason=reason,
        actor=actor,
        worker="" if step is SkipStep.REQUESTED else "fusion@host-1",
        at=ms(at_s),
        blind=blind,
    )


def skip_entry(notice: SkipNotice, *, at: int, append_ms: EpochMs | None = None) -> LogEntry:
    """The entry of a skip fact at an offset of the log."""
    (made,) = skip_fact(notice)
    return LogEntry(at, ms(0) if append_ms is None else append_ms, made.key, made.value)


def notice_in(made: ProducerRecord) -> SkipNotice:
    """The skip fact that was written."""
    return decode(decode(made.value, FusionInput).payload, SkipNotice)
