"""Snapshots of the fold's state, beside the hot path and never in it.

    due ─► copied at once ─► its offset is committed ─► written, compressed, delivered
                             └─► not within two commit intervals: dropped, the next one is tried

A snapshot at offset *k* is the state at *k* whichever worker wrote it, so that of a worker that has lost its partition
is older but never wrong. A new owner restores at the committed offset (streams/state/restore.py), and a snapshot ahead
of that is of no use to it: the slots would soon hold nothing else.
"""

import asyncio
import contextlib
import math
from collections.abc import Callable

import structlog
from msgspec.structs import replace

from processors.fold.snapshot_codec import Frozen, freeze, pack
from processors.state.partition_state import FOLD_VERSION, FORMAT_VERSION, State
from schemas.codec import encode
from schemas.errors import DeliveryFailed
from schemas.fusion_log import FusionSnapshot
from schemas.topics import BY_NAME, FUSION_SNAPSHOT, SNAPSHOT_SLOTS
from streams.clock import Clock, pause
from streams.kafka.compacted_table import Spawned
from streams.kafka.producer import ProducerRecord
from streams.kafka.rare_log import RareLog
from streams.state.snapshot_bytes import pack_state
from streams.worker.context import Context

log = structlog.get_logger(__name__)

COMMITS_WAITED = 2
"""How many commit intervals a snapshot waits for its offset to be committed: one, and one more for a slow broker."""

BREAK_S, WORK_S = 0.001, 0.0005
"""How long a snapshot pauses while it is written, and after how much work. Python lets one thread run at a time, and a
press touches its lock several times: without breaks each waited for the rest of a piece."""

LOOK_S = 0.05
"""How often a waiting snapshot looks at what is committed."""

MOST_FAILURES = 3
"""Snapshots of a partition that fail in a row before its worker is not ready: one may meet a broker that is away."""

REST_FACTOR = 200
"""The next snapshot of a partition waits for so many times what the last one took: at most 0.5 % of the time goes
into each."""


