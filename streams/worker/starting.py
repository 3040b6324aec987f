"""What is looked at before a worker starts, so that what it lacks is said at once and not when a record needs it.

broker reachable ─► ACLs there ─► topics there ─► a new replica begins where the first one is
"""

from collections.abc import Callable, Sequence
from typing import Final

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient

from schemas.errors import InputMissing
from streams.kafka.acls import assert_acls, group_of
from streams.kafka.admin import admin_client, assert_reachable
from streams.kafka.config import KafkaConfig
from streams.kafka.errors import explain
from streams.worker.replica_start import advance_to_first_group
from streams.worker.settings import RuntimeSettings
from streams.worker.spec import WorkerSpec

WARM_UP_S: Final = 8.0
"""How long a first answer of the broker may take."""


def assert_can_start(
    spec: WorkerSpec, kafka: KafkaConfig, runtime: RuntimeSettings, replica: str
) -> dict[str, int]:
    """Look at what the worker needs on the broker.

    Returns:
        How many partitions each topic has that it uses.

    Raises:
        BrokerUnavailable: Nothing answers at the broker's address.
        AccessDenied: The broker refuses us.
        InputMissing: A topic is not there.
    """
    assert_reachable(kafka, timeout_s=WARM_UP_S)
    group, first = (group_of(spec.name, runtime.group_prefix, each) for each in (replica, ""))
    assert_acls(kafka, spec.acls, group, first if replica else "")
    partitions = partition_counts(kafka, spec.topics)
    if replica:
        read = {topic: partitions[topic] for topic in spec.reads}
        advance_to_first_group(kafka, read, group, first)
    return partitions


def partition_counts(
    kafka: KafkaConfig,
    topics: Sequence[str],
    make_admin: Callable[[KafkaConfig, list[KafkaError]], AdminClient] = admin_client,
) -> dict[str, int]:
    """How many partitions each topic has.

    Raises:
        InputMissing: A topic is not there.
        BrokerUnavailable: The broker does not answer.
        AccessDenied: The broker refuses us.
    """
    try:
        found = make_admin(kafka, []).list_topics(timeout=WARM_UP_S).topics
    except KafkaException as error:
        raise explain(kafka, error.args[0]) from error
    if missing := [topic for topic in topics if topic not in found]:
        raise InputMissing(f"topics are missing: {', '.join(missing)}; run `callbox topics apply`")
    return {topic: len(found[topic].partitions) for topic in topics}
