"""The shipped `alarms` worker while a registry is applied: what it holds is neither lost nor in anybody's way."""

import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from confluent_kafka import ConsumerGroupTopicPartitions, TopicPartition
from confluent_kafka.admin import AdminClient

from benchmarks.support.registry_load import pillar, records
from callbox.demo.processes.broker import Broker
from callbox.demo.processes.broker_process import free_port
from callbox.demo.processes.worker_process import WorkerProcess
from schemas.codec import decode, encode
from schemas.dead_letter import DeadLetter
from schemas.enums import InputKind, PillarKind
from schemas.errors import Cause
from schemas.feeds import PillarEvent
from schemas.fusion_log import DeadLetterNotice, FusionInput, PillarFact
from schemas.partitioning import partition_of
from schemas.topics import FUSION_INPUT, PILLAR_EVENTS, dead_letter_topic
from streams.clock import monotonic, now_ms, pause
from streams.kafka import topics
from streams.kafka.client_settings import librdkafka_settings
from streams.kafka.config import KafkaConfig
from streams.kafka.producer import ProducerRecord, RecordMetadata, publish
from streams.kafka.reader import read_all
from tests.support.wiped_kafka import wiped

pytestmark = pytest.mark.kafka

PATIENCE_S = 60.0
SOON_S = 2.0
"""Well below the five seconds for which an event of an unknown device is held."""

KNOWN, NEW = range(4), range(4, 24)


class Site:
    """Apache Kafka with one `alarms` worker that knows the first pillars."""

    def __init__(self, kafka: KafkaConfig, folder: Path) -> None:
        self.kafka, self._folder = kafka, folder
        self._config = folder / "callbox.toml"
        self._config.write_text(
            f'[kafka]\nbootstrap = "{kafka.bootstrap}"\nsession_timeout_ms = 6000\nheartbeat_interval_ms = 2000\n',
            encoding="utf-8",
        )
        topics.apply(kafka, i_lose_order=False)
        publish(kafka, list(records(KNOWN)))
        self.worker = self.start()

    def start(self) -> WorkerProcess:
        port = free_port()
        log_file = self._folder / f"alarms-{port}.log"
        self.worker = WorkerProcess("alarms", self._config, http_port=port, log_file=log_file)
        self.worker.wait_until_ready(PATIENCE_S)
        return self.worker

    def send(self, *events: PillarEvent) -> list[RecordMetadata]:
        return publish(
            self.kafka,
            [ProducerRecord(PILLAR_EVENTS, each.device_id.encode(), encode(each)) for each in events],
        )

    def log(self, kind: InputKind) -> list[FusionInput]:
        found = (decode(record.value, FusionInput) for record in read_all(self.kafka, FUSION_INPUT))
        return [each for each in found if each.kind is kind]

    def events(self) -> dict[str, str]:
        """Zone by event id of what was forwarded."""
        return {
            decode(each.payload, PillarFact).event_id: each.zone for each in self.log(InputKind.PILLAR_EVENT)
        }

    def dead_letters(self) -> list[DeadLetter]:
        found = read_all(self.kafka, dead_letter_topic(PILLAR_EVENTS))
        return [decode(record.value, DeadLetter) for record in found]

    def committed(self, partition: int) -> int:
        """The committed offset of a partition of the feed; -1001 without any."""
        client = AdminClient(librdkafka_settings(self.kafka))
        asked = ConsumerGroupTopicPartitions("callbox.alarms", [TopicPartition(PILLAR_EVENTS, partition)])
        answer = client.list_consumer_group_offsets([asked])["callbox.alarms"].result(10)
        return int(answer.topic_partitions[0].offset)

    def wait_for(self, holds: Callable[[], bool]) -> None:
        deadline = monotonic() + PATIENCE_S
        while not holds():
            if monotonic() > deadline:
                pytest.fail(self.worker.log_tail())
            pause(0.1)


def event(number: int, event_id: str, kind: PillarKind = PillarKind.HEARTBEAT) -> PillarEvent:
    return PillarEvent(
        device_id=pillar(number).device_id,
        kind=kind,
        occurred_at=now_ms(),
        received_at=now_ms(),
        event_id=event_id,
    )


@pytest.fixture
def site(own_kafka: Broker, tmp_path: Path) -> Iterator[Site]:
    with wiped(KafkaConfig(bootstrap=own_kafka.bootstrap)) as kafka:
        made = Site(kafka, tmp_path)
        yield made
        made.worker.stop(10)


def test_no_heartbeat_becomes_a_dead_letter_while_the_registry_is_applied(site: Site) -> None:
    """As `callbox registry apply` does it: the log first, then the registry; the devices speak all the while."""
    applied = list(records(NEW))
    in_the_log, in_the_registry = applied[: len(NEW)], applied[len(NEW) :]
    sent: dict[str, str] = {}

    def everybody_speaks(name: str) -> None:
        sent.update({f"{name}-{number}": pillar(number).zone for number in NEW})
        site.send(*(event(number, f"{name}-{number}") for number in NEW))

    publish(site.kafka, in_the_log)
    everybody_speaks("between")
    publish(site.kafka, in_the_registry)
    everybody_speaks("right after")
    site.wait_for(lambda: sent.items() <= site.events().items())
    pause(6)  # longer than an event is held
    assert site.dead_letters() == []
    assert site.log(InputKind.DEAD_LETTER) == []


def test_what_is_held_keeps_no_press_waiting_and_survives_a_kill(site: Site) -> None:
    unknown = NEW[0]
    partition = partition_of(pillar(unknown).device_id, 4)
    neighbour = next(n for n in KNOWN if partition_of(pillar(n).device_id, 4) == partition)
    held, press = site.send(event(unknown, "held"), event(neighbour, "press behind it", PillarKind.PRESS))
    assert (held.partition, press.partition) == (partition, partition)
    pause(SOON_S)
    site.worker.send(signal.SIGKILL)
    site.worker.wait(10)
    assert "press behind it" in site.events()
    assert site.dead_letters() == []
    assert site.committed(partition) <= held.offset, "else nobody would read it again"

    site.start()
    site.wait_for(lambda: len(site.dead_letters()) == 1)
    (letter,) = site.dead_letters()
    assert (letter.cause, letter.partition, letter.offset) == (Cause.UNKNOWN_DEVICE, partition, held.offset)
    (notice,) = site.log(InputKind.DEAD_LETTER)
    assert decode(notice.payload, DeadLetterNotice).device_id == pillar(unknown).device_id
    site.wait_for(lambda: site.committed(partition) == press.offset + 1)
