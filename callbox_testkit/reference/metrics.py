"""docs/reference/metrics.md: every metric of a worker, read from its own registry."""

from collections.abc import Iterator

from prometheus_client import CollectorRegistry

from callbox_testkit.reference.markdown import names, page, table
from streams.worker.metrics import Metrics


def metrics_page() -> str:
    """Every metric with its kind, its labels and what it says."""
    return page(
        "Metrics",
        "Each worker serves them at `/metrics`. Labels come from topic names and closed lists, never from a record.\n"
        "What to watch and what to do about it: [watch](../guides/watch.md).",
        table(("metric", "kind", "labels", "meaning"), _rows(Metrics().registry)),
    )


def _rows(registry: CollectorRegistry) -> Iterator[tuple[str, str, str, str]]:
    labels = _labels(registry)
    for family in registry.collect():
        name = family.name + ("_total" if family.type == "counter" else "")
        yield f"`{name}`", family.type, names(labels[family.name]), family.documentation


def _labels(registry: CollectorRegistry) -> dict[str, tuple[str, ...]]:
    """The labels of each family. A family without a sample yet tells them nowhere else."""
    collectors = set(registry._names_to_collectors.values())  # noqa: SLF001 - the library has no public way
    return {
        family.name: tuple(getattr(collector, "_labelnames", ()))
        for collector in collectors
        for family in collector.collect()
    }
