"""What each fault does, and how its effect is observed. A fault without an effect does not count.

prepare ─► share of presses begins ─► strike, with presses in flight ─► effect observed ─► mend
"""

import signal
import time
from typing import Any

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from benchmarks.chaos.feed import Presses
from benchmarks.chaos.schedule import WORKERS, Fault, Planned
from benchmarks.chaos.small_disk import NoDisk, SmallDisk
from benchmarks.chaos.workers import STEP_S, Unsettled, WorkerPool
from benchmarks.support.proxy import SlowProxy
from callbox.demo.processes.worker_process import WorkerProcess
from callbox_testkit.brokers.cluster import KafkaCluster, Node
from schemas.enums import Reason
from schemas.errors import CallboxError
from schemas.topics import FUSION_INPUT, LOG_PARTITIONS, PILLAR_EVENTS, dead_letter_topic
from streams.kafka.client_settings import librdkafka_settings
from streams.kafka.config import KafkaConfig
from streams.kafka.reader import bounds
from streams.kafka.topics import partition_count

TAKE_OVER_S = 30.0
DRAIN_S = 15.0
SLOW_S = 0.3
SLOW_FOR_S = 3.0
POISONED = 5
COPIES = 20
FEW_S = 10.0
MOST_TEXT = 1_000

Effect = dict[str, Any]
"""`seen`: whether the fault had an effect; the other entries are what was observed."""


