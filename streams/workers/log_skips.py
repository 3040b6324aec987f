"""The records of the log that `fusion` skips: what the log says already, and what it has to say before one is passed.

    found by a restore: applied ──────────────────────────► skipped
    found by a restore: asked for ─► applied is written ──► skipped
    workers died of a record ──────► applied is written ──► skipped
    a request for a record that was folded already ───────► too late is written

What is applied is delivered before the record is passed, so that a replay finds it whatever happens to this worker.
"""

from functools import partial

import structlog
from msgspec.structs import replace

from processors.fold.log_entry import LogEntry
from processors.fold.skipping import Skips, red_of, skip_in
from processors.state.partition_state import new_state
from schemas.enums import SkipStep
from schemas.errors import Cause
from schemas.fusion_log import SkipNotice
from schemas.topics import FUSION_INPUT
from streams.kafka.batch import Batch
from streams.kafka.producer import ProducerRecord
from streams.worker.clock_watch import worker_name
from streams.worker.context import Context
from streams.worker.log_writer import skip_fact
from streams.worker.quarantine import may_be_looked_at
from streams.worker.work import Work

log = structlog.get_logger(__name__)


class LogSkips:
    """What is skipped in the partitions of one worker.

    Args:
        context: The worker.
    """

    def __init__(self, context: Context) -> None:
        self._context = context
        self._known: dict[int, Skips] = {}
        self._applying: set[tuple[int, int]] = set()

    def restored(self, partition: int, skips: Skips) -> None:
        """A state was restored, and the log behind it was looked through."""
        self._known[partition] = skips

    def of(self, partition: int) -> dict[int, SkipNotice]:
        """What is skipped in a partition, by offset."""
        return self._known[partition].applied if partition in self._known else {}

    def is_settled(self, batch: Batch, work: Work) -> bool:
        """Whether the log says of every record of the batch that is to be skipped that it is; else it is written."""
        skips = self._known.setdefault(batch.partition, Skips())
        if batch.deaths and batch[0].offset not in skips.applied:
            self._apply(batch.partition, self._of_deaths(batch), work)
            return False
        asked = {offset for offset in skips.requested if batch.start <= offset < batch.end}
        for offset in sorted(asked - skips.applied.keys()):
            self._apply(batch.partition, self._of_request(skips.requested[offset]), work)
        return asked <= skips.applied.keys()

    def note(self, entry: LogEntry, partition: int) -> list[ProducerRecord]:
        """Look at an entry that is being folded; what has to be written about it: a request may come too late."""
        notice = skip_in(entry, partition)
        if notice is None or notice.step is not SkipStep.REQUESTED or notice.offset in self.of(partition):
            return []
        log.warning("skip.too_late", partition=partition, offset=notice.offset)
        late = replace(
            notice, step=SkipStep.TOO_LATE, worker=worker_name(self._context), at=self._context.clock.now_ms()
        )
        return skip_fact(late)

    def _apply(self, partition: int, notice: SkipNotice, work: Work) -> None:
        if (partition, notice.offset) in self._applying:
            return
        self._applying.add((partition, notice.offset))
        log.error("record.skipped", partition=partition, offset=notice.offset, cause=notice.cause)
        work.hand_over(skip_fact(notice))
        work.when_delivered(partial(self._note_applied, partition, notice))

    def _note_applied(self, partition: int, notice: SkipNotice) -> None:
        self._applying.discard((partition, notice.offset))
        self._known.setdefault(partition, Skips()).applied.setdefault(notice.offset, notice)

    def _of_deaths(self, batch: Batch) -> SkipNotice:
        record = batch[0]
        is_blind = not may_be_looked_at(batch.deaths)
        if (
            not is_blind
        ):  # before it is written: if this kills too, the next worker writes that nobody may look
            entry = LogEntry(record.offset, record.timestamp_ms, record.key, record.value)
            red_of(new_state(batch.partition, self._context.partitions[FUSION_INPUT]), entry)
        return SkipNotice(
            partition=batch.partition,
            offset=record.offset,
            step=SkipStep.APPLIED,
            cause=Cause.QUARANTINED,
            worker=worker_name(self._context),
            at=self._context.clock.now_ms(),
            blind=is_blind,
        )

    def _of_request(self, asked: SkipNotice) -> SkipNotice:
        return replace(
            asked,
            step=SkipStep.APPLIED,
            worker=worker_name(self._context),
            at=self._context.clock.now_ms(),
        )