class Snapshots:
    """Saves the states of this worker's partitions. States are copied in the thread that folds them.

    Args:
        context: The worker.
        pause: Lets other threads run for a moment.
    """

    def __init__(self, context: Context, pause: Callable[[float], None] = pause) -> None:
        self._context, self._pause = context, pause
        self._saved_at: dict[int, float] = {}
        self._delivered_at: dict[int, float] = {}
        self._slot: dict[int, int] = {}
        self._took_s: dict[int, float] = {}
        self._began_at = -math.inf
        self._running: list[Spawned] = []
        self._rare = RareLog()
        self._failures: dict[int, int] = {}
        """How many failed in a row, by partition."""
        self._paused_at = -math.inf
        self.is_awaited = False
        """Whether something waits for the snapshot that is being written: then it takes no breaks."""

    def is_due(self, partition: int) -> bool:
        """Whether the partition's last snapshot is old enough for what it cost, and no other one is on its way.

        Partitions that were assigned together would be saved one right after another; a pause in between spreads them
        over half of the interval.
        """
        now, interval_s = self._context.clock.monotonic(), self._context.runtime.snapshot_interval_s
        since = now - self._saved_at.setdefault(partition, now)
        # Asked after each batch: what can be answered without looking any further comes first.
        if since < max(interval_s, REST_FACTOR * self._took_s.get(partition, 0.0)):
            return False
        pause_s = interval_s / (2 * len(self._context.assignment()) or 1)
        return now - self._began_at >= pause_s and not self._still_running

    def begin(self, state: State, topic_id: str) -> Spawned:
        """Copy the state now; write, compress and send the copy beside the hot path.

        Args:
            state: Of one of our partitions.
            topic_id: The broker's id of the log that it was folded from.
        """
        partition = state.partition
        self._saved_at[partition] = self._began_at = self._context.clock.monotonic()
        snapshot = FusionSnapshot(
            format_version=FORMAT_VERSION,
            fold_version=FOLD_VERSION,
            partition=partition,
            next_offset=state.offset,
            last_hash=state.last_hash,
            state=b"",
            topic_id=topic_id,
        )
        writing = self._context.spawn(self._send(freeze(state), snapshot))
        self._running = [*self._still_running, writing]
        return writing

    async def written(self) -> None:
        """Wait until the snapshots that were begun are delivered, or given up."""
        while self._still_running:  # noqa: ASYNC110 - they were begun by another thread
            await asyncio.sleep(LOOK_S)
        for each in self._running:
            each.result()

    def _take_break(self) -> None:
        now = self._context.clock.monotonic()
        if not self.is_awaited and now - self._paused_at >= WORK_S:
            self._pause(BREAK_S)
            self._paused_at = self._context.clock.monotonic()

    @property
    def _still_running(self) -> list[Spawned]:
        return [each for each in self._running if not each.done()]

    def are_kept(self, partitions: frozenset[int]) -> bool:
        """Whether the states of these partitions can be saved; else a restart takes longer and longer."""
        return all(self._failures.get(partition, 0) < MOST_FAILURES for partition in partitions)

    def show_ages(self, partitions: frozenset[int]) -> None:
        """Update the gauges of these partitions' last delivered snapshots, and remove those of others."""
        metrics = self._context.metrics
        for lost in self._delivered_at.keys() - partitions:
            del self._delivered_at[lost]
            self._failures.pop(lost, None)
            for gauge in (metrics.snapshot_age, metrics.snapshot_bytes):
                with contextlib.suppress(KeyError):
                    gauge.remove(str(lost))
        for partition in partitions:
            since = self._delivered_at.setdefault(partition, self._context.clock.monotonic())
            metrics.snapshot_age.labels(partition).set(self._context.clock.monotonic() - since)

    async def _send(self, state: Frozen, snapshot: FusionSnapshot) -> None:
        """Write it; whatever goes wrong is told, and no reason to stop: the log still has everything."""
        try:
            await self._write(state, snapshot)
        except Exception as error:  # noqa: BLE001 - nobody waits for this, and a fold without snapshots goes unseen
            self._context.metrics.snapshots_failed.inc()
            partition, offset = snapshot.partition, snapshot.next_offset
            self._failures[partition] = self._failures.get(partition, 0) + 1
            if (left_out := self._rare.due(partition, self._context.clock.monotonic())) is not None:
                told = {"partition": partition, "offset": offset, "error": str(error) or repr(error)}
                log.error("snapshot.failed", **told, left_out=left_out)  # noqa: TRY400

    async def _write(self, state: Frozen, snapshot: FusionSnapshot) -> None:
        metrics, partition, offset = self._context.metrics, snapshot.partition, snapshot.next_offset
        if not await self._until_committed(partition, offset):
            log.info("snapshot.dropped", partition=partition, offset=offset)
            return
        packed, self._took_s[partition] = await self._context.blocking(
            _compressed, state, self._context.clock, self._take_break
        )
        payload = encode(replace(snapshot, state=packed))
        slot = self._slot[partition] = (self._slot.get(partition, -1) + 1) % SNAPSHOT_SLOTS
        key = self._key(partition, slot)
        await self._deliver(ProducerRecord(FUSION_SNAPSHOT, key, payload, partition))
        self._delivered_at[partition] = self._context.clock.monotonic()
        self._failures.pop(partition, None)
        metrics.snapshot_bytes.labels(partition).set(len(payload))

    async def _until_committed(self, partition: int, offset: int) -> bool:
        """Wait until the offset is committed; False where it is not in time."""
        wait_s = COMMITS_WAITED * self._context.runtime.commit_interval_s
        for _ in range(math.ceil(wait_s / LOOK_S) + 1):
            committed = self._context.committed(partition)
            if committed is None or committed >= offset:
                return True
            await asyncio.sleep(LOOK_S)
        return False

    def _key(self, partition: int, slot: int) -> bytes:
        """Each replica has slots of its own: a replica that is behind needs snapshots that are not ahead of it."""
        replica = self._context.replica
        return (f"{partition}-{slot}-{replica}" if replica else f"{partition}-{slot}").encode()

    async def _deliver(self, snapshot: ProducerRecord) -> None:
        size, most = len(snapshot.value or b""), BY_NAME[FUSION_SNAPSHOT].max_message_bytes
        if size > most:
            raise DeliveryFailed(f"{size} bytes, the topic takes {most}")
        await self._context.delivery.deliver([snapshot])


def _compressed(state: Frozen, clock: Clock, take_break: Callable[[], None]) -> tuple[bytes, float]:
    """The written state, and how long that took without its breaks, seconds."""
    breaks_s = 0.0

    def take_timed_break() -> None:
        nonlocal breaks_s
        began = clock.monotonic()
        take_break()
        breaks_s += clock.monotonic() - began

    began = clock.monotonic()
    packed = pack_state(pack(state, take_timed_break))
    return packed, clock.monotonic() - began - breaks_s
