"""Snapshots of the fold's state, beside the hot path and never in it.

A snapshot at offset *k* is the state at *k* whoever wrote it, so one of a worker that has lost its partition is older
but never wrong. A new owner takes the newest that fits, folds the log up to the committed offset in silence (those
alerts were delivered before the commit), and goes on aloud.
"""

import asyncio
import contextlib
from collections.abc import Iterator
from heapq import nlargest
from operator import attrgetter

import structlog
import zstandard

from processors.entry import LogEntry, record_hash
from processors.incidents import fold
from processors.state import (
    FOLD_VERSION,
    FORMAT_VERSION,
    Frozen,
    State,
    freeze,
    load,
    new_state,
    pack,
)
from schemas.catalogue import BY_NAME, FUSION_INPUT, FUSION_SNAPSHOT, SNAPSHOT_SLOTS
from schemas.codec import decode, encode
from schemas.errors import DecodeError, DeliveryFailed, LogBroken
from schemas.log import FusionSnapshot
from schemas.units import EpochMs
from streams.clock import monotonic
from streams.context import Context
from streams.delivery import Outgoing
from streams.kafka_config import KafkaConfig
from streams.reader import read

log = structlog.get_logger(__name__)

LAST_RECORDS = 4 * SNAPSHOT_SLOTS
"""How far from the end the newest snapshots are looked for first: that nearly always does."""

COMPRESSION_LEVEL = 1  # higher levels save a tenth and cost three times the time

PATIENCE = 200
"""A partition rests for so many times what its last snapshot took: at most .5 % of the time goes into each."""

MAX_STATE_BYTES = 1 << 30  # against a damaged header that promises terabytes


class Snapshots:
    """Saves the states of this worker's partitions.

    Args:
        context: The worker.
    """

    def __init__(self, context: Context) -> None:
        self._context = context
        self._saved_at: dict[int, float] = {}
        self._delivered_at: dict[int, float] = {}
        self._slot: dict[int, int] = {}
        self._took_s: dict[int, float] = {}
        self._running: dict[int, asyncio.Task[None]] = {}

    def is_due(self, partition: int) -> bool:
        """Whether the partition's last snapshot is old enough for what it cost, and none is on its way."""
        since = monotonic() - self._saved_at.setdefault(partition, monotonic())
        rest_s = PATIENCE * self._took_s.get(partition, 0.0)
        return not self._running and since >= max(self._context.runtime.snapshot_interval_s, rest_s)

    def begin(self, state: State) -> asyncio.Task[None]:
        """Copy the state now; write, compress and send the copy beside the hot path."""
        copy = freeze(state)
        partition = state.partition
        self._saved_at[partition] = monotonic()
        task = asyncio.create_task(self._send(copy, partition, state.offset, state.last_hash))
        self._running[partition] = task
        task.add_done_callback(lambda _done: self._running.pop(partition, None))
        return task

    def show_ages(self, partitions: frozenset[int]) -> None:
        """Tell Prometheus how old the last delivered snapshots of these partitions are, and of no others."""
        metrics = self._context.metrics
        for lost in self._delivered_at.keys() - partitions:
            del self._delivered_at[lost]
            for gauge in (metrics.snapshot_age, metrics.snapshot_bytes):
                with contextlib.suppress(KeyError):
                    gauge.remove(str(lost))
        for partition in partitions:
            since = self._delivered_at.setdefault(partition, monotonic())
            metrics.snapshot_age.labels(partition).set(monotonic() - since)

    async def _send(self, state: Frozen, partition: int, offset: int, last_hash: str) -> None:
        metrics = self._context.metrics
        packed, self._took_s[partition] = await self._context.blocking(_compressed, state)
        payload = encode(
            FusionSnapshot(
                format_version=FORMAT_VERSION,
                fold_version=FOLD_VERSION,
                partition=partition,
                next_offset=offset,
                last_hash=last_hash,
                state=packed,
            )
        )
        slot = self._slot[partition] = (self._slot.get(partition, -1) + 1) % SNAPSHOT_SLOTS
        try:
            await self._deliver(Outgoing(FUSION_SNAPSHOT, b"%d-%d" % (partition, slot), payload, partition))
        except DeliveryFailed as error:  # for operators, not a reason to stop: the log still has everything
            metrics.snapshots_failed.inc()
            log.error("snapshot.failed", partition=partition, offset=offset, error=str(error))  # noqa: TRY400
            return
        self._delivered_at[partition] = monotonic()
        metrics.snapshot_bytes.labels(partition).set(len(payload))

    async def _deliver(self, snapshot: Outgoing) -> None:
        size, most = len(snapshot.value or b""), BY_NAME[FUSION_SNAPSHOT].max_message_bytes
        if size > most:
            raise DeliveryFailed(f"{size} bytes, the topic takes {most}")
        await self._context.delivery.deliver([snapshot])


