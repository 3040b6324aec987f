"""The part of the fold bench that needs Apache Kafka runs, and measures all of the mix that it wrote."""

from pathlib import Path

import pytest

from benchmarks.fold.kafka import through_the_agent
from benchmarks.fold.mix import Size
from schemas.topics import LOG_PARTITIONS
from tests.support.kill_harness import kafka_or_skip

pytestmark = [pytest.mark.kafka, pytest.mark.long]


def test_agent_and_bare_loop_read_the_whole_mix(cache: Path) -> None:
    size = Size(zones=20, open_incidents=60, remembered=0)
    with kafka_or_skip():
        figures = through_the_agent(cache, LOG_PARTITIONS, size, 500)
    assert int(str(figures["records"])) >= 500 * LOG_PARTITIONS
    assert float(str(figures["bare_decode_per_s"])) > 0
    assert {"agent_inputs_per_s", "ratio", "agent_seconds", "stolen"} <= set(figures)
