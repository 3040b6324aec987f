"""What a worker shows Prometheus, as one table from which the code and the reference page are made.

Labels come from enumerations and topic names, never from a record.
"""

from collections.abc import Mapping
from typing import Final, NamedTuple

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

LATENCY_BUCKETS_S = (0.005, 0.01, 0.02, 0.03, 0.05, 0.075, 0.1, 0.15, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)


class Metric(NamedTuple):
    """One metric as it is declared.

    Attributes:
        kind: Counter, Gauge or Histogram.
        name: As Prometheus sees it.
        text: What it is, for Prometheus and for the reference page.
        labels: In the order in which the code gives their values.
        buckets: Upper bounds of a histogram, seconds.
    """

    kind: type[Counter] | type[Gauge] | type[Histogram]
    name: str
    text: str
    labels: tuple[str, ...] = ()
    buckets: tuple[float, ...] = ()

    def register(self, registry: CollectorRegistry) -> Counter | Gauge | Histogram:
        """Make it, in a registry."""
        if self.kind is Histogram:
            return Histogram(self.name, self.text, self.labels, registry=registry, buckets=self.buckets)
        return self.kind(self.name, self.text, self.labels, registry=registry)


METRICS: Final[Mapping[str, Metric]] = {
    "records": Metric(
        Counter,
        "callbox_records_total",
        "Records whose batch is done: processed, and all that follows from them delivered.",
        ("topic",),
    ),
    "decisions": Metric(Counter, "callbox_decisions_total", "Decisions by their reason.", ("reason",)),
    "dead_letters": Metric(
        Counter,
        "callbox_dead_letters_total",
        "Records that were rejected, by topic and cause.",
        ("topic", "cause"),
    ),
    "dead_letters_in_a_row": Metric(
        Gauge,
        "callbox_unreadable_records",
        "Records in a row that could not be read, over all partitions of the topic; 0 once one can.",
        ("topic",),
    ),
    "alerts": Metric(Counter, "callbox_alerts_total", "Alerts delivered.", ("action", "grade")),
    "ack_results": Metric(
        Counter,
        "callbox_ack_results_total",
        "Acknowledgements that were answered.",
        ("outcome", "reason"),
    ),
    "open_incidents": Metric(
        Gauge,
        "callbox_open_incidents",
        "Incidents that were raised and are not over, in the partitions of this worker.",
        ("grade",),
    ),
    "press_to_alert": Metric(
        Histogram,
        "callbox_press_to_alert_seconds",
        "From the gateway's receipt of a press to the confirmed delivery of the first red alert that names it "
        "and of what was decided together with it.",
        buckets=LATENCY_BUCKETS_S,
    ),
    "lag": Metric(
        Gauge,
        "callbox_lag_seconds",
        "Age of the last processed record while others wait or nothing was fetched yet; else 0.",
        ("topic", "partition"),
    ),
    "commit_age": Metric(
        Gauge,
        "callbox_commit_age_seconds",
        "While records wait or nothing was fetched yet: time since the committed offset advanced; else near 0.",
        ("topic", "partition"),
    ),
    "fetch_position": Metric(
        Gauge,
        "callbox_fetch_position",
        "The next offset that is handed over; where reading begins before the first fetch.",
        ("topic", "partition"),
    ),
    "clock_difference": Metric(
        Gauge,
        "callbox_clock_difference_seconds",
        "By how much the broker's append time lies outside the time in which the worker's own tick or watermark was "
        "on its way.",
    ),
    "snapshot_age": Metric(
        Gauge,
        "callbox_snapshot_age_seconds",
        "Time since the last delivered snapshot, or since the partition was assigned.",
        ("partition",),
    ),
    "snapshot_bytes": Metric(
        Gauge, "callbox_snapshot_bytes", "Size of the last delivered snapshot.", ("partition",)
    ),
    "snapshots_failed": Metric(
        Counter, "callbox_snapshots_failed_total", "Snapshots that could not be delivered."
    ),
    "fold_bounded": Metric(
        Counter,
        "callbox_fold_bounded_total",
        "Fields of records of the log that were not within their bounds, as Record.field.",
        ("field",),
    ),
    "restores": Metric(
        Counter, "callbox_restores_total", "Times that the state of a partition was restored."
    ),
    "log_broken": Metric(
        Counter,
        "callbox_log_broken_total",
        "Times that records of the log were missing, or that it was another log, by cause.",
        ("cause",),
    ),
    "records_missing": Metric(
        Counter,
        "callbox_records_missing_total",
        "Records of an input that no worker has read, by topic and cause; 1 where nobody can know how many.",
        ("topic", "cause"),
    ),
    "pictures": Metric(
        Counter, "callbox_pictures_total", "Pictures of candidates, by what became of them.", ("outcome",)
    ),
    "picture_sandbox": Metric(
        Gauge,
        "callbox_picture_sandbox",
        "Whether a kind of protection of the processes that decode pictures is in force: 1, or 0 where the system "
        "does not have it.",
        ("kind",),
    ),
    "picture_processes_ended": Metric(
        Counter,
        "callbox_picture_processes_ended_total",
        "Processes that decode pictures and have ended over one, by how.",
        ("reason",),
    ),
    "plate_reads": Metric(Counter, "callbox_plate_reads_total", "Plate reads by outcome.", ("outcome",)),
    "probe_connections_closed": Metric(
        Counter,
        "callbox_probe_connections_closed_total",
        "Connections to the probes that were closed without an answer to their request, by cause.",
        ("cause",),
    ),
    "log_lines_suppressed": Metric(
        Counter,
        "callbox_log_lines_suppressed_total",
        "Log lines that were not written, by cause.",
        ("cause",),
    ),
}
"""By the attribute of `Metrics`."""


class Metrics:
    """The metrics of one worker, in a registry of their own; what each is stands in `METRICS`."""

    records: Counter
    decisions: Counter
    dead_letters: Counter
    dead_letters_in_a_row: Gauge
    alerts: Counter
    ack_results: Counter
    open_incidents: Gauge
    press_to_alert: Histogram
    lag: Gauge
    commit_age: Gauge
    fetch_position: Gauge
    clock_difference: Gauge
    snapshot_age: Gauge
    snapshot_bytes: Gauge
    snapshots_failed: Counter
    fold_bounded: Counter
    restores: Counter
    log_broken: Counter
    records_missing: Counter
    pictures: Counter
    picture_sandbox: Gauge
    picture_processes_ended: Counter
    plate_reads: Counter
    probe_connections_closed: Counter
    log_lines_suppressed: Counter

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        for attribute, metric in METRICS.items():
            setattr(self, attribute, metric.register(self.registry))
