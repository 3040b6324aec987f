"""Topics and consumer groups are deleted, so that a broker is as good as new: a second, where another takes several.

Workers read the topics of the catalogue by their one name each, so what is started on one broker after something else
must find neither its records nor its commits.
"""

from collections.abc import Callable
from typing import Final

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient

from schemas.topics import CATALOGUE
from streams.clock import monotonic, pause
from streams.kafka.client_settings import librdkafka_settings
from streams.kafka.config import KafkaConfig
from streams.worker.settings import RuntimeSettings

_ASK_S: Final = 20.0
_EMPTY_WITHIN_S: Final = 60.0
"""A killed worker is a member of its group until its session ends: 30 s by default."""

_GROUPS: Final = f"{RuntimeSettings().group_prefix}."


def is_in_catalogue(topic: str) -> bool:
    """Whether it is one of callbox's topics."""
    return any(topic == known.name for known in CATALOGUE)


def wipe(kafka: KafkaConfig, is_ours: Callable[[str], bool] = is_in_catalogue) -> None:
    """Delete callbox's topics and consumer groups. No worker may be running.

    Args:
        kafka: The broker.
        is_ours: Whether a topic of that name is deleted.
    """
    drop_groups(kafka)
    admin = AdminClient(librdkafka_settings(kafka))
    if there := sorted(filter(is_ours, admin.list_topics(timeout=_ASK_S).topics)):
        for future in admin.delete_topics(there).values():
            future.result(_ASK_S)
    while any(map(is_ours, admin.list_topics(timeout=_ASK_S).topics)):
        pause(0.05)


def drop_groups(kafka: KafkaConfig) -> None:
    """Delete callbox's consumer groups, and with them what they have committed. No worker may be running."""
    admin = AdminClient(librdkafka_settings(kafka))
    groups = [group.group_id for group in admin.list_consumer_groups().result(_ASK_S).valid]
    for group in groups:
        if group.startswith(_GROUPS):
            _delete_group(admin, group)


def _delete_group(admin: AdminClient, group: str) -> None:
    deadline = monotonic() + _EMPTY_WITHIN_S
    while True:
        try:
            admin.delete_consumer_groups([group])[group].result(_ASK_S)
        except KafkaException as error:
            if error.args[0].code() == KafkaError.GROUP_ID_NOT_FOUND:
                return
            if error.args[0].code() != KafkaError.NON_EMPTY_GROUP or monotonic() > deadline:
                raise
            pause(0.2)
        else:
            return
