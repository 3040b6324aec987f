"""Topics of a broker, described, compared with the catalogue (streams/kafka/topic_plan.py) and changed."""

from collections.abc import Iterable, Mapping
from concurrent.futures import Future
from typing import Any, Final

import msgspec
from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import (  # type: ignore[attr-defined]  # public, only not in its __all__
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    NewPartitions,
    NewTopic,
    ResourceType,
)

from schemas.errors import BrokerUnavailable, InputMissing, TopicRefused
from schemas.topics import CATALOGUE, Topic
from streams.clock import monotonic, pause
from streams.kafka.admin import admin_client, assert_reachable
from streams.kafka.config import KafkaConfig, addresses, is_loopback
from streams.kafka.errors import explain, is_refusal
from streams.kafka.topic_plan import (
    LIFTED_BY_FLAG,
    Described,
    Target,
    TopicChange,
    compare,
    refused,
    replication,
    wanted_settings,
    warnings,
)

_ANSWER_S: Final = 15.0  # a request to the controller
_VISIBLE_WITHIN_S: Final = 15.0  # a new topic reaches every broker in milliseconds; a loaded one takes longer
_RETRY_S: Final = 0.05


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """What would be done to a broker.

    Attributes:
        changes: Every difference, refused ones too.
        warnings: Lines for the operator.
        target: The broker, as it was found.
    """

    changes: tuple[TopicChange, ...]
    warnings: tuple[str, ...]
    target: Target


def plan(
    config: KafkaConfig,
    catalogue: Iterable[Topic] = CATALOGUE,
    *,
    replicas: int | None = None,
    allow_unsealed: bool = False,
) -> Plan:
    """Compare the topics of the broker with the catalogue; nothing is changed.

    Args:
        config: The broker.
        catalogue: The topics that are wanted.
        replicas: Of new topics; None: three, or as many as there are brokers.
        allow_unsealed: Take sealed topics on a broker that is not loopback.

    Raises:
        BrokerUnavailable: No broker answers.
        AccessDenied: The broker refuses us.
    """
    assert_reachable(config)
    wanted = tuple(catalogue)
    client = admin_client(config, [])
    found, brokers = _describe(config, client, {topic.name for topic in wanted})
    hosts = [*(host for host, _port in addresses(config.bootstrap)), *brokers]
    target = Target(
        capabilities=config.capabilities,
        is_loopback=all(is_loopback(host) for host in hosts),
        brokers=len(brokers),
        replication=replicas,
        allow_unsealed=allow_unsealed,
    )
    return Plan(changes=compare(found, wanted, target), warnings=warnings(target), target=target)


def apply(
    config: KafkaConfig,
    catalogue: Iterable[Topic] = CATALOGUE,
    *,
    i_lose_order: bool,
    replicas: int | None = None,
    allow_unsealed: bool = False,
) -> Plan:
    """Make the broker's topics those of the catalogue; all of it, or nothing where one change is refused.

    Args:
        config: The broker.
        catalogue: The topics that are wanted.
        i_lose_order: Also do what loses order or records.
        replicas: As `plan`.
        allow_unsealed: As `plan`.

    Returns:
        What was done.

    Raises:
        TopicRefused: A change is refused, by us or by the broker; the text lists every one.
        BrokerUnavailable: No broker answers.
        AccessDenied: The broker refuses us.
    """
    by_name = {topic.name: topic for topic in catalogue}
    planned = plan(config, by_name.values(), replicas=replicas, allow_unsealed=allow_unsealed)
    if stopped := refused(planned.changes, i_lose_order=i_lose_order):
        raise TopicRefused(_refusal_text(stopped))
    client = admin_client(config, [])
    created = [by_name[change.topic] for change in planned.changes if change.subject == "topic"]
    grown = [by_name[change.topic] for change in planned.changes if change.subject == "partitions"]
    _create(config, client, created, planned.target)
    _grow(config, client, grown)
    _set(config, client, [c for c in planned.changes if c.subject not in {"topic", "partitions"}])
    _wait_until_visible(config, client, [*created, *grown])
    return planned


def partition_count(config: KafkaConfig, topic: str) -> int:
    """How many partitions a topic has.

    Raises:
        InputMissing: There is no such topic.
        BrokerUnavailable: No broker answers.
        AccessDenied: The broker refuses us.
    """
    assert_reachable(config)
    found = _metadata(config, admin_client(config, [])).topics.get(topic)
    if found is None or not found.partitions:
        raise InputMissing(
            f"{config.bootstrap}: topic {topic} is not there, or we may not see it: callbox topics apply creates it"
        )
    return len(found.partitions)


