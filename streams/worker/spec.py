"""The four workers, each described once: what it reads, follows and writes, and how it runs as shipped.

From this table come the ACLs, the settings' defaults, the choices of the command line, and the topics that an agent
may touch. A worker's name is the last word of its module, of its consumer group and of its table in the config.
"""

from collections.abc import Mapping
from importlib import import_module
from typing import Any, Final

import msgspec
from msgspec.structs import replace

from schemas.topics import (
    ACK_RESULTS,
    ACKS,
    ALERTS,
    EVIDENCE,
    FRAMES,
    FUSION_INPUT,
    FUSION_SNAPSHOT,
    HOTLIST,
    INCIDENTS,
    MAINTENANCE,
    PILLAR_EVENTS,
    PLATE_READS,
    REGISTRY,
    TEST_ALERTS,
    VERIFICATION_REQUESTS,
    ack_topic,
    dead_letter_topic,
    pillar_topic,
)
from streams.kafka.acls import AclSet
from streams.worker.settings import AckSettings, Pace, PillarSettings, WorkerSettings

_LISTS: Final = frozenset({REGISTRY, HOTLIST})


class WorkerSpec(msgspec.Struct, frozen=True, kw_only=True):
    """One kind of worker.

    Attributes:
        name: As the command line, the config and the metrics call it.
        reads: Topics that it consumes in its group, first the one that it is there for.
        follows: Topics that it reads beside its group: tables, snapshots, its own output.
        writes: Topics that it writes, its dead letters among them.
        calm: Those of them whose records nobody waits for but a commit: they are collected for a moment.
        is_hot: Whether its agent is a `HotAgent`: it decides in microseconds, in the consuming thread
            (streams/worker/hot_loop.py), or gives what is heavy to the event loop. Others do nothing but heavy work.
        paces: Topics that a hot agent reads slowly, so that others go first; of topics in turns the first.
        in_turns: Groups of `reads` that are one stream each, every topic of it in its turn, the first one named here
            first; each of the others is a stream of its own.
        acknowledgements: Who may acknowledge.
        replicable: Whether a second set of it may run beside the first: only where what it writes follows from what
            it reads alone, so that both sets write the same.
        stops_at_wrong_schema: Whether it stops where all that comes is unreadable (streams/worker/unreadable_runs.py);
            never where a press may be behind it.
        settings: The defaults that ship.
        agent: Where its agent is, "module:Class". It is imported by its own process only: alarms and fusion carry
            neither OpenCV nor onnxruntime.
    """

    name: str
    reads: tuple[str, ...]
    follows: tuple[str, ...] = ()
    writes: tuple[str, ...]
    calm: tuple[str, ...] = ()
    is_hot: bool = False
    paces: Mapping[str, Pace] = {}
    in_turns: tuple[tuple[str, ...], ...] = ()
    acknowledgements: AckSettings = AckSettings()
    replicable: bool = False
    stops_at_wrong_schema: bool = False
    settings: WorkerSettings
    agent: str

    @property
    def acls(self) -> AclSet:
        """What its user must be allowed to read and to write."""
        return AclSet((*self.reads, *self.follows), self.writes)

    @property
    def tables(self) -> tuple[str, ...]:
        """The lists that it keeps in memory."""
        return tuple(topic for topic in self.follows if topic in _LISTS)

    @property
    def topics(self) -> tuple[str, ...]:
        """Every topic that must be there before it starts, each once."""
        return tuple(dict.fromkeys((*self.reads, *self.follows, *self.writes)))

    def with_organisations(self, settings: AckSettings) -> "WorkerSpec":
        """The worker of a site with these organisations: who reads the plain topic reads that of each of them."""
        if ACKS not in self.reads or not settings.organisations:
            return self
        theirs = tuple(map(ack_topic, settings.organisations))
        return replace(
            self,
            reads=(*self.reads, *theirs),
            in_turns=(*self.in_turns, (ACKS, *theirs)),
            acknowledgements=settings,
        )

    def with_gateways(self, settings: PillarSettings) -> "WorkerSpec":
        """The worker of a site with these gateways: who reads the shared topic reads that of each of them."""
        if PILLAR_EVENTS not in self.reads or not settings.gateways:
            return self
        theirs = tuple(map(pillar_topic, settings.gateways))
        return replace(
            self, reads=(*self.reads, *theirs), in_turns=(*self.in_turns, (PILLAR_EVENTS, *theirs))
        )

    def load_agent(self) -> Any:
        """Import the agent's class."""
        module, _, attribute = self.agent.partition(":")
        return getattr(import_module(module), attribute)


