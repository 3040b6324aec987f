"""The broker of the latency and throughput benches: one Apache Kafka with room for pictures."""

import os
from pathlib import Path

from callbox_testkit.brokers.apache import ApacheKafka

BENCH_JVM = (
    "-Dlog4j2.level=WARN",
    "-Xms2g",
    "-Xmx2g",
    "-XX:+UseG1GC",
    "-XX:MaxGCPauseMillis=20",
    "-XX:InitiatingHeapOccupancyPercent=35",
    "-XX:G1HeapRegionSize=16M",
)
"""The options of Kafka's documentation ("Java version") with a third of its heap. In smaller regions, batches of
pictures would be humongous objects, and each would start a collection."""


def bench_broker(folder: Path) -> ApacheKafka:
    """A broker that is not started yet.

    Args:
        folder: Gets its log.
    """
    return ApacheKafka(Path(os.environ.get("CALLBOX_CACHE", ".cache")), folder / "kafka.log", jvm=BENCH_JVM)
