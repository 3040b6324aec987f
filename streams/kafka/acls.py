"""What each worker's user may do on the broker, and no more; and the question whether the broker agrees.

READ and WRITE include DESCRIBE in Kafka. Nobody needs a right on the cluster: an idempotent producer needs WRITE on
a topic and no more. What is read from the side, without a group, takes no right on any group.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import msgspec
from confluent_kafka import KafkaError, KafkaException, TopicCollection
from confluent_kafka.admin import AclOperation, AdminClient  # type: ignore[attr-defined]  # public, as in topics.py

from schemas.errors import AccessDenied
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
    dead_letter_topic,
)
from streams.kafka.admin import admin_client
from streams.kafka.config import KafkaConfig
from streams.kafka.errors import is_refusal
from streams.worker.settings import RuntimeSettings

_ANSWER_S: Final = 5.0


class Rights(msgspec.Struct, frozen=True):
    """What one worker needs; and READ on its group.

    Attributes:
        reads: Topics that it reads, in its group or from the side.
        writes: Topics that it writes, its dead letters among them.
    """

    reads: tuple[str, ...]
    writes: tuple[str, ...]


def _letters(*topics: str) -> tuple[str, ...]:
    return tuple(dead_letter_topic(topic) for topic in topics)


RIGHTS: Final[Mapping[str, Rights]] = {
    "alarms": Rights(
        (PILLAR_EVENTS, ACKS, REGISTRY), (FUSION_INPUT, *_letters(PILLAR_EVENTS, ACKS, REGISTRY))
    ),
    "frames": Rights((FRAMES, REGISTRY), (FUSION_INPUT, EVIDENCE, *_letters(FRAMES, REGISTRY))),
    "plates": Rights(
        (PLATE_READS, REGISTRY, HOTLIST),
        (FUSION_INPUT, VERIFICATION_REQUESTS, *_letters(PLATE_READS, REGISTRY, HOTLIST)),
    ),
    "fusion": Rights(
        (FUSION_INPUT, FUSION_SNAPSHOT, INCIDENTS),
        (
            FUSION_INPUT,
            FUSION_SNAPSHOT,
            ALERTS,
            MAINTENANCE,
            TEST_ALERTS,
            INCIDENTS,
            ACK_RESULTS,
            *_letters(FUSION_INPUT),
        ),
    ),
}


def group_of(worker: str, runtime: RuntimeSettings, replica: str = "") -> str:
    """The consumer group of a worker; a replica has one of its own."""
    group = f"{runtime.group_prefix}.{worker}"
    return f"{group}.{replica}" if replica else group


def acl_options(worker: str, principal: str, group: str, first: str = "") -> list[str]:
    """The options of `kafka-acls.sh` that give a worker's user its rights, an element for each call.

    Args:
        worker: Which worker.
        principal: Its user.
        group: Its consumer group.
        first: For a replica: the group of the first set, whose offsets it looks at when it begins.
    """
    rights = RIGHTS[worker]
    grants = [("Read", _topics(rights.reads)), ("Write", _topics(rights.writes))]
    grants.append(("Read", f"--group {group}"))
    if first:
        grants.append(("Describe", f"--group {first}"))
    who = f"--add --allow-principal User:{principal}"
    return [f"{who} --operation {operation} {what}" for operation, what in grants]


def assert_acls(config: KafkaConfig, worker: str, group: str, first: str = "") -> None:
    """Return unless the broker says that our user lacks a right.

    A broker that does not say is believed: what is missing is found by who needs it. A topic that is not there is not
    our question either.

    Args:
        config: The broker.
        worker: Which worker we are.
        group: Our consumer group.
        first: For a replica: the group of the first set.

    Raises:
        AccessDenied: The text names every right that is missing.
    """
    if not config.capabilities.keeps_topics_declared:  # asked for a topic by name, it would create it
        return
    groups = {group: AclOperation.READ, **({first: AclOperation.DESCRIBE} if first else {})}
    missing = _missing(admin_client(config, []), RIGHTS[worker], groups)
    if missing:
        raise AccessDenied(
            f"the broker refuses us: {config.bootstrap}: our user ({config.sasl_username or 'without a name'}) has no "
            f"{', no '.join(missing)}; `callbox topics acls` prints what a worker needs"
        )


def _missing(client: AdminClient, rights: Rights, groups: Mapping[str, AclOperation]) -> list[str]:
    topics = dict.fromkeys((*rights.reads, *rights.writes))
    answers = client.describe_topics(
        TopicCollection(list(topics)), include_authorized_operations=True, request_timeout=_ANSWER_S
    )
    allowed = {topic: _allowed(future.result) for topic, future in answers.items()}
    about_groups = client.describe_consumer_groups(
        list(groups), include_authorized_operations=True, request_timeout=_ANSWER_S
    )
    needs = [(AclOperation.READ, f"READ on {topic}", allowed[topic]) for topic in rights.reads]
    needs += [(AclOperation.WRITE, f"WRITE on {topic}", allowed[topic]) for topic in rights.writes]
    needs += [
        (operation, f"{operation.name} on group {group}", _allowed(about_groups[group].result))
        for group, operation in groups.items()
    ]
    return [text for operation, text, may in needs if may is not None and operation not in may]


def _allowed(answer: Callable[[], Any]) -> Sequence[AclOperation] | None:
    """What we may do with a topic or a group; None where the broker does not say."""
    try:
        description = answer()
    except KafkaException as error:
        reason: KafkaError = error.args[0]
        return () if is_refusal(reason) else None
    return description.authorized_operations or None  # who may see it may do something: nothing is no answer


def _topics(names: Sequence[str]) -> str:
    return " ".join(f"--topic {name}" for name in names)
