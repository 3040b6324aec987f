"""Boundary: the port of the probes. Credential: none, anybody who reaches it.

Whatever a client does there, the next probe is answered, and neither file descriptors nor threads nor lines of the log
grow with the number of clients.
"""

import resource
import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry, Gauge

from streams.worker.probe_server import ClientLimits, Closed
from streams.worker.probes import MetricsPage
from tests.support.logs import restored_logs
from tests.support.probe_client import PAGES, WITHIN_S, Served, many, read_all, served, status

HALF = b"GET /healthz HTTP/1.1\r\nHost: "
CONNECTIONS = 8
LIMITS = ClientLimits(connections=CONNECTIONS)
SOME_DESCRIPTORS = 6  # of whatever else this process does meanwhile


def descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


@contextmanager
def no_line_is_logged(capfd: pytest.CaptureFixture[str]) -> Iterator[None]:
    with restored_logs():
        yield
    # Threads of other tests may still tell what they dropped.
    assert [line for line in "".join(capfd.readouterr()).splitlines() if "log.dropped" not in line] == []


@pytest.mark.parametrize("sent", [b"", b"G", HALF, b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"])
def test_half_open_requests_keep_no_probe_out(sent: bytes, capfd: pytest.CaptureFixture[str]) -> None:
    with no_line_is_logged(capfd), served(LIMITS) as server:
        before = descriptors()
        with many(server, 300, sent) as clients:
            assert status(server.get("/healthz")) == 200
            server.wait_for_closed(len(clients) - CONNECTIONS)
            assert descriptors() - before - len(clients) <= CONNECTIONS + SOME_DESCRIPTORS
            assert set(server.closed) == {Closed.CROWDED}


def test_many_more_than_a_process_may_open_are_no_more_than_a_few(capfd: pytest.CaptureFixture[str]) -> None:
    with no_line_is_logged(capfd), served() as server:
        seen = 0
        for _ in range(30):
            with many(server, 50, HALF):
                seen = max(seen, len(server.server._open))
        assert status(server.get("/healthz")) == 200
        assert seen <= ClientLimits().connections


def test_a_head_that_comes_byte_by_byte_is_ended_in_time() -> None:
    with served(ClientLimits(head_s=0.3)) as server, server.connect() as client:
        with pytest.raises(ConnectionError):  # noqa: PT012 - any of the bytes may be the one that is refused
            deadline = time.monotonic() + WITHIN_S
            while time.monotonic() < deadline:
                client.sendall(b"x")
                time.sleep(0.01)
        assert server.closed == [Closed.SLOW]


@pytest.mark.parametrize(
    "sent",
    [
        b"GET /healthz HTTP/1.1\r\n" + b"X-Filler: " + b"x" * 100_000,
        b"GET /" + b"x" * 100_000 + b" HTTP/1.1\r\n\r\n",
        b"GET /healthz HTTP/1.1\r\n" + b"a: b\r\n" * 20_000,
        b"\x00" * 100_000,
    ],
)
def test_a_head_that_does_not_end_is_refused(sent: bytes) -> None:
    with served() as server:
        with server.connect() as client:
            try:
                client.sendall(sent)
                answer = read_all(client)
            except ConnectionError:
                answer = b""
        assert status(answer) in {0, 431}
        assert server.closed == [Closed.OVERSIZED]
        assert server.made == []


def test_a_body_is_not_read_and_takes_nothing_from_the_next_client() -> None:
    with served(LIMITS) as server:
        for _ in range(2 * CONNECTIONS):
            client = server.connect()
            client.sendall(b"POST /metrics HTTP/1.1\r\nContent-Length: 1000000000\r\n\r\n" + b"x" * 10_000)
            assert status(read_all(client)) == 405
            client.close()
        assert status(server.get("/healthz")) == 200


@pytest.mark.parametrize(
    "sent", [b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", b"GET /healthz HTTP/1.1\r\n\r\n" * 1_000]
)
def test_another_protocol_or_a_thousand_requests_at_once_get_one_answer(sent: bytes) -> None:
    with served() as server:
        assert server.ask(sent).count(b"HTTP/1.1 ") == 1
        assert status(server.get("/readyz")) == 200


def test_clients_that_never_read_the_metrics_are_ended_and_keep_nobody_out() -> None:
    with served(LIMITS._replace(total_s=0.5)) as server:
        clients = []
        for _ in range(3 * CONNECTIONS):
            client = socket.socket()
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
            client.connect((server.host, server.port))
            client.sendall(b"GET /metrics HTTP/1.1\r\n\r\n")
            clients.append(client)
        assert status(server.get("/healthz")) == 200
        deadline = time.monotonic() + WITHIN_S
        while server.server._open:
            assert time.monotonic() < deadline
            time.sleep(0.01)
        for client in clients:
            client.close()


def test_connections_that_come_and_go_leave_nothing_behind(capfd: pytest.CaptureFixture[str]) -> None:
    with no_line_is_logged(capfd), served() as server:
        before = descriptors()

        def come_and_go(count: int) -> None:
            for _ in range(count):
                with suppress(ConnectionError):
                    server.connect().close()

        with ThreadPoolExecutor(4) as clients:
            list(clients.map(come_and_go, [500] * 4))
        assert status(server.get("/healthz")) == 200
        deadline = time.monotonic() + WITHIN_S
        while server.server._open:
            assert time.monotonic() < deadline
            time.sleep(0.01)
        assert descriptors() <= before + SOME_DESCRIPTORS


def test_a_process_without_descriptors_answers_again_once_it_has_some() -> None:
    """What takes them all may be another part of the worker."""
    with served() as server:
        assert status(server.get("/healthz")) == 200
        client = socket.socket()
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (client.fileno() + 1, hard))
        try:
            client.connect((server.host, server.port))
            time.sleep(0.3)
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        client.settimeout(WITHIN_S)
        client.sendall(b"GET /healthz HTTP/1.1\r\n\r\n")
        assert status(read_all(client)) == 200
        client.close()


def test_a_storm_of_scrapes_renders_the_metrics_a_few_times_only() -> None:
    registry = CollectorRegistry()
    gauge = Gauge("g", "A gauge.", registry=registry)
    clock = [0.0]
    worked = [0.0]
    rendered = []
    gauge.set_function(lambda: rendered.append(clock[0]) or len(rendered))
    page = MetricsPage(registry, lambda: clock[0], lambda: worked[0])
    for step in range(1_000):
        clock[0] = step / 1_000
        page.page()
    assert len(rendered) <= 10


def test_parallel_scrapes_are_all_answered_whole() -> None:
    with served() as server, ThreadPoolExecutor(16) as scrapers:
        answers = list(scrapers.map(lambda _: server.get("/metrics"), range(200)))
        assert {status(answer) for answer in answers} <= {200, 0}
        assert all(answer.endswith(PAGES["/metrics"]) for answer in answers if answer)
        assert status(server.get("/healthz")) == 200


def test_one_thread_serves_everybody() -> None:
    with served() as server:
        before = threading.active_count()
        with many(server, 50, HALF):
            assert threading.active_count() == before


def test_the_answer_comes_also_while_everything_else_is_flooded() -> None:
    with served(LIMITS) as server:
        over = threading.Event()

        def flood(flooded: Served) -> None:
            while not over.is_set():
                try:
                    with flooded.connect() as client:
                        client.sendall(HALF)
                except OSError:
                    continue

        threads = [threading.Thread(target=flood, args=(server,)) for _ in range(3)]
        for thread in threads:
            thread.start()
        try:
            answers = [status(server.get("/healthz")) for _ in range(10)]
        finally:
            over.set()
            for thread in threads:
                thread.join()
    assert answers == [200] * 10
