"""Waiting for the end: every record that went in is processed, and everything that is expected is there.

    inputs sent ─► alarms, frames, plates have acked them all ─► fusion has acked the log as it is then ─► settled

What a worker has acked it has delivered before, so after this nothing more can come out but ticks.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from callbox.demo.play import Sent
from callbox.demo.processes.environment import READ_BY, Answering, records_done
from schemas.topics import FUSION_INPUT
from streams.clock import monotonic, pause
from streams.kafka.config import KafkaConfig
from streams.kafka.reader import read_all

PROCESSED_WITHIN_S: Final = 60.0  # 0.5-3 s measured; pictures on a loaded machine take longer
COMPLETE_WITHIN_S: Final = 10.0  # workers look at the registry and the hotlist once a second
_STEP_S: Final = 0.2


def settle(
    kafka: KafkaConfig,
    workers: Mapping[str, Answering],
    sent: Sequence[Sent],
    is_complete: Callable[[], bool],
) -> list[str]:
    """Wait until nothing is left to do.

    Args:
        kafka: The broker.
        workers: The four, by name.
        sent: What went in.
        is_complete: Whether everything that is expected is there.

    Returns:
        What is wrong: work that was not done in time, a worker that is not ready; a line each.
    """
    given = Counter(record.place.topic for record in sent)
    problems = [
        problem
        for name, topics in READ_BY.items()
        if FUSION_INPUT not in topics
        and (problem := _wait_for(workers[name], sum(given[topic] for topic in topics), PROCESSED_WITHIN_S))
        is not None
    ]
    appended = sum(1 for _record in read_all(kafka, FUSION_INPUT))
    if (problem := _wait_for(workers["fusion"], appended, PROCESSED_WITHIN_S)) is not None:
        problems.append(problem)
    give_up = monotonic() + COMPLETE_WITHIN_S
    while not is_complete() and monotonic() < give_up:
        pause(_STEP_S)
    return problems + [f"worker {name} is not ready" for name in workers if not workers[name].is_ready()]


def _wait_for(worker: Answering, records: int, within_s: float) -> str | None:
    """Return once the worker has processed so many records; what is wrong if it has not in time."""
    give_up = monotonic() + within_s
    while True:
        try:
            done = records_done(worker)
        except OSError as error:
            return f"worker {worker.name} does not answer: {error}"
        if done >= records:
            return None
        if monotonic() > give_up:
            return f"worker {worker.name} processed {done} of {records} records within {within_s:.0f} s"
        pause(_STEP_S)
