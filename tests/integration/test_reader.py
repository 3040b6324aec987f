"""The reader from the side, on both brokers."""

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from confluent_kafka import Producer, TopicPartition
from confluent_kafka.admin import AdminClient

from callbox.demo.processes.embedded_broker import EmbeddedBroker
from schemas.errors import BrokerUnavailable, InputMissing, LogBroken
from schemas.units import EpochMs
from streams.kafka.client_settings import librdkafka_settings
from streams.kafka.config import KafkaConfig
from streams.kafka.partition_reader import PartitionReader
from streams.kafka.reader import Follower, LogRecord, Start, latest_by_key, read, read_all

Write = tuple[bytes | None, bytes | None]
MakeTopic = Callable[..., str]


def write(
    config: KafkaConfig, topic: str, records: Sequence[Write], *, partition: int = 0, at_ms: int = 0
) -> None:
    """Each record as a batch of its own; time stamps `at_ms`, `at_ms + 1`, … (0: the clock)."""
    producer = Producer(librdkafka_settings(config) | {"acks": "all", "linger.ms": 0})
    for n, (key, value) in enumerate(records):
        stamp = at_ms + n if at_ms else 0
        producer.produce(topic, value, key, partition, timestamp=stamp, headers=[("n", b"%d" % n)])
        assert producer.flush(20) == 0


def values(records: Sequence[LogRecord]) -> list[bytes | None]:
    return [record.value for record in records]


def numbered(count: int) -> list[Write]:
    return [(b"k", b"%d" % n) for n in range(count)]


def test_a_record_comes_back_as_it_was_written(any_config: KafkaConfig, make_topic: MakeTopic) -> None:
    topic = make_topic(any_config)
    write(any_config, topic, [(b"a", b"1"), (None, None)], at_ms=1_700_000_000_000)
    first, second = read(any_config, topic, 0, 0)
    assert first == LogRecord(topic, 0, 0, EpochMs(1_700_000_000_000), b"a", b"1", (("n", b"0"),))
    assert (second.key, second.value) == (None, None)


def test_reading_ends_by_itself_at_the_end(any_config: KafkaConfig, make_topic: MakeTopic) -> None:
    topic = make_topic(any_config)
    assert list(read(any_config, topic, 0, 0)) == []
    write(any_config, topic, numbered(5))
    assert [record.offset for record in read(any_config, topic, 0, 0)] == [0, 1, 2, 3, 4]


def test_stop_is_excluded(any_config: KafkaConfig, make_topic: MakeTopic) -> None:
    topic = make_topic(any_config)
    write(any_config, topic, numbered(5))
    assert [record.offset for record in read(any_config, topic, 0, 1, 3)] == [1, 2]
    assert list(read(any_config, topic, 0, 3, 3)) == []


def test_a_negative_start_counts_from_the_end(any_config: KafkaConfig, make_topic: MakeTopic) -> None:
    topic = make_topic(any_config)
    write(any_config, topic, numbered(5))
    offsets = [record.offset for record in read(any_config, topic, 0, -2)]
    assert offsets[-2:] == [3, 4]
    if any_config.capabilities.exact_high_watermark:
        assert offsets == [3, 4]
    assert [record.offset for record in read(any_config, topic, 0, -50)] == [0, 1, 2, 3, 4]


def test_all_partitions_are_read_each_in_order(any_config: KafkaConfig, make_topic: MakeTopic) -> None:
    topic = make_topic(any_config, partitions=3)
    for partition in (0, 2):
        write(any_config, topic, numbered(4), partition=partition)
    records = list(read_all(any_config, topic))
    for partition in (0, 2):
        assert values([r for r in records if r.partition == partition]) == [b"0", b"1", b"2", b"3"]
    assert len(records) == 8


def test_latest_by_key_forgets_what_a_tombstone_removed(
    any_config: KafkaConfig, make_topic: MakeTopic
) -> None:
    topic = make_topic(any_config, cleanup_policy="compact")
    write(any_config, topic, [(b"a", b"1"), (b"b", b"1"), (b"a", b"2"), (b"c", b"1"), (b"b", None)])
    found = latest_by_key(any_config, topic)
    assert {key: record.value for key, record in found.items()} == {b"a": b"2", b"c": b"1"}


def test_a_follower_catches_up_and_then_goes_on(any_config: KafkaConfig, make_topic: MakeTopic) -> None:
    topic = make_topic(any_config, partitions=2)
    write(any_config, topic, numbered(3))
    with Follower(any_config, topic) as follower:
        assert not follower.caught_up
        assert values(follower.catch_up()) == [b"0", b"1", b"2"]
        assert follower.caught_up
        assert follower.poll() == []
        write(any_config, topic, [(b"k", b"later")], partition=1)
        assert values(wait_for_records(follower)) == [b"later"]