class Faults:
    """Runs the faults of a schedule.

    Args:
        kafka: How to reach the cluster.
        cluster: Its nodes.
        proxy: Between all clients and the cluster.
        pool: The workers.
        presses: The feed.
        session_ms: A worker without a heartbeat for so long loses its partitions.
    """

    def __init__(
        self,
        kafka: KafkaConfig,
        cluster: KafkaCluster,
        proxy: SlowProxy,
        pool: WorkerPool,
        presses: Presses,
        session_ms: int,
    ) -> None:
        self._kafka, self._cluster, self._proxy = kafka, cluster, proxy
        self._pool, self._presses, self._session_s = pool, presses, session_ms / 1000
        self._joining: WorkerProcess | None = None
        self._unprepared: Exception | None = None
        self._disk: SmallDisk | None = None
        self._on_disk: WorkerProcess | None = None
        self._strikes = {
            Fault.KILL: self._kill,
            Fault.TERMINATE: self._terminate,
            Fault.FREEZE: self._freeze,
            Fault.JOIN_AND_LEAVE: self._join_and_leave,
            Fault.BROKER_KILL: self._kill_broker,
            Fault.SLOW_BROKER: self._slow_broker,
            Fault.POISON: self._poison,
            Fault.DUPLICATES: self._duplicates,
            Fault.FULL_DISK: self._fill_disk,
        }

    def prepare(self, planned: Planned) -> None:
        """Set up what the fault needs before the presses begin; an error is reported by `strike`."""
        self._unprepared = None
        try:
            self._prepare(planned)
        except (CallboxError, Unsettled, NoDisk) as error:
            self._unprepared = error

    def _prepare(self, planned: Planned) -> None:
        if planned.fault is Fault.JOIN_AND_LEAVE:  # its imports take seconds; only the joining is the fault
            self._joining = self._pool.start(planned.worker)
            deadline = time.monotonic() + FEW_S
            while not self._answers(self._joining) and time.monotonic() < deadline:
                time.sleep(0.02)
        if planned.fault is Fault.FULL_DISK:
            self._disk = SmallDisk()
            self._on_disk = self._pool.start(planned.worker, self._disk.path)
            self._on_disk.wait_until_ready(TAKE_OVER_S)
            self._pool.terminate(self._pool.owner(planned.worker, but=(self._on_disk,)), DRAIN_S + 5)
            self._pool.settle(planned.worker)

    def strike(self, planned: Planned) -> Effect:
        """Cause the fault; return once its effect is observed, or the wait for it has timed out."""
        try:
            if self._unprepared is not None:
                raise self._unprepared
            return self._strikes[planned.fault](planned)
        # The fault does not count then, and the run goes on.
        except (CallboxError, Unsettled, NoDisk, KafkaException) as error:
            return {"seen": False, "error": f"{type(error).__name__}: {error}"[-MOST_TEXT:]}

    def close(self) -> None:
        """Unmount the small disk, if there is one."""
        disk, self._disk = self._disk, None
        if disk is not None:
            disk.close()

    def mend(self) -> None:
        """Restore brokers, proxy and workers before the next fault."""
        self._proxy.delay_s = 0.0
        self.close()
        for node in self._cluster.nodes:
            if node.process is None:
                self._cluster.start(node)
                self._cluster.wait(node)
        for name in WORKERS:
            self._pool.trim(name, DRAIN_S + 5)
            self._pool.settle(name)

    def _kill(self, planned: Planned) -> Effect:
        victim = self._pool.owner(planned.worker)
        owned, before = self._pool.owned(victim), self._restores(victim)
        victim.send(signal.SIGKILL)
        code = victim.wait(10)
        self._pool.forget(victim)
        return self._taken_over(victim, owned, before) | {"exit_code": code}

    def _terminate(self, planned: Planned) -> Effect:
        victim = self._pool.owner(planned.worker)
        owned, before = self._pool.owned(victim), self._restores(victim)
        code = self._pool.terminate(victim, DRAIN_S + 5)
        effect = self._taken_over(victim, owned, before)
        return effect | {"exit_code": code, "drain_s": round(self._pool.drains_s[-1], 2)}

    def _freeze(self, planned: Planned) -> Effect:
        victim = self._pool.owner(planned.worker)
        owned, before = self._pool.owned(victim), self._restores(victim)
        stopped = time.monotonic()
        victim.send(signal.SIGSTOP)
        effect = self._taken_over(victim, owned, before)
        while (left := self._session_s + 1 - (time.monotonic() - stopped)) > 0:
            time.sleep(left)
        victim.send(signal.SIGCONT)
        return effect | {"frozen_s": round(time.monotonic() - stopped, 2)}

    def _join_and_leave(self, planned: Planned) -> Effect:
        """A third worker joins, then one that owns partitions leaves.

        Faust assigns the third one nothing while two have everything; what it is assigned afterwards shows that it
        joined.
        """
        joined, self._joining = self._joining, None
        assert joined is not None  # `prepare` has started it
        joined.wait_until_ready(TAKE_OVER_S)
        at_first = self._pool.owned(joined)
        leaving = self._pool.owner(planned.worker, but=(joined,))
        owned, before = self._pool.owned(leaving), self._restores(leaving)
        code = self._pool.terminate(leaving, DRAIN_S + 5)
        effect = self._taken_over(leaving, owned, before)
        then = self._pool.owned(joined)
        return effect | {
            "seen": effect["seen"] and bool(then),
            "joined_with": sorted(at_first),
            "joined_has": sorted(then),
            "exit_code": code,
        }

    def _fill_disk(self, planned: Planned) -> Effect:
        """A worker with a full disk takes partitions over, gives some back, and ends with 0."""
        disk, victim = self._disk, self._on_disk
        assert disk is not None  # `prepare` has mounted it
        assert victim is not None
        owned = self._pool.owned(victim)
        disk.fill()
        printed = victim.log_file.stat().st_size
        leaving = self._pool.owner(planned.worker, but=(victim,))
        inherited, before = self._pool.owned(leaving), self._restores(leaving)
        self._pool.terminate(leaving, DRAIN_S + 5)
        effect = self._taken_over(leaving, inherited, before)
        self._pool.settle(planned.worker)
        self._pool.terminate(victim, DRAIN_S + 5)
        lines_lost = b"worker.stopped" not in victim.log_file.read_bytes()
        return effect | {
            "seen": effect["seen"] and bool(owned) and disk.is_full() and lines_lost,
            "owned": sorted(owned),
            "inherited": sorted(inherited),
            "bytes_printed_since": victim.log_file.stat().st_size - printed,
            "exit_code": victim.exit_code,
        }

    def _kill_broker(self, planned: Planned) -> Effect:
        led = self._leaders()
        node = self._cluster.nodes[max(1, led[0]) - 1]  # -1: no leader at this moment
        began = time.monotonic()
        self._cluster.kill(node)
        seen = self._lost_the_lead(node) if len(self._cluster.nodes) > 1 else True
        self._cluster.start(node)
        self._cluster.wait(node)
        down_s = round(time.monotonic() - began, 2)
        if len(self._cluster.nodes) == 1:  # nothing was delivered meanwhile: a press must have waited
            deadline = time.monotonic() + TAKE_OVER_S
            while not (seen := self._slowest(planned) >= down_s / 2) and time.monotonic() < deadline:
                time.sleep(STEP_S)
        return {
            "seen": seen,
            "node": node.number,
            "led": sorted(number for number, leader in led.items() if leader == node.number),
            "down_s": down_s,
        }

    def _slow_broker(self, planned: Planned) -> Effect:
        before = self._proxy.chunks_delayed
        self._proxy.delay_s = SLOW_S
        time.sleep(SLOW_FOR_S)
        self._proxy.delay_s = 0.0
        chunks, slowest = self._proxy.chunks_delayed - before, self._slowest(planned)
        return {
            "seen": chunks > 0 and slowest >= SLOW_S,
            "chunks_delayed": chunks,
            "slowest_delivery_s": round(slowest, 2),
        }

    def _poison(self, _planned: Planned) -> Effect:
        topic = dead_letter_topic(PILLAR_EVENTS)
        before = self._length(topic)
        self._presses.send_poison(POISONED)
        deadline = time.monotonic() + FEW_S
        while (found := self._length(topic) - before) < POISONED and time.monotonic() < deadline:
            time.sleep(STEP_S)
        return {"seen": found >= POISONED, "sent": POISONED, "dead_letters": found}

    def _duplicates(self, planned: Planned) -> Effect:
        before = self._dropped()
        sent = len([name for name in self._presses.taken.copy() if _is_of(name, planned)])
        self._presses.send_copies(range(planned.first, planned.first + min(sent, COPIES)))
        deadline = time.monotonic() + FEW_S
        while (dropped := self._dropped() - before) < min(sent, COPIES) and time.monotonic() < deadline:
            time.sleep(STEP_S)
        return {"seen": dropped > 0, "sent": min(sent, COPIES), "dropped_by_the_fold": int(dropped)}

    def _taken_over(self, victim: WorkerProcess, owned: frozenset[int], before: float) -> Effect:
        """Whether other workers took the partitions over and, for fusion, restored their state."""
        began = time.monotonic()
        seen = self._pool.wait_taken_over(victim, owned, TAKE_OVER_S)
        effect = {"owned": sorted(owned), "taken_over_s": round(time.monotonic() - began, 2)}
        if victim.name != "fusion":
            return effect | {"seen": seen and bool(owned)}
        deadline = time.monotonic() + FEW_S
        while (restores := self._restores(victim) - before) < 1 and time.monotonic() < deadline:
            time.sleep(STEP_S)
        return effect | {"seen": seen and bool(owned) and restores > 0, "restores": int(restores)}

    def _restores(self, but: WorkerProcess) -> float:
        return self._pool.count("fusion", "callbox_restores_total", but)

    def _dropped(self) -> float:
        return self._pool.count("fusion", "callbox_decisions_total", None, reason=Reason.DUPLICATE)

    def _slowest(self, planned: Planned) -> float:
        found = self._presses.delivery_s.copy()
        return max((s for name, s in found.items() if _is_of(name, planned)), default=0.0)

    def _length(self, topic: str) -> int:
        partitions = partition_count(self._kafka, topic)
        return sum(bounds(self._kafka, topic, partition)[1] or 0 for partition in range(partitions))

    def _leaders(self) -> dict[int, int]:
        found = AdminClient(librdkafka_settings(self._kafka)).list_topics(FUSION_INPUT, timeout=10)
        return {
            number: found.topics[FUSION_INPUT].partitions[number].leader for number in range(LOG_PARTITIONS)
        }

    def _lost_the_lead(self, node: Node) -> bool:
        deadline = time.monotonic() + TAKE_OVER_S
        while time.monotonic() < deadline:
            leaders = set(self._leaders().values())
            if node.number not in leaders and -1 not in leaders:
                return True
            time.sleep(STEP_S)
        return False

    @staticmethod
    def _answers(worker: WorkerProcess) -> bool:
        try:
            return bool(worker.page("/metrics"))
        except OSError:
            return False


def _is_of(name: str, planned: Planned) -> bool:
    """Whether a press belongs to the share of a fault."""
    return planned.first <= int(name.removeprefix("press-")) < planned.first + planned.presses
