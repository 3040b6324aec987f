"""Scrape the metrics of a worker, as Prometheus would."""

from collections.abc import Mapping, Sequence
from http.client import HTTPException

from prometheus_client.parser import text_string_to_metric_families

from callbox.demo.processes.worker_process import WorkerProcess

Samples = Sequence[tuple[dict[str, str], float]]
"""Labels and value of each sample of a metric."""


def scrape_metrics(worker: WorkerProcess) -> Mapping[str, Samples] | None:
    """All metrics by name, scraped at one moment; None if the worker does not answer."""
    try:
        page = worker.page("/metrics")
    except (OSError, HTTPException):
        return None
    found: dict[str, list[tuple[dict[str, str], float]]] = {}
    for family in text_string_to_metric_families(page):
        for sample in family.samples:
            found.setdefault(sample.name, []).append((sample.labels, sample.value))
    return found


def samples(worker: WorkerProcess, metric: str) -> Samples | None:
    """The samples of one metric, perhaps none; None if the worker does not answer."""
    found = scrape_metrics(worker)
    return None if found is None else found.get(metric, ())
