"""The quota commands of the guide, run as they stand there, and the brokers of the bench that measures quotas."""

import shlex
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient

from benchmarks.beside_pictures.conditions import MAIN, OWN
from benchmarks.beside_pictures.site import PICTURE_TOPICS, Site
from callbox_testkit.brokers.quotas import CLIENTS, Quotas
from schemas.topics import CATALOGUE
from streams.kafka.client_settings import librdkafka_settings
from streams.kafka.config import KafkaConfig
from tests.conftest import MakeTopic
from tests.support.kill_harness import kafka_or_skip
from tests.support.paths import ROOT

pytestmark = [pytest.mark.kafka, pytest.mark.long]

GUIDE = ROOT / "docs" / "guides" / "run-workers.md"
TOOL = "kafka-configs.sh"
ADMIN = ("--bootstrap-server", "B", "--command-config", "admin.properties")
"""What the commands of the guide begin with: here it is the broker of the test."""

QUOTA_BYTES_PER_S = 16 << 10
THROTTLED_WITHIN_S = 60.0


def commands() -> list[list[str]]:
    """The options of each quota command of the guide, without those that say where the broker is."""
    lines = GUIDE.read_text(encoding="utf-8").replace("\\\n", " ").splitlines()
    found = [shlex.split(line)[1:] for line in lines if line.startswith(TOOL)]
    assert all(tuple(options[: len(ADMIN)]) == ADMIN for options in found)
    return [options[len(ADMIN) :] for options in found]


@pytest.fixture
def quotas(cache: Path, kafka_config: KafkaConfig) -> Quotas:
    """The quotas of the broker of the run."""
    return Quotas(cache, kafka_config.bootstrap)


@pytest.fixture
def site(cache: Path) -> Iterator[Site]:
    """Two brokers."""
    with kafka_or_skip(), Site(cache) as brokers:
        yield brokers


def test_every_quota_command_of_the_guide_is_taken_and_what_it_sets_is_shown_and_lifted(
    quotas: Quotas,
) -> None:
    setting = [options for options in commands() if "--add-config" in options]
    lifting = [options for options in commands() if "--delete-config" in options]
    showing = [options for options in commands() if "--describe" in options]
    assert setting
    assert lifting
    assert showing
    limits: dict[str, list[str]] = {}
    for options in setting:
        quotas.run(*options)
        name = options[options.index("--entity-name") + 1]
        limits.setdefault(name, []).extend(options[options.index("--add-config") + 1].split(","))
    shown = "".join(quotas.run(*options) for options in showing)
    for name, wanted in limits.items():
        line = next(line for line in shown.splitlines() if f"'{name}'" in line)
        for limit in wanted:
            key, _, value = limit.partition("=")
            assert f"{key}={float(value)}" in line
    for options in lifting:
        quotas.run(*options)
    left = "".join(quotas.run(*options) for options in showing)
    assert not any(f"'{name}'" in left for name in limits)


def test_a_quota_of_a_client_id_holds_back_that_client(
    kafka_config: KafkaConfig, make_topic: MakeTopic, quotas: Quotas
) -> None:
    topic, throttled_s = make_topic(kafka_config), list[float]()
    producer = Producer(
        {
            **librdkafka_settings(kafka_config),
            "client.id": topic,  # no other test has it
            "throttle_cb": lambda event: throttled_s.append(event.throttle_time),
        }
    )
    quotas.limit(CLIENTS, [topic], {"producer_byte_rate": QUOTA_BYTES_PER_S})
    deadline = time.monotonic() + THROTTLED_WITHIN_S
    while not throttled_s and time.monotonic() < deadline:
        producer.produce(topic, bytes(10 * QUOTA_BYTES_PER_S))
        producer.poll(0.2)
    quotas.lift(CLIENTS, [topic], ["producer_byte_rate"])
    producer.purge()
    assert max(throttled_s, default=0.0) > 0


def test_topics_of_pictures_lie_where_they_are_to_lie_and_everything_else_on_the_first_broker(
    site: Site,
) -> None:
    site.pictures_on = OWN
    site.make_catalogue()
    metadata = AdminClient(librdkafka_settings(site.kafka)).list_topics(timeout=20)
    leaders = {
        topic.topic: {partition.leader for partition in topic.partitions.values()}
        for topic in metadata.topics.values()
    }
    assert all(leaders[name] == {OWN} for name in PICTURE_TOPICS)
    assert {name for name, nodes in leaders.items() if nodes == {MAIN}} >= {
        topic.name for topic in CATALOGUE if topic.name not in PICTURE_TOPICS
    } | {"__consumer_offsets"}
