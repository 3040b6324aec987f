"""A run is over when everything that went in is processed; what hangs is named, and nothing waits for ever."""

from collections.abc import Mapping
from itertools import count

from callbox.demo.play import Sent
from callbox.demo.quiesce import Limits, quiesce
from schemas.topics import FRAMES, FUSION_INPUT, PILLAR_EVENTS, PLATE_READS
from schemas.units import EpochMs
from streams.kafka.producer import RecordMetadata

LOG_RECORDS = 7


class Worker:
    """Answers as a worker does that processes one record more each time it is asked."""

    def __init__(self, name: str, topic: str, *, most: int = 100, ready: bool = True) -> None:
        self.name, self._topic, self._most, self._ready = name, topic, most, ready
        self.done = 0

    def page(self, path: str) -> str:
        assert path == "/metrics"
        self.done = min(self.done + 1, self._most)
        return f'callbox_records_total{{topic="{self._topic}"}} {self.done}.0\n'

    def is_ready(self) -> bool:
        return self._ready


def four_workers(**changed: Worker) -> dict[str, Worker]:
    topics = {"alarms": PILLAR_EVENTS, "frames": FRAMES, "plates": PLATE_READS, "fusion": FUSION_INPUT}
    return {name: Worker(name, topic) for name, topic in topics.items()} | changed


def quiesced(workers: Mapping[str, Worker], *, complete_at: int = 1) -> list[str]:
    sent = [Sent(0, EpochMs(1), RecordMetadata(PILLAR_EVENTS, 0, offset)) for offset in range(3)]
    asked = count(1)
    return quiesce(
        workers,
        sent,
        appended=lambda: LOG_RECORDS,
        is_complete=lambda: next(asked) >= complete_at,
        limits=Limits(processed_s=0.05, complete_s=0.05, step_s=0.0),
    )


def test_it_waits_until_every_input_and_the_whole_log_are_processed() -> None:
    workers = four_workers()
    assert quiesced(workers, complete_at=3) == []
    assert workers["alarms"].done >= 3
    assert workers["fusion"].done >= LOG_RECORDS


def test_a_worker_that_hangs_is_named() -> None:
    (problem,) = quiesced(four_workers(alarms=Worker("alarms", PILLAR_EVENTS, most=2)))
    assert problem.startswith("worker alarms processed 2 of 3 records")


def test_a_worker_that_is_not_ready_is_named() -> None:
    assert quiesced(four_workers(frames=Worker("frames", FRAMES, ready=False))) == [
        "worker frames is not ready"
    ]


def test_it_does_not_wait_for_ever_for_what_never_comes() -> None:
    assert quiesced(four_workers(), complete_at=10**9) == []
