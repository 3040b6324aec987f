"""docs/reference/topics.md: every topic of the catalogue."""

from collections.abc import Iterable

from callbox_testkit.reference.markdown import names, page, table
from schemas.avro_schemas import SCHEMA_FILES
from schemas.topics import CATALOGUE, Cleanup, Topic
from schemas.units import DAY_MS, MINUTE_MS

_MIB = 1 << 20


def topics_page() -> str:
    """Every topic, as `callbox topics apply` makes it."""
    shipped = [topic for topic in CATALOGUE if not topic.planned]
    planned = [topic for topic in CATALOGUE if topic.planned]
    blocks = [
        (
            "The catalogue is `schemas/topics.py`; `callbox topics apply` makes the topics, `callbox topics diff` "
            "compares.\nWhat lies in them about people and vehicles: [privacy](../privacy.md). How to change them: "
            "[topics](../guides/topics.md)."
        ),
        table(
            (
                "topic",
                "key",
                "record (`schemas/avro/`)",
                "partitions",
                "kept",
                "sealed",
                "largest record",
                "settings",
            ),
            map(_row, shipped),
        ),
        (
            "Kept is `retention.ms`; a compacted topic keeps the newest record of each key. A sealed topic's payload "
            "is for few eyes: no dead letter, log line or `callbox tail` shows it."
        ),
    ]
    if planned:
        blocks += ["## Planned", _planned(planned)]
    return page("Topics", *blocks)


def _row(topic: Topic) -> tuple[str, ...]:
    return (
        f"`{topic.name}`",
        topic.key,
        f"`{SCHEMA_FILES[topic.record]}.avsc`" if topic.record else "",
        str(topic.partitions),
        kept(topic),
        "yes" if topic.sealed else "no",
        f"{topic.max_message_bytes / _MIB:.3g} MiB",
        names(f"{key}={value}" for key, value in topic.settings.items()),
    )


def kept(topic: Topic) -> str:
    """How long a record stays, in words."""
    if topic.cleanup is Cleanup.COMPACT or topic.retention_ms is None:
        return "newest of each key"
    days, rest = divmod(topic.retention_ms, DAY_MS)
    return f"{topic.retention_ms // MINUTE_MS} minutes" if rest else f"{days} days"


def _planned(topics: Iterable[Topic]) -> str:
    rows = [(f"`{topic.name}`", topic.key, str(topic.partitions), kept(topic)) for topic in topics]
    return "These have no producer yet and are not created.\n\n" + table(
        ("topic", "key", "partitions", "kept"), rows
    )
