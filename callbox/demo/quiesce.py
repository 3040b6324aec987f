"""Wait until a run is quiescent: every record that was sent is processed, and everything expected has come out.

    inputs sent ─► alarms, frames, plates have processed them all ─► fusion has processed the log as it is then ─► done

A record counts as processed when what follows from it is delivered, so after this nothing can come out but ticks.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Final, NamedTuple

from callbox.demo.play import Sent
from callbox.demo.processes.environment import READ_BY, WorkerProbe, records_done
from schemas.topics import FUSION_INPUT
from streams.clock import monotonic, pause


class Limits(NamedTuple):
    """How long to wait, in seconds.

    Attributes:
        processed_s: For a worker to process what it was sent: 0.5-3 s measured; pictures on a loaded machine take
            longer.
        complete_s: For what is expected, once all is processed: workers look at registry and hotlist once a second.
        step_s: Between two questions.
    """

    processed_s: float = 60.0
    complete_s: float = 10.0
    step_s: float = 0.2


LIMITS: Final = Limits()


def quiesce(
    workers: Mapping[str, WorkerProbe],
    sent: Sequence[Sent],
    *,
    appended: Callable[[], int],
    is_complete: Callable[[], bool],
    limits: Limits = LIMITS,
) -> list[str]:
    """Wait until nothing is left to do.

    Args:
        workers: The four workers, by name.
        sent: The records that were sent.
        appended: How many records the log has; asked when the workers that append to it are done.
        is_complete: Whether everything that is expected has come out.
        limits: How long to wait.

    Returns:
        What is wrong, a line each: work that was not done in time, a worker that is not ready.
    """
    given = Counter(record.place.topic for record in sent)
    problems = [
        _wait_for(workers[name], sum(given[topic] for topic in topics), limits)
        for name, topics in READ_BY.items()
        if FUSION_INPUT not in topics
    ]
    problems.append(_wait_for(workers["fusion"], appended(), limits))
    deadline = monotonic() + limits.complete_s
    while not is_complete() and monotonic() < deadline:
        pause(limits.step_s)
    not_ready = [f"worker {name} is not ready" for name in workers if not workers[name].is_ready()]
    return [problem for problem in problems if problem is not None] + not_ready


def _wait_for(worker: WorkerProbe, records: int, limits: Limits) -> str | None:
    """Return when the worker has processed so many records; what is wrong if it has not in time."""
    deadline = monotonic() + limits.processed_s
    while True:
        try:
            done = records_done(worker)
        except OSError as error:
            return f"worker {worker.name} does not answer: {error}"
        if done >= records:
            return None
        if monotonic() > deadline:
            return f"worker {worker.name} processed {done} of {records} records within {limits.processed_s:.0f} s"
        pause(limits.step_s)
