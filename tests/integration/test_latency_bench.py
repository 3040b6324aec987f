"""A slice of the latency bench, on Apache Kafka: two hops, and a receiver that knows what it has."""

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from confluent_kafka import Producer

from benchmarks.latency.hops import Hops
from benchmarks.latency.phases import Line, Meter
from benchmarks.latency.rounds import running
from benchmarks.support.open_loop import press_numbers
from streams.kafka import topics
from streams.kafka.config import KafkaConfig
from streams.kafka.reader import read_all
from tests.conftest import MakeTopic

pytestmark = [pytest.mark.kafka, pytest.mark.long]

RATE, SECONDS = 50, 2.0
PRESSES = int(RATE * SECONDS)
ALERT_BYTES = 543
NOISE_S = 0.02


def line(send_to: str, receive_from: str) -> Line:
    """A line whose processes are this one."""
    return Line(send_to, receive_from, press_numbers, {"ours": os.getpid()})


@contextmanager
def noise(kafka: KafkaConfig, topic: str) -> Iterator[None]:
    """Records that name no press keep coming, as escalations of earlier presses do."""
    ending = threading.Event()
    producer = Producer({"bootstrap.servers": kafka.bootstrap})

    def write() -> None:
        while not ending.wait(NOISE_S):
            producer.produce(topic, b"an escalation")
            producer.poll(0)

    thread = threading.Thread(target=write)
    thread.start()
    try:
        yield
    finally:
        ending.set()
        thread.join()
        producer.flush(10)


def test_every_press_comes_through_the_honest_hops_once_and_twice_as_large_as_an_alert(
    kafka_config: KafkaConfig, unique_name: Callable[[str], str], tmp_path: Path
) -> None:
    hops = Hops(*(unique_name(name) for name in Hops._fields))
    topics.apply(kafka_config, hops.topics, i_lose_order=False)
    with ExitStack() as processes:
        for command in hops.commands(kafka_config.bootstrap, ALERT_BYTES):
            processes.enter_context(running("benchmarks.latency.hops", *command))
        found = Meter(kafka_config.bootstrap, tmp_path).measure(
            line(hops.source, hops.target), first=0, rate=RATE, seconds=SECONDS
        )
    assert found.acknowledged == found.arrived.keys() == set(range(PRESSES))
    assert (found.lost, found.records, found.repeats) == (0, PRESSES, 0)
    assert found.cpu.keys() == {"ours", "receiver"}
    for topic in (hops.target, hops.copy or ""):
        assert {len(record.value or b"") for record in read_all(kafka_config, topic)} == {ALERT_BYTES}


def test_records_that_go_on_coming_neither_end_a_slice_nor_keep_it_from_ending(
    kafka_config: KafkaConfig, make_topic: MakeTopic, tmp_path: Path
) -> None:
    topic = make_topic(kafka_config)
    with noise(kafka_config, topic):
        found = Meter(kafka_config.bootstrap, tmp_path).measure(
            line(topic, topic), first=7, rate=RATE, seconds=SECONDS
        )
    assert found.arrived.keys() == set(range(7, 7 + PRESSES))
    assert found.records == PRESSES
