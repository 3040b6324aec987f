"""docs/reference/metrics.md: every metric of a worker, read from its own registry."""

from collections.abc import Iterator
from typing import Final

from callbox_testkit.reference.markdown import names, page, table
from streams.worker.metrics import LATENCY_BUCKETS_S, METRICS

SET_BY: Final = {
    "decisions": ("fusion", "frames"),
    "alerts": ("fusion",),
    "ack_results": ("fusion",),
    "open_incidents": ("fusion",),
    "press_to_alert": ("fusion",),
    "clock_difference": ("alarms", "fusion", "frames"),
    "snapshot_age": ("fusion",),
    "snapshot_bytes": ("fusion",),
    "snapshots_failed": ("fusion",),
    "fold_bounded": ("fusion",),
    "restores": ("fusion",),
    "log_broken": ("fusion",),
    "pictures": ("frames",),
    "picture_sandbox": ("frames", "plates"),
    "picture_processes_ended": ("frames", "plates"),
    "plate_reads": ("plates",),
}
"""Metrics that not every worker sets; tests/contract/test_reference.py holds it against the code."""


def metrics_page() -> str:
    """Every metric with its kind, its labels, the workers that set it, and what it says."""
    buckets = ", ".join(f"{bound:g}" for bound in LATENCY_BUCKETS_S)
    return page(
        "Metrics",
        "Each worker serves all of them at `/metrics`; one that it does not set stays at 0 or has no sample.\n"
        "Labels come from topic names and closed lists, never from a record.\nWhat to watch and what to do about it: "
        "[watch](../guides/watch.md).",
        table(("metric", "kind", "labels", "set by", "meaning"), _rows()),
        f"Upper bounds of the histogram's buckets, seconds: {buckets}.",
    )


def _rows() -> Iterator[tuple[str, str, str, str, str]]:
    for attribute, metric in METRICS.items():
        workers = names(SET_BY[attribute]) if attribute in SET_BY else "every worker"
        yield f"`{metric.name}`", metric.kind.__name__.lower(), names(metric.labels), workers, metric.text
