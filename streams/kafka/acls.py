"""ACLs: what a worker's user is allowed on the broker and no more, and whether the broker agrees.

READ and WRITE include DESCRIBE in Kafka. No worker needs an ACL on the cluster: an idempotent producer needs WRITE on
its topics and no more. A topic that is read without a consumer group takes no ACL on any group.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import msgspec
from confluent_kafka import KafkaError, KafkaException, TopicCollection
from confluent_kafka.admin import AclOperation, AdminClient  # type: ignore[attr-defined]  # public, as in topics.py

from schemas.errors import AccessDenied
from schemas.topics import ACK_RESULTS, ALERTS, INCIDENTS, MAINTENANCE, TEST_ALERTS, ack_topic, pillar_topic
from streams.kafka.admin import admin_client
from streams.kafka.config import KafkaConfig
from streams.kafka.errors import is_refusal

_ANSWER_S: Final = 5.0


class AclSet(msgspec.Struct, frozen=True):
    """What one worker's user is allowed; and READ on its consumer group.

    Attributes:
        reads: Topics that it reads, in its group or beside it.
        writes: Topics that it writes, its dead letters among them.
    """

    reads: tuple[str, ...]
    writes: tuple[str, ...]


def group_of(worker: str, prefix: str, replica: str = "") -> str:
    """The consumer group of a worker; a replica has one of its own."""
    group = f"{prefix}.{worker}"
    return f"{group}.{replica}" if replica else group


def acl_options(acls: AclSet, principal: str, group: str, first: str = "") -> list[str]:
    """The options of `kafka-acls.sh` that grant a worker's ACLs, an element for each call.

    Args:
        acls: Of the worker.
        principal: Its user.
        group: Its consumer group.
        first: For a replica: the group of the first set, whose offsets it looks at when it begins.
    """
    grants = [("Read", _topics(acls.reads)), ("Write", _topics(acls.writes))]
    grants.append(("Read", f"--group {group}"))
    if first:
        grants.append(("Describe", f"--group {first}"))
    who = f"--add --allow-principal User:{principal}"
    return [f"{who} --operation {operation} {what}" for operation, what in grants]


def organisation_acl_options(organisation: str, principal: str) -> list[str]:
    """The options of `kafka-acls.sh` that let an organisation acknowledge on its own topic, and read what is told.

    Its consumer groups begin with the name of its user.

    Args:
        organisation: Its name, as the config has it.
        principal: Its user.
    """
    who = f"--add --allow-principal User:{principal}"
    written = f"{who} --operation Write {_topics((ack_topic(organisation),))}"
    read = _topics((ACK_RESULTS, ALERTS, MAINTENANCE, TEST_ALERTS, INCIDENTS))
    groups = f"{who} --operation Read --group {principal} --resource-pattern-type prefixed"
    return [written, f"{who} --operation Read {read}", groups]


def gateway_acl_options(gateway: str, principal: str) -> list[str]:
    """The options of `kafka-acls.sh` that let a gateway write pillar events into its own topic, and into no other.

    Args:
        gateway: Its name, as the config has it.
        principal: Its user.
    """
    return [f"--add --allow-principal User:{principal} --operation Write {_topics((pillar_topic(gateway),))}"]


def assert_acls(
    config: KafkaConfig,
    acls: AclSet,
    group: str,
    first: str = "",
    make_admin: Callable[[KafkaConfig, list[KafkaError]], AdminClient] = admin_client,
) -> None:
    """Return unless the broker says that our user lacks an ACL.

    A broker that does not say is believed: what is missing is found when it is needed. Whether a topic exists is not
    asked here.

    Args:
        config: The broker.
        acls: What we need.
        group: Our consumer group.
        first: For a replica: the group of the first set.
        make_admin: Connects to the broker.

    Raises:
        AccessDenied: The text names every ACL that is missing.
    """
    if not config.capabilities.keeps_topics_declared:  # asked for a topic by name, it would create it
        return
    groups = {group: AclOperation.READ, **({first: AclOperation.DESCRIBE} if first else {})}
    missing = _missing(make_admin(config, []), acls, groups)
    if missing:
        raise AccessDenied(
            f"the broker refuses us: {config.bootstrap}: our user ({config.sasl_username or 'without a name'}) has no "
            f"{', no '.join(missing)}; `callbox topics acls` prints what a worker needs"
        )


def _missing(client: AdminClient, acls: AclSet, groups: Mapping[str, AclOperation]) -> list[str]:
    topics = dict.fromkeys((*acls.reads, *acls.writes))
    answers = client.describe_topics(
        TopicCollection(list(topics)), include_authorized_operations=True, request_timeout=_ANSWER_S
    )
    allowed = {topic: _allowed(future.result) for topic, future in answers.items()}
    about_groups = client.describe_consumer_groups(
        list(groups), include_authorized_operations=True, request_timeout=_ANSWER_S
    )
    needs = [(AclOperation.READ, f"READ on {topic}", allowed[topic]) for topic in acls.reads]
    needs += [(AclOperation.WRITE, f"WRITE on {topic}", allowed[topic]) for topic in acls.writes]
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