def _compressed(state: Frozen) -> tuple[bytes, float]:
    """The written state, and how long that took, seconds."""
    began = monotonic()
    packed = zstandard.compress(pack(state), COMPRESSION_LEVEL)
    return packed, monotonic() - began


def restore(kafka: KafkaConfig, partition: int, partitions: int, committed: int) -> State:
    """The state at the committed offset: the newest snapshot that fits, and the log after it.

    Blocks while it reads, about 100,000 records a second.

    Args:
        kafka: Where the log is.
        partition: Which partition of it.
        partitions: How many the log has.
        committed: The offset to reach.

    Raises:
        LogBroken: Snapshot and log do not meet.
    """
    for state in _fitting(kafka, partition, partitions, committed):
        began_at = state.offset
        if not _fold_rest(kafka, state, committed):
            log.error("snapshot.of_another_log", partition=partition, offset=began_at)
            continue
        if state.offset != committed:
            raise LogBroken(
                f"{FUSION_INPUT}/{partition}: folded from {began_at} to {state.offset}, but {committed} is committed"
            )
        log.info("state.restored", partition=partition, snapshot_offset=began_at, committed=committed)
        return state
    raise LogBroken(f"{FUSION_INPUT}/{partition}: nothing to begin with")


def _fold_rest(kafka: KafkaConfig, state: State, committed: int) -> bool:
    """Fold the log from the state on; False where the state's last record is another one in this log."""
    for record in read(kafka, FUSION_INPUT, state.partition, max(state.offset - 1, 0), committed):
        entry = LogEntry(record.offset, EpochMs(record.timestamp_ms), record.key, record.value)
        if record.offset < state.offset:
            if record_hash(entry) != state.last_hash:
                return False
            continue
        if record.offset > state.offset:  # retention took them, and with them what they told
            missing = {"expected": state.offset, "found": record.offset}
            log.error("state.records_missing", partition=state.partition, **missing)
        state, _told_before = fold(state, entry)
    return True


def _fitting(kafka: KafkaConfig, partition: int, partitions: int, committed: int) -> Iterator[State]:
    """The states at or before an offset, newest first; the one before the first record is the last."""
    for start in (-LAST_RECORDS, 0):
        snapshots = (
            _readable(record.value, partition) for record in read(kafka, FUSION_SNAPSHOT, partition, start)
        )
        fitting = (snapshot for snapshot in snapshots if snapshot and snapshot.next_offset <= committed)
        # Not all of them: before it is compacted the topic may hold a gigabyte.
        for snapshot in nlargest(LAST_RECORDS, fitting, key=attrgetter("next_offset")):
            try:
                state = load(_unpacked(snapshot.state))
            except (ValueError, zstandard.ZstdError) as error:
                log.warning("snapshot.damaged", partition=partition, error=str(error))
                continue
            if (state.partition, state.partitions) == (partition, partitions):
                yield state
    yield new_state(partition, partitions)


def _unpacked(packed: bytes) -> bytes:
    """Decompress.

    Raises:
        ValueError: The header announces more than a state can be.
        zstandard.ZstdError: The bytes are damaged.
    """
    size = zstandard.get_frame_parameters(packed).content_size
    if size > MAX_STATE_BYTES:  # `max_output_size` does not count where the header gives a size
        raise ValueError(f"a state of {size} bytes")
    return zstandard.decompress(packed, max_output_size=MAX_STATE_BYTES)


def _readable(payload: bytes | None, partition: int) -> FusionSnapshot | None:
    try:
        snapshot = decode(payload, FusionSnapshot)
    except DecodeError as error:
        log.warning("snapshot.damaged", partition=partition, error=str(error))
        return None
    if not 1 <= snapshot.format_version <= FORMAT_VERSION:  # earlier ones are read as the present one
        log.warning("snapshot.other_format", partition=partition, format_version=snapshot.format_version)
        return None
    return snapshot
