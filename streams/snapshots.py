"""Snapshots of the fold's state, beside the hot path and never in it.

A snapshot at offset *k* is the state at *k* whoever wrote it, so one of a worker that has lost its partition is older
but never wrong. A new owner takes the newest that fits, folds the log up to the committed offset in silence (those
alerts were delivered before the commit), and goes on aloud.
"""

import asyncio

import structlog
import zstandard

from processors.entry import LogEntry
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

COMPRESSION_LEVEL = (
    1  # 3 ms for the state of 5,000 incidents; higher levels save a tenth and cost three times that
)
MAX_STATE_BYTES = 1 << 30  # against a damaged header that promises terabytes


class Snapshots:
    """Saves the states of this worker's partitions.

    Args:
        context: The worker.
    """

    def __init__(self, context: Context) -> None:
        self._context = context
        self._saved_at: dict[int, float] = {}
        self._slot: dict[int, int] = {}
        self._running: dict[int, asyncio.Task[None]] = {}

    def is_due(self, partition: int) -> bool:
        """Whether the partition's last snapshot is old enough and no other is on its way."""
        since = monotonic() - self._saved_at.setdefault(partition, monotonic())
        return since >= self._context.runtime.snapshot_interval_s and partition not in self._running

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
        """Tell Prometheus how old the last snapshots are."""
        for partition in partitions & self._saved_at.keys():
            self._context.metrics.snapshot_age.labels(partition).set(monotonic() - self._saved_at[partition])

    async def _send(self, state: Frozen, partition: int, offset: int, last_hash: str) -> None:
        metrics = self._context.metrics
        packed = await self._context.blocking(_compressed, state)
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
            if len(payload) > BY_NAME[FUSION_SNAPSHOT].max_message_bytes:
                raise DeliveryFailed(f"{len(payload)} bytes, the topic takes {8 << 20}")
            await self._context.delivery.deliver(
                [Outgoing(FUSION_SNAPSHOT, b"%d-%d" % (partition, slot), payload, partition)]
            )
        except DeliveryFailed as error:  # for operators, not a reason to stop: the log still has everything
            metrics.snapshots_failed.inc()
            log.error("snapshot.failed", partition=partition, offset=offset, error=str(error))  # noqa: TRY400
            return
        metrics.snapshot_bytes.labels(partition).set(len(payload))


def _compressed(state: Frozen) -> bytes:
    return zstandard.compress(pack(state), COMPRESSION_LEVEL)


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
    state = _newest_fitting(kafka, partition, committed) or new_state(partition, partitions)
    began_at = state.offset
    for record in read(kafka, FUSION_INPUT, partition, state.offset, committed):
        entry = LogEntry(record.offset, EpochMs(record.timestamp_ms), record.key, record.value)
        state, _told_before = fold(state, entry)
    if state.offset != committed:
        raise LogBroken(
            f"{FUSION_INPUT}/{partition}: folded from {began_at} to {state.offset}, but {committed} is committed"
        )
    log.info("state.restored", partition=partition, snapshot_offset=began_at, committed=committed)
    return state


def _newest_fitting(kafka: KafkaConfig, partition: int, committed: int) -> State | None:
    for start in (-LAST_RECORDS, 0):
        found = [
            snapshot
            for record in read(kafka, FUSION_SNAPSHOT, partition, start)
            if (snapshot := _readable(record.value, partition)) is not None
            and snapshot.next_offset <= committed
        ]
        for snapshot in sorted(found, key=lambda snapshot: snapshot.next_offset, reverse=True):
            try:
                state = load(zstandard.decompress(snapshot.state, max_output_size=MAX_STATE_BYTES))
            except (ValueError, zstandard.ZstdError) as error:
                log.warning("snapshot.damaged", partition=partition, error=str(error))
                continue
            return state
    return None


def _readable(payload: bytes | None, partition: int) -> FusionSnapshot | None:
    try:
        snapshot = decode(payload, FusionSnapshot)
    except DecodeError as error:
        log.warning("snapshot.damaged", partition=partition, error=str(error))
        return None
    if snapshot.format_version != FORMAT_VERSION:
        log.warning("snapshot.other_format", partition=partition, format_version=snapshot.format_version)
        return None
    return snapshot
