"""The mix through codec, fusion worker and delivery on Apache Kafka, beside a loop that only decodes the same records.

    logs ─► fusion.input.v1, all of it before anything reads ─► the shipped fusion worker: delivers and commits
                                                             └► a bare confluent-kafka loop: decodes

Records keep the times that the mix gave them (CreateTime), so that the same timers are due as on one core. Everything
else is as shipped.
"""

import tempfile
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from confluent_kafka import Consumer, Message, Producer, TopicPartition
from msgspec.structs import replace

from benchmarks.fold.log import Input
from benchmarks.fold.mix import EVENING_S, PartitionLog, Size
from benchmarks.support.processor_time import cpu_seconds, machine_time, stolen_share
from callbox.demo.processes.broker_process import free_port
from callbox.demo.processes.worker_process import WorkerProcess
from callbox_testkit.brokers.apache import ApacheKafka
from processors.fold.log_entry import LogEntry
from processors.fold.reducer import read_entry
from schemas.topics import CATALOGUE, FUSION_INPUT, Topic
from schemas.units import SECOND_MS, EpochMs
from streams.clock import now_ms
from streams.kafka import topics
from streams.kafka.config import KafkaConfig

INPUTS = 30_000
"""Of the mix, in each partition."""

SIZE = Size(remembered=8)
GROUP = "callbox.fusion"
LOOK_S = 0.02
READY_S = 60.0
DONE_WITHIN_S = 300.0
IDLE_S = 10.0
MOST = 1_000


class Span(NamedTuple):
    """The part of a partition that is measured: offsets, [start, end)."""

    start: int
    end: int


def through_the_agent(
    cache: Path, partitions: int, size: Size = SIZE, inputs: int = INPUTS
) -> dict[str, object]:
    """Fill a log, and let each of the two read it.

    Args:
        cache: Folder that keeps the broker's jars.
        partitions: Of the log.
        size: Of each partition.
        inputs: Of the mix, in each partition.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with ApacheKafka(cache, folder / "kafka.log") as broker:
            kafka = KafkaConfig(bootstrap=broker.bootstrap)
            topics.apply(kafka, _with_our_times(), i_lose_order=False)
            spans = [fill(kafka, partition, size, inputs) for partition in range(partitions)]
            before = machine_time()
            bare = [bare_rate(kafka, spans)]
            agent = agent_rate(kafka, spans, folder)
            bare.append(bare_rate(kafka, spans))
            stolen = stolen_share(before, machine_time())
    rate = float(str(agent["agent_inputs_per_s"]))
    return {
        **agent,
        "bare_decode_per_s": round(max(bare)),
        "ratio": round(rate / max(bare), 3),
        "records": sum(span.end - span.start for span in spans),
        "stolen": round(stolen, 4),
    }


def fill(kafka: KafkaConfig, partition: int, size: Size, inputs: int) -> Span:
    """Write the log of one partition, so that its last record is of about now; where the mix lies."""
    taken_ms = inputs * 60 * SECOND_MS * 0.85 / (10 * size.zones) + (EVENING_S + 60) * SECOND_MS
    log = PartitionLog(size, partition=partition, start=EpochMs(now_ms() - round(taken_ms)), on_wire=True)
    _send(kafka, partition, log.registered())
    _send(kafka, partition, log.evening())
    start = log.writer.state.offset
    _send(kafka, partition, log.mixed(inputs))
    return Span(start, log.writer.state.offset)


def bare_rate(kafka: KafkaConfig, spans: Sequence[Span]) -> float:
    """Records a second of a loop that only reads and decodes."""
    consumer = Consumer({"bootstrap.servers": kafka.bootstrap, "group.id": "bench.bare"})
    consumer.assign([TopicPartition(FUSION_INPUT, number, span.start) for number, span in enumerate(spans)])
    wanted = left = sum(span.end - span.start for span in spans)
    began = 0.0
    while left > 0:
        first = consumer.poll(IDLE_S)
        assert first is not None, f"{left} records did not come"
        began = began or time.perf_counter()
        rest = consumer.consume(MOST - 1, 0)  # what is there: with a timeout it would wait for all of them
        for message in (first, *rest):
            entry = _entry(message)
            if entry.offset < spans[message.partition() or 0].end:
                read_entry(entry)
                left -= 1
    took = time.perf_counter() - began
    consumer.close()
    return wanted / took


def _entry(message: Message) -> LogEntry:
    return LogEntry(message.offset() or 0, EpochMs(message.timestamp()[1]), message.key(), message.value())


def agent_rate(kafka: KafkaConfig, spans: Sequence[Span], folder: Path) -> dict[str, object]:
    """Records a second of the shipped fusion worker, from the first commit inside the mix to the last."""
    config = folder / "callbox.toml"
    config.write_text(f'[kafka]\nbootstrap = "{kafka.bootstrap}"\n')
    reader = Consumer({"bootstrap.servers": kafka.bootstrap, "group.id": GROUP})
    with WorkerProcess("fusion", config, http_port=free_port(), log_file=folder / "fusion.log") as worker:
        worker.wait_until_ready(READY_S)
        began, first = _wait(reader, [span.start for span in spans], spans)
        began_cpu = cpu_seconds(worker.pid)
        ended, last = _wait(reader, [span.end for span in spans], spans)
        cpu_s = cpu_seconds(worker.pid) - began_cpu
    reader.close()
    return {
        "agent_inputs_per_s": round((last - first) / (ended - began)),
        "agent_seconds": round(ended - began, 1),
        "agent_cpu_share": round(cpu_s / (ended - began), 2),
    }


def _wait(reader: Consumer, wanted: Sequence[int], spans: Sequence[Span]) -> tuple[float, int]:
    """Wait until every partition's commit has reached an offset; the time, and the sum of progress in the spans."""
    deadline = time.monotonic() + DONE_WITHIN_S
    while time.monotonic() < deadline:
        places = reader.committed(
            [TopicPartition(FUSION_INPUT, number) for number in range(len(spans))], timeout=10
        )
        offsets = [place.offset for place in places]
        if all(offset >= want for offset, want in zip(offsets, wanted, strict=True)):
            return time.perf_counter(), sum(
                min(offset, span.end) for offset, span in zip(offsets, spans, strict=True)
            )
        time.sleep(LOOK_S)
    raise TimeoutError(f"committed {offsets}, wanted {list(wanted)}")


def _with_our_times() -> list[Topic]:
    """The catalogue, with the log's records keeping the times that they are given."""
    return [replace(topic, settings={}) if topic.name == FUSION_INPUT else topic for topic in CATALOGUE]


def _send(kafka: KafkaConfig, partition: int, inputs: Iterable[Input]) -> None:
    producer = Producer({"bootstrap.servers": kafka.bootstrap, "acks": "all", "linger.ms": 20})
    for _part, entry, _envelope, _record in inputs:
        while True:
            try:
                producer.produce(FUSION_INPUT, entry.value, entry.key, partition, timestamp=entry.append_ms)
            except BufferError:
                producer.poll(0.05)
            else:
                break
    assert producer.flush(60) == 0
