"""Readiness: what is missing is named, and nothing but what is missing, also by an event loop that stands still."""

import asyncio
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import TYPE_CHECKING, cast

import pytest
import structlog
from prometheus_client import CollectorRegistry, Gauge

from callbox.demo.processes.broker_process import free_port
from schemas.errors import FileRefused
from streams.clock import Clock
from streams.worker.agent import Hooks
from streams.worker.metrics import Metrics
from streams.worker.probes import LOOP_STANDS_S, Health, MetricsPage, Readiness, serve_http
from streams.worker.settings import WorkerSettings
from tests.support.fakes import run
from tests.support.log_records import ms
from tests.support.probe_client import WITHIN_S, read_all, status

if TYPE_CHECKING:
    from streams.worker.lag import LagMonitor


def health(
    *,
    warm: bool = True,
    joined: bool = True,
    silent_s: float = 0.0,
    started: bool = True,
    restored: bool = True,
    agree: bool = True,
    stalled_s: float = 0.0,
) -> Health:
    lag = cast(
        "LagMonitor",
        SimpleNamespace(joined=joined, stalled_for_s=lambda: stalled_s, unanswered_for_s=lambda: silent_s),
    )
    hooks = Hooks(is_ready=lambda: restored, clocks_agree=lambda: agree)
    return Health(lag, hooks, 30, delivery_warm=warm, agent_started=started)


def test_a_worker_that_lacks_nothing_is_ready() -> None:
    assert health().missing() == []


@pytest.mark.parametrize(
    ("found", "missing"),
    [
        (health(warm=False), "producer not warm"),
        (health(joined=False), "no partitions assigned yet"),
        (health(silent_s=5), "no answer of the broker for 5 s"),
        (health(started=False), "agent not restored"),
        (health(restored=False), "agent not restored"),
        (health(agree=False), "this machine's clock and the broker's differ"),
        (health(stalled_s=30), "no commit for 30 s while records wait"),
    ],
)
def test_what_is_missing_is_named(found: Health, missing: str) -> None:
    assert found.missing() == [missing]


def test_a_worker_below_the_stall_limit_is_ready() -> None:
    assert health(stalled_s=29.9).missing() == []


def test_everything_that_is_missing_is_named() -> None:
    lacking = health(warm=False, joined=False, silent_s=99, restored=False, agree=False, stalled_s=99)
    assert len(lacking.missing()) == 6


def test_a_broker_that_has_answered_within_seconds_is_no_silent_one() -> None:
    assert health(silent_s=4.9).missing() == []


# --- what the event loop publishes ----------------------------------------------------------------------------------


class Ticking:
    """A clock that stands until it is moved."""

    def __init__(self) -> None:
        self.now = 100.0
        self.clock = Clock(lambda: ms(self.now), lambda: self.now)


def test_what_is_published_is_what_was_missing_then() -> None:
    missing = ["producer not warm"]
    readiness = Readiness(lambda: missing, Ticking().clock)
    readiness.publish()
    missing = []
    assert readiness.missing() == ("producer not warm",)
    readiness.publish()
    assert readiness.missing() == ()


def test_a_worker_that_has_published_nothing_yet_is_not_ready() -> None:
    assert Readiness(list, Ticking().clock).missing() == ("not started yet",)


def test_an_event_loop_that_stands_is_told_by_both_probes_and_no_more_once_it_moves() -> None:
    ticking = Ticking()
    readiness = Readiness(list, ticking.clock)
    readiness.publish()
    ticking.now += LOOP_STANDS_S - 0.1
    assert readiness.standing() == readiness.missing() == ()
    ticking.now += 0.1
    assert readiness.standing() == readiness.missing() == ("the event loop has not moved for 5 s",)
    readiness.publish()
    assert readiness.missing() == ()


def test_a_question_that_fails_means_not_ready_and_ends_nothing() -> None:
    def fails() -> list[str]:
        raise RuntimeError("dictionary changed size during iteration")

    readiness = Readiness(fails, Ticking().clock)
    with structlog.testing.capture_logs() as lines:
        readiness.publish()
    assert readiness.missing() != ()
    assert [line["event"] for line in lines] == ["readiness.failed"]


def test_the_loop_publishes_as_long_as_it_moves() -> None:
    asked: list[None] = []

    async def scene() -> None:
        asked_twice = asyncio.Event()

        def ask() -> list[str]:
            asked.append(None)
            if len(asked) == 2:
                asked_twice.set()
            return []

        readiness = Readiness(ask)
        publishing = asyncio.create_task(readiness.keep_publishing())
        await asked_twice.wait()
        publishing.cancel()
        assert readiness.missing() == ()

    run(scene())


@contextmanager
def probed(readiness: Readiness, metrics: Metrics) -> Iterator[Callable[[str], bytes]]:
    """Asks the shipped probes over TCP."""
    port = free_port()
    server = serve_http(readiness, metrics, WorkerSettings(http_port=port))
    assert server is not None

    def ask(path: str) -> bytes:
        with socket.create_connection(("127.0.0.1", port), timeout=WITHIN_S) as client:
            client.sendall(f"GET {path} HTTP/1.1\r\n\r\n".encode())
            return read_all(client)

    try:
        yield ask
    finally:
        server.close()


def test_probes_and_metrics_answer_while_the_event_loop_stands_still_and_say_so() -> None:
    ticking = Ticking()
    readiness, metrics = Readiness(list, ticking.clock), Metrics()
    readiness.publish()
    with probed(readiness, metrics) as ask:
        assert ask("/healthz").endswith(b"\r\n\r\nok\n")
        assert ask("/readyz").endswith(b"\r\n\r\nready\n")
        assert b"callbox_probe_connections_closed_total" in ask("/metrics")
        ticking.now += 60
        for path in ("/healthz", "/readyz"):
            assert status(ask(path)) == 503
            assert ask(path).endswith(b"\r\n\r\nthe event loop has not moved for 60 s\n")
        assert status(ask("/metrics")) == 200
        assert {status(ask(path)) for path in ("/", "/table", "/healthz/", "/metrics/x")} == {404}


@pytest.mark.parametrize("host", ["127.0.0.1", "198.51.100.1", "no such host", "x" * 300, ""])
def test_an_address_that_cannot_be_used_is_refused_by_its_name(host: str) -> None:
    with socket.create_server(("", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(FileRefused, match=f"http_port {port}: .*--http-port"):
            serve_http(Readiness(list), Metrics(), WorkerSettings(http_port=port, http_host=host))


def test_port_0_turns_the_probes_off() -> None:
    assert serve_http(Readiness(list), Metrics(), WorkerSettings(http_port=0)) is None


def test_a_page_of_metrics_is_rendered_at_most_so_often_however_long_it_takes() -> None:
    registry, ticking = CollectorRegistry(), Ticking()
    worked = [0.0]
    rendered: list[None] = []

    def render() -> float:
        rendered.append(None)
        worked[0] += 0.02
        return 1.0

    Gauge("g", "A gauge.", registry=registry).set_function(render)
    page = MetricsPage(registry, ticking.clock.monotonic, lambda: worked[0])
    for _ in range(1_000):
        assert b"g 1.0" in page.page().body
        ticking.now += 0.001
    assert len(rendered) == 3  # 20 ms each: a twentieth of the time