def test_a_follower_from_the_end_sees_what_comes(any_config: KafkaConfig, make_topic: MakeTopic) -> None:
    topic = make_topic(any_config)
    write(any_config, topic, numbered(3))
    with Follower(any_config, topic, start=Start.END) as follower:
        before = follower.catch_up()
        assert len(before) <= 1  # the embedded broker repeats the last batch
        write(any_config, topic, [(b"k", b"later")])
        assert values(wait_for_records(follower)) == [b"later"]


def test_a_follower_since_a_time_begins_at_the_first_record_as_young(
    any_config: KafkaConfig, make_topic: MakeTopic
) -> None:
    topic = make_topic(any_config)
    write(any_config, topic, numbered(5), at_ms=1_700_000_000_000)
    with Follower(any_config, topic, since_ms=EpochMs(1_700_000_000_003)) as follower:
        assert values(follower.catch_up()) == [b"3", b"4"]


def test_a_topic_that_is_not_there_is_named_and_not_created(any_config: KafkaConfig) -> None:
    for _ in range(2):  # the embedded broker creates a topic that it is asked for by name
        with pytest.raises(InputMissing, match=r"nobody\.made\.this"):
            list(read_all(any_config, "nobody.made.this"))


def test_a_partition_that_is_not_there_is_named(any_config: KafkaConfig, make_topic: MakeTopic) -> None:
    with pytest.raises(InputMissing, match="no partition 7"):
        list(read(any_config, make_topic(any_config), 7, 0))


@pytest.mark.embedded
def test_a_broker_that_goes_away_ends_a_reading_and_does_not_hang_it(
    tmp_path: Path, make_topic: MakeTopic, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("streams.kafka.partition_reader._STALLED_S", 0.3)
    with EmbeddedBroker(tmp_path / "broker.log") as broker:
        config = KafkaConfig(bootstrap=broker.bootstrap, kind=broker.kind)
        follower = Follower(config, make_topic(config))
    with follower, pytest.raises(BrokerUnavailable, match=config.bootstrap):
        follower.catch_up()


@pytest.mark.kafka
def test_a_start_that_retention_took_becomes_the_oldest_record(
    kafka_config: KafkaConfig, make_topic: MakeTopic
) -> None:
    topic = shortened(kafka_config, make_topic)
    assert [record.offset for record in read(kafka_config, topic, 0, 0)] == [3, 4]


@pytest.mark.kafka
def test_a_reading_that_retention_overtook_says_so(kafka_config: KafkaConfig, make_topic: MakeTopic) -> None:
    topic = shortened(kafka_config, make_topic)
    reader = PartitionReader(kafka_config, topic, fetch_wait_ms=10)
    try:
        reader.assign({0: 1}, {})
        with pytest.raises(LogBroken, match=rf"{topic}\[0\]"):
            list(reader.until_end())
    finally:
        reader.close()


@pytest.mark.kafka
def test_a_stop_beyond_the_end_is_the_end_on_kafka(kafka_config: KafkaConfig, make_topic: MakeTopic) -> None:
    topic = make_topic(kafka_config)
    write(kafka_config, topic, numbered(2))
    assert values(list(read(kafka_config, topic, 0, 0, 100))) == [b"0", b"1"]
    assert list(read(kafka_config, topic, 0, 100)) == []


def shortened(config: KafkaConfig, make_topic: MakeTopic) -> str:
    """A topic of five records whose first three are gone."""
    topic = make_topic(config)
    write(config, topic, numbered(5))
    admin = AdminClient(librdkafka_settings(config))
    for future in admin.delete_records([TopicPartition(topic, 0, 3)]).values():
        future.result(20)
    return topic


def wait_for_records(follower: Follower) -> list[LogRecord]:
    for _ in range(100):
        if records := follower.poll(0.2):
            return records
    return []


def test_a_follower_that_was_paused_goes_on_where_it_stopped(
    any_config: KafkaConfig, make_topic: MakeTopic
) -> None:
    topic = make_topic(any_config, 2)
    write(any_config, topic, [(b"k", b"1")])
    with Follower(any_config, topic) as follower:
        assert values(follower.catch_up()) == [b"1"]
        for round_number in range(2):
            follower.pause()
            write(any_config, topic, [(b"k", b"%d" % round_number)], partition=round_number)
            assert follower.poll(0.3) == []
            follower.resume()
            assert not follower.caught_up, "it is not known yet what came meanwhile"
            assert values(follower.catch_up()) == [b"%d" % round_number]
