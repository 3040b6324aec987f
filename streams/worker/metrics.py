"""What a worker tells Prometheus. Labels come from enumerations and topic names, never from a record."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

LATENCY_BUCKETS_S = (0.005, 0.01, 0.02, 0.03, 0.05, 0.075, 0.1, 0.15, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)


class Metrics:
    """The metrics of one worker, in a registry of their own."""

    def __init__(self) -> None:
        registry = self.registry = CollectorRegistry()
        self.records = Counter(
            "callbox_records_total", "Records processed and acked.", ["topic"], registry=registry
        )
        self.decisions = Counter(
            "callbox_decisions_total", "Decisions by their reason.", ["reason"], registry=registry
        )
        self.dead_letters = Counter(
            "callbox_dead_letters_total",
            "Records given up, by topic and cause.",
            ["topic", "cause"],
            registry=registry,
        )
        self.alerts = Counter(
            "callbox_alerts_total", "Alerts delivered.", ["action", "grade"], registry=registry
        )
        self.ack_results = Counter(
            "callbox_ack_results_total",
            "Acknowledgements that were answered.",
            ["outcome", "reason"],
            registry=registry,
        )
        self.open_incidents = Gauge(
            "callbox_open_incidents",
            "Incidents that were raised and are not over, in the partitions of this worker.",
            ["grade"],
            registry=registry,
        )
        self.press_to_alert = Histogram(
            "callbox_press_to_alert_seconds",
            "From the gateway's receipt of a press to the confirmed delivery of its alert.",
            buckets=LATENCY_BUCKETS_S,
            registry=registry,
        )
        self.lag = Gauge(
            "callbox_lag_seconds",
            "Age of the oldest record that is not processed yet, or 0.",
            ["topic", "partition"],
            registry=registry,
        )
        self.commit_age = Gauge(
            "callbox_commit_age_seconds",
            "Time since the last commit of a partition advanced.",
            ["topic", "partition"],
            registry=registry,
        )
        self.fetch_position = Gauge(
            "callbox_fetch_position",
            "The next offset that is fetched.",
            ["topic", "partition"],
            registry=registry,
        )
        self.clock_difference = Gauge(
            "callbox_clock_difference_seconds",
            "The broker's append time less this machine's clock, by the worker's own ticks.",
            registry=registry,
        )
        self.snapshot_age = Gauge(
            "callbox_snapshot_age_seconds",
            "Time since the last delivered snapshot.",
            ["partition"],
            registry=registry,
        )
        self.snapshot_bytes = Gauge(
            "callbox_snapshot_bytes", "Size of the last snapshot.", ["partition"], registry=registry
        )
        self.snapshots_failed = Counter(
            "callbox_snapshots_failed_total", "Snapshots that could not be written.", registry=registry
        )
        self.restores = Counter(
            "callbox_restores_total", "Partitions whose state was restored.", registry=registry
        )
        self.log_broken = Counter(
            "callbox_log_broken_total",
            "Times that the log was not what it had been, by cause.",
            ["cause"],
            registry=registry,
        )
        self.pictures = Counter(
            "callbox_pictures_total", "Snapshots by outcome.", ["outcome"], registry=registry
        )
        self.plate_reads = Counter(
            "callbox_plate_reads_total", "Plate reads by outcome.", ["outcome"], registry=registry
        )
