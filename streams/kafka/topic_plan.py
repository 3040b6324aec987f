"""What it takes to make the topics of a broker those of the catalogue: a comparison of values, no IO.

    not there ──────────────────────────► create
    more partitions ────────────────────► add, but on the log or a compacted topic: REORDERS
    fewer partitions ───────────────────► IMPOSSIBLE
    another setting ────────────────────► set, but shorter retention: FORGETS, another clean-up: REWRITES
    sealed, and the broker not loopback ► UNSEALED

A change with a risk is refused. `--i-lose-order` lifts REORDERS, FORGETS and REWRITES and no other.
"""

from collections.abc import Iterable, Iterator, Mapping
from enum import StrEnum
from typing import Final

import msgspec

from schemas.topics import FUSION_INPUT, SEALED_RETENTION_MS, Cleanup, Topic
from schemas.units import MINUTE_MS
from streams.kafka.capabilities import Capabilities

CLEANUP: Final = "cleanup.policy"
RETENTION: Final = "retention.ms"

_REPLICAS: Final = 3  # survives the loss of one broker while another is being maintained
_IN_SYNC: Final = 2  # of three: with acks=all a record that was acknowledged outlives one broker
# Retention takes closed segments only: with Kafka's week-long ones a busy topic keeps its records for a week.
_SEALED_SEGMENT_MS: Final = MINUTE_MS


class Risk(StrEnum):
    """Why a change is refused, in words for the operator."""

    REORDERS = "keys would move to other partitions and lose their order"
    FORGETS = "records would be deleted sooner"
    REWRITES = "another clean-up keeps and deletes other records"
    IMPOSSIBLE = (
        "no broker takes partitions away, and workers read all that are there, so it may stay as it is; a topic "
        "that is made anew loses what is unread, and docs/guides/topics.md says what comes before that"
    )
    FIXED = "this broker cannot add partitions: start a fresh one"
    UNSEALED = "until sealing exists it belongs on a loopback broker only: --allow-unsealed"


LIFTED_BY_FLAG: Final = frozenset({Risk.REORDERS, Risk.FORGETS, Risk.REWRITES})


class Described(msgspec.Struct, frozen=True, kw_only=True):
    """A topic as it is found on a broker; `settings` holds every setting in force, defaults too."""

    name: str
    partitions: int
    replication: int
    settings: dict[str, str]


class Target(msgspec.Struct, frozen=True, kw_only=True):
    """The broker that the topics are for.

    Attributes:
        capabilities: What it can be trusted with.
        is_loopback: Every address of it is one of this machine.
        brokers: How many nodes it has.
        replication: Replicas of new topics that the operator asked for; None leaves the choice to us.
        allow_unsealed: The operator takes sealed topics on a broker that is not loopback.
    """

    capabilities: Capabilities
    is_loopback: bool
    brokers: int
    replication: int | None = None
    allow_unsealed: bool = False


class TopicChange(msgspec.Struct, frozen=True, kw_only=True):
    """One difference.

    Attributes:
        topic: The topic's name.
        subject: "topic" when it is not there, "partitions", "sealed", or the name of a setting.
        found: What is there; None where nothing is.
        wanted: What the catalogue says.
        risk: Why it is refused; None where it is not.
    """

    topic: str
    subject: str
    found: str | None
    wanted: str
    risk: Risk | None = None

    def __str__(self) -> str:
        """One line for people."""
        found = "" if self.found is None else f"{self.found}, wanted "
        why = "" if self.risk is None else f": {self.risk}"
        return f"{self.topic}: {self.subject} {found}{self.wanted}{why}"


def compare(
    found: Mapping[str, Described], catalogue: Iterable[Topic], target: Target
) -> tuple[TopicChange, ...]:
    """The differences, in the order of the catalogue. Planned topics and topics of others are left out."""
    return tuple(
        change
        for topic in catalogue
        if not topic.planned
        for change in _compare_topic(found.get(topic.name), topic, target)
    )


def refused(changes: Iterable[TopicChange], *, i_lose_order: bool) -> tuple[TopicChange, ...]:
    """Those that must not be done."""
    lifted = LIFTED_BY_FLAG if i_lose_order else frozenset()
    return tuple(change for change in changes if change.risk is not None and change.risk not in lifted)