def _dead_letters(*topics: str) -> tuple[str, ...]:
    return tuple(dead_letter_topic(topic) for topic in topics)


_ALL: Final = (
    WorkerSpec(
        name="alarms",
        reads=(PILLAR_EVENTS, ACKS),
        follows=(REGISTRY,),
        writes=(FUSION_INPUT, *_dead_letters(PILLAR_EVENTS, ACKS, REGISTRY)),
        is_hot=True,
        # 500 a second while there is a backlog, and one by itself at once: a storm of 630 alerts is answered in two
        # seconds, and a flood leaves presses the CPU on both of their hops (benchmarks/hostile; with 2,000 a second a
        # press took half a second).
        paces={ACKS: Pace(records=4, rest_s=0.008)},
        replicable=True,
        settings=WorkerSettings(http_port=8801),
        agent="streams.workers.alarms:AlarmsAgent",
    ),
    WorkerSpec(
        name="frames",
        reads=(FRAMES,),
        follows=(REGISTRY,),
        writes=(FUSION_INPUT, EVIDENCE, *_dead_letters(FRAMES, REGISTRY)),
        stops_at_wrong_schema=True,
        # Pictures come in small batches (one may weigh megabytes) and leave the CPU to everything else.
        settings=WorkerSettings(
            http_port=8803,
            nice=19,
            background=True,
            batch_records=8,
            merge_records=8,
            waiting_batches=2,
            fetch_bytes=4 << 20,
        ),
        agent="streams.workers.frames:FramesAgent",
    ),
    WorkerSpec(
        name="plates",
        reads=(PLATE_READS,),
        follows=(REGISTRY, HOTLIST),
        writes=(FUSION_INPUT, VERIFICATION_REQUESTS, *_dead_letters(PLATE_READS, REGISTRY, HOTLIST)),
        is_hot=True,
        stops_at_wrong_schema=True,
        settings=WorkerSettings(
            http_port=8804,
            nice=19,
            background=True,
            batch_records=32,
            merge_records=32,
            waiting_batches=2,
            fetch_bytes=1 << 20,
        ),
        agent="streams.workers.plates:PlatesAgent",
    ),
    WorkerSpec(
        name="fusion",
        reads=(FUSION_INPUT,),
        follows=(FUSION_SNAPSHOT, INCIDENTS),
        writes=(
            FUSION_INPUT,
            FUSION_SNAPSHOT,
            ALERTS,
            MAINTENANCE,
            TEST_ALERTS,
            INCIDENTS,
            ACK_RESULTS,
            *_dead_letters(FUSION_INPUT),
        ),
        calm=(INCIDENTS,),
        is_hot=True,
        replicable=True,
        settings=WorkerSettings(http_port=8802),
        agent="streams.workers.fusion:FusionAgent",
    ),
)

WORKERS: Final[Mapping[str, WorkerSpec]] = {spec.name: spec for spec in _ALL}
"""By name, in the order in which a record passes through them."""

REPLICABLE: Final = tuple(spec.name for spec in _ALL if spec.replicable)
"""Workers that may run twice."""


class WorkersSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The `[workers]` table of the config: one table for each worker."""

    alarms: WorkerSettings = WORKERS["alarms"].settings
    fusion: WorkerSettings = WORKERS["fusion"].settings
    frames: WorkerSettings = WORKERS["frames"].settings
    plates: WorkerSettings = WORKERS["plates"].settings

    def of(self, worker: str) -> WorkerSettings:
        """The settings of one worker, by its name."""
        found: WorkerSettings = getattr(self, worker)
        return found
