"""Every connection dies without a word, as behind a firewall that has forgotten it: noticed, and made again."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from benchmarks.support.proxy import SlowProxy
from tests.support.kill_harness import kafka_or_skip
from tests.support.movable_broker import MovableBroker
from tests.support.shipped_workers import READY_S, reached_at, wait_until_not_ready
from tests.support.waiting import wait_until
from tests.support.worker_town import WorkerTown, worker_town

pytestmark = [pytest.mark.kafka, pytest.mark.long]

NOTICED_S = 20.0
"""10 s are wanted; a loaded machine gets twice that."""

FOR_EVER_S = 3_600.0


@pytest.fixture(scope="module")
def proxy() -> Iterator[SlowProxy]:
    proxy = SlowProxy()
    yield proxy
    proxy.close()


@pytest.fixture
def town(cache: Path, proxy: SlowProxy, tmp_path: Path) -> Iterator[WorkerTown]:
    """Its clients know the address of the proxy only."""
    with (
        kafka_or_skip(),
        MovableBroker(cache, proxy.in_front_of) as broker,
        worker_town(reached_at(broker.address), tmp_path) as town,
    ):
        yield town


@contextmanager
def silent(proxy: SlowProxy) -> Iterator[None]:
    """What is sent meanwhile never arrives, later neither; at the end a connection that is made anew works."""
    proxy.delay_s = FOR_EVER_S
    try:
        yield
    finally:
        proxy.delay_s = 0.0


def test_connections_that_die_in_silence_are_noticed_and_made_again(
    town: WorkerTown, proxy: SlowProxy
) -> None:
    workers = [town.workers.start(name, town.kafka) for name in ("alarms", "fusion")]
    town.presses.send(4)
    town.presses.assert_heard(town.presses.in_alerts)
    with silent(proxy):
        for worker in workers:
            wait_until_not_ready(worker, NOTICED_S)
    for worker in workers:
        wait_until(worker.is_ready, READY_S, worker.log_tail)
    town.presses.send(4)
    town.presses.assert_heard(town.presses.in_alerts)