def _refusal_text(stopped: tuple[TopicChange, ...]) -> str:
    lines = ["refused, and nothing was changed:", *(f"  {change}" for change in stopped)]
    if all(change.risk in LIFTED_BY_FLAG for change in stopped):
        lines.append("--i-lose-order does it all the same")
    return "\n".join(lines)


def _describe(
    config: KafkaConfig, client: AdminClient, names: set[str]
) -> tuple[dict[str, Described], list[str]]:
    """The topics of `names` that are there, and the host of each broker."""
    metadata = _metadata(config, client)
    there = {name: topic.partitions for name, topic in metadata.topics.items() if name in names}
    resources = [ConfigResource(ResourceType.TOPIC, name) for name in there]
    futures = client.describe_configs(resources, request_timeout=_ANSWER_S) if resources else {}
    settings = {
        name: {entry.name: entry.value for entry in entries.values() if entry.value is not None}
        for name, entries in _answers(config, {r.name: future for r, future in futures.items()}).items()
    }
    found = {
        name: Described(
            name=name,
            partitions=len(partitions),
            replication=min((len(p.replicas) for p in partitions.values()), default=1),
            settings=settings[name],
        )
        for name, partitions in there.items()
    }
    return found, [str(broker.host) for broker in metadata.brokers.values()]


def _metadata(config: KafkaConfig, client: AdminClient) -> Any:
    """Of the whole cluster, never of one topic by name: the embedded broker creates what it is asked for."""
    try:
        return client.list_topics(timeout=_ANSWER_S)
    except KafkaException as error:
        raise explain(config, error.args[0]) from error


def _create(config: KafkaConfig, client: AdminClient, topics: list[Topic], target: Target) -> None:
    replicas = replication(target)
    new = [
        NewTopic(
            topic.name,
            topic.partitions,
            replicas,
            config=wanted_settings(topic, replicas, target.capabilities),
        )
        for topic in topics
    ]
    if new:
        _answers(config, client.create_topics(new, request_timeout=_ANSWER_S))


def _grow(config: KafkaConfig, client: AdminClient, topics: list[Topic]) -> None:
    new = [NewPartitions(topic.name, topic.partitions) for topic in topics]
    if new:
        _answers(config, client.create_partitions(new, request_timeout=_ANSWER_S))


def _set(config: KafkaConfig, client: AdminClient, changes: list[TopicChange]) -> None:
    by_topic: dict[str, list[ConfigEntry]] = {}
    for change in changes:
        entry = ConfigEntry(change.subject, change.wanted, incremental_operation=AlterConfigOpType.SET)
        by_topic.setdefault(change.topic, []).append(entry)
    resources = [
        ConfigResource(ResourceType.TOPIC, topic, incremental_configs=entries)
        for topic, entries in by_topic.items()
    ]
    if resources:
        futures = client.incremental_alter_configs(resources, request_timeout=_ANSWER_S)
        _answers(config, {resource.name: future for resource, future in futures.items()})


def _answers(config: KafkaConfig, futures: Mapping[str, Future[Any]]) -> dict[str, Any]:
    """The answer for each topic; waits for all of them before it complains, so that it names every one."""
    answers, failures = {}, {}
    for topic, future in futures.items():
        try:
            answers[topic] = future.result()
        except KafkaException as error:
            failures[topic] = error.args[0]
    if failures:
        _complain(config, failures)
    return answers


def _complain(config: KafkaConfig, failures: Mapping[str, KafkaError]) -> None:
    lost = (KafkaError._TIMED_OUT, KafkaError._TRANSPORT, KafkaError.REQUEST_TIMED_OUT)  # noqa: SLF001 - public names
    for error in failures.values():
        if is_refusal(error) or error.code() in lost:
            raise explain(config, error)
    lines = [f"  {topic}: {error.str()} ({error.name()})" for topic, error in failures.items()]
    raise TopicRefused("\n".join([f"{config.bootstrap} refused:", *lines]))


def _wait_until_visible(config: KafkaConfig, client: AdminClient, topics: list[Topic]) -> None:
    """A controller answers before every broker has heard of a new topic."""
    deadline = monotonic() + _VISIBLE_WITHIN_S
    while True:
        found = _metadata(config, client).topics
        missing = [topic.name for topic in topics if not _has_leaders(found, topic)]
        if not missing:
            return
        if monotonic() > deadline:
            raise BrokerUnavailable(f"{config.bootstrap}: no leader yet for {', '.join(missing)}")
        pause(_RETRY_S)


def _has_leaders(metadata: Mapping[str, Any], topic: Topic) -> bool:
    found = metadata.get(topic.name)
    if found is None or len(found.partitions) < topic.partitions:
        return False
    return all(partition.leader >= 0 for partition in found.partitions.values())
