"""What a worker says of itself on its metrics page, as an operator would read it."""

from contextlib import suppress
from http.client import HTTPException

from prometheus_client.parser import text_string_to_metric_families

from callbox.processes import WorkerProcess


def samples(worker: WorkerProcess, metric: str) -> list[tuple[dict[str, str], float]]:
    """Labels and value of each sample of a metric; none if the worker does not answer."""
    with suppress(OSError, HTTPException):
        return [
            (sample.labels, sample.value)
            for family in text_string_to_metric_families(worker.page("/metrics"))
            for sample in family.samples
            if sample.name == metric
        ]
    return []
