"""A Kafka that is as good as new: none of callbox's topics, none of its consumer groups.

Workers read the topics of the catalogue by their one name each, so tests with workers cannot stand side by side on one
broker. One after the other they can, and a wipe takes a second where another broker takes several.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient

from schemas.topics import CATALOGUE
from streams.clock import monotonic, pause
from streams.kafka.client_settings import librdkafka_settings
from streams.kafka.config import KafkaConfig
from streams.worker.settings import RuntimeSettings

ASK_S = 20.0
EMPTY_WITHIN_S = 30.0
"""A killed worker is a member of its group until its session ends: 10 s by default."""

GROUPS = f"{RuntimeSettings().group_prefix}."


@contextmanager
def wiped(kafka: KafkaConfig) -> Iterator[KafkaConfig]:
    """Nothing of callbox is there at the beginning, and nothing is left at the end."""
    wipe(kafka)
    try:
        yield kafka
    finally:
        wipe(kafka)


def wipe(kafka: KafkaConfig) -> None:
    """Delete callbox's topics and consumer groups. No worker may be running."""
    drop_groups(kafka)
    admin = AdminClient(librdkafka_settings(kafka))
    names = {topic.name for topic in CATALOGUE}
    if there := sorted(names & set(admin.list_topics(timeout=ASK_S).topics)):
        for future in admin.delete_topics(there).values():
            future.result(ASK_S)
    while names & set(admin.list_topics(timeout=ASK_S).topics):
        pause(0.05)


def drop_groups(kafka: KafkaConfig) -> None:
    """Delete callbox's consumer groups, and with them what they have committed. No worker may be running."""
    admin = AdminClient(librdkafka_settings(kafka))
    groups = [group.group_id for group in admin.list_consumer_groups().result(ASK_S).valid]
    for group in groups:
        if group.startswith(GROUPS):
            _delete_group(admin, group)


def _delete_group(admin: AdminClient, group: str) -> None:
    deadline = monotonic() + EMPTY_WITHIN_S
    while True:
        try:
            admin.delete_consumer_groups([group])[group].result(ASK_S)
        except KafkaException as error:
            if error.args[0].code() == KafkaError.GROUP_ID_NOT_FOUND:
                return
            if error.args[0].code() != KafkaError.NON_EMPTY_GROUP or monotonic() > deadline:
                raise
            pause(0.2)
        else:
            return