def replication(target: Target) -> int:
    """Replicas of a new topic: as asked, else three, else as many as there are brokers."""
    return min(_REPLICAS, target.brokers) if target.replication is None else target.replication


def warnings(target: Target) -> tuple[str, ...]:
    """What the operator should know before anything is created."""
    count = replication(target)
    if count >= _REPLICAS or target.is_loopback or not target.capabilities.durable:
        return ()
    return (f"replication {count} on {target.brokers} broker(s): production wants {_REPLICAS}",)


def wanted_settings(topic: Topic, replicas: int, capabilities: Capabilities) -> dict[str, str]:
    """The settings that callbox asks for, as Kafka names them; none of a broker that does not obey them."""
    if not capabilities.obeys_settings:
        return {}
    settings = {CLEANUP: str(topic.cleanup), "max.message.bytes": str(topic.max_message_bytes)}
    if topic.retention_ms is not None:
        settings[RETENTION] = str(topic.retention_ms)
    if replicas >= _REPLICAS:
        settings["min.insync.replicas"] = str(_IN_SYNC)
    settings |= topic.settings
    return settings | _sealed_settings(topic) if topic.sealed else settings


def _sealed_settings(topic: Topic) -> dict[str, str]:
    """The cap that holds whatever the catalogue says, until sealing exists."""
    if topic.cleanup is Cleanup.COMPACT:  # it keeps what is in force; what was replaced goes as soon
        return {"max.compaction.lag.ms": str(SEALED_RETENTION_MS)}
    retention_ms = SEALED_RETENTION_MS if topic.retention_ms is None else topic.retention_ms
    return {
        RETENTION: str(min(retention_ms, SEALED_RETENTION_MS)),
        "segment.ms": str(_SEALED_SEGMENT_MS),
    }


def _compare_topic(found: Described | None, topic: Topic, target: Target) -> Iterator[TopicChange]:
    if topic.sealed and not (target.is_loopback or target.allow_unsealed):
        yield TopicChange(
            topic=topic.name,
            subject="sealed",
            found="a broker that is not loopback",
            wanted="loopback",
            risk=Risk.UNSEALED,
        )
    elif found is None:
        replicas = replication(target)
        settings = wanted_settings(topic, replicas, target.capabilities)
        wanted = [f"{topic.partitions} partitions", f"replication {replicas}"]
        wanted += [f"{name}={value}" for name, value in settings.items()]
        yield TopicChange(topic=topic.name, subject="topic", found=None, wanted=", ".join(wanted))
    else:
        yield from _compare_partitions(found, topic, target.capabilities)
        yield from _compare_settings(found, topic, target.capabilities)


def _compare_partitions(found: Described, topic: Topic, capabilities: Capabilities) -> Iterator[TopicChange]:
    if found.partitions == topic.partitions:
        return
    risk = None
    if found.partitions > topic.partitions:
        risk = Risk.IMPOSSIBLE
    elif not capabilities.grows_partitions:
        risk = Risk.FIXED
    elif topic.name == FUSION_INPUT or topic.cleanup is Cleanup.COMPACT:
        risk = Risk.REORDERS
    yield TopicChange(
        topic=topic.name,
        subject="partitions",
        found=str(found.partitions),
        wanted=str(topic.partitions),
        risk=risk,
    )


def _compare_settings(found: Described, topic: Topic, capabilities: Capabilities) -> Iterator[TopicChange]:
    for name, wanted in wanted_settings(topic, found.replication, capabilities).items():
        there = found.settings.get(name)
        if there is None or not _is_same(name, there, wanted):
            yield TopicChange(
                topic=topic.name,
                subject=name,
                found=there,
                wanted=wanted,
                risk=_setting_risk(name, there, wanted),
            )


def _is_same(name: str, there: str, wanted: str) -> bool:
    return set(there.split(",")) == set(wanted.split(",")) if name == CLEANUP else there == wanted


def _setting_risk(name: str, there: str | None, wanted: str) -> Risk | None:
    if name == CLEANUP:
        return Risk.REWRITES
    if name == RETENTION and there is not None and _keeps_ms(wanted) < _keeps_ms(there):
        return Risk.FORGETS
    return None


def _keeps_ms(retention: str) -> float:
    """Milliseconds; Kafka writes -1 for ever."""
    kept = int(retention)
    return float("inf") if kept < 0 else kept
