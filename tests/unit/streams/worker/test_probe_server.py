"""The probe server: one answer a connection, and clear refusals."""

import errno
import resource
import socket

import pytest

from streams.worker.probe_server import ClientLimits, Closed, limits_of_process, listen
from tests.support.probe_client import PAGES, many, read_all, served, status


def test_a_page_is_answered_and_the_connection_closed() -> None:
    with served() as server:
        answer = server.get("/healthz")
    head, _, body = answer.partition(b"\r\n\r\n")
    assert body == b"ok\n"
    assert head.split(b"\r\n") == [
        b"HTTP/1.1 200 OK",
        b"Content-Type: text/plain; charset=utf-8",
        b"Content-Length: 3",
        b"Connection: close",
    ]


@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        (b"GET /healthz HTTP/1.0\r\n\r\n", 200),
        (b"GET /healthz HTTP/1.1\n\n", 200),
        (b"GET /healthz?a=b HTTP/1.1\r\n\r\n", 200),
        (b"GET / HTTP/1.1\r\n\r\n", 404),
        (b"GET /table HTTP/1.1\r\n\r\n", 404),
        (b"GET /healthz/ HTTP/1.1\r\n\r\n", 404),
        (b"GET /../healthz HTTP/1.1\r\n\r\n", 404),
        (b"POST /healthz HTTP/1.1\r\n\r\n", 405),
        (b"DELETE /metrics HTTP/1.1\r\n\r\n", 405),
        (b"POST /table HTTP/1.1\r\n\r\n", 404),
        (b"GET /healthz\r\n\r\n", 400),
        (b"GET  /healthz HTTP/1.1\r\n\r\n", 400),
        (b"GET /health\xff HTTP/1.1\r\n\r\n", 400),
        (b"\r\n\r\n", 400),
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400),
        (b"GET /broken HTTP/1.1\r\n\r\n", 500),
    ],
)
def test_what_is_asked_decides_the_status(sent: bytes, expected: int) -> None:
    with served() as server:
        assert status(server.ask(sent)) == expected


def test_a_method_that_is_not_allowed_is_told_which_is() -> None:
    with served() as server:
        assert b"\r\nAllow: GET\r\n" in server.ask(b"PUT /healthz HTTP/1.1\r\n\r\n")


def test_a_client_that_has_closed_its_own_direction_is_answered() -> None:
    with served() as server, server.connect() as client:
        client.sendall(b"GET /healthz HTTP/1.1\r\n\r\n")
        client.shutdown(socket.SHUT_WR)
        assert status(read_all(client)) == 200


def test_of_pipelined_requests_the_first_is_answered() -> None:
    with served() as server:
        answer = server.ask(b"GET /healthz HTTP/1.1\r\n\r\nGET /readyz HTTP/1.1\r\n\r\n")
        assert server.made == ["/healthz"]
    assert answer.count(b"HTTP/1.1 ") == 1


def test_a_server_that_is_closed_listens_no_more() -> None:
    with served() as server:
        host, port = server.host, server.port
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((host, port), timeout=5)
    server.server.close()


def test_a_close_waits_for_nobody() -> None:
    with served() as server, many(server, 5, b"GET /he"):
        server.server.close()


def test_an_address_of_ipv6_is_one_too() -> None:
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        with pytest.raises(OSError):  # noqa: PT011 - what it says depends on why
            listen("::1", 0)
        return
    with served(host="::1") as server:
        assert status(server.get("/healthz")) == 200


def test_an_address_that_is_taken_is_refused_and_leaves_nothing_open() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(OSError) as refused:  # noqa: PT011
        listen("127.0.0.1", taken.getsockname()[1])
    assert refused.value.errno == errno.EADDRINUSE


@pytest.mark.parametrize("host", ["198.51.100.1", "no such host", "a" * 70, "x.invalid"])
def test_a_host_that_is_not_ours_is_refused(host: str) -> None:
    with pytest.raises((OSError, ValueError)):
        listen(host, 0)


def test_a_name_of_this_machine_is_listened_at_once_for_each_address() -> None:
    listeners = listen("localhost", 0)
    addresses = [listener.getsockname()[0] for listener in listeners]
    for listener in listeners:
        listener.close()
    assert "127.0.0.1" in addresses
    assert len(set(addresses)) == len(addresses)


@pytest.mark.parametrize(
    ("soft", "connections"),
    [(64, 4), (16, 2), (256, 16), (1024, 64), (1 << 20, 64), (resource.RLIM_INFINITY, 64)],
)
def test_the_most_connections_are_far_below_what_the_process_may_open(soft: int, connections: int) -> None:
    assert limits_of_process(lambda _: (soft, soft)).connections == connections


def test_a_page_is_read_whole_by_a_client_that_is_slow() -> None:
    with served() as server, server.connect() as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 16_384)
        client.sendall(b"GET /metrics HTTP/1.1\r\n\r\n")
        assert read_all(client).endswith(PAGES["/metrics"])
    assert server.closed == []


def test_a_connection_that_is_closed_early_is_counted_by_its_cause() -> None:
    limits = ClientLimits(connections=2, head_s=0.05, head_bytes=64)
    with served(limits) as server:
        with many(server, 1):
            server.wait_for_closed(1)
        assert server.closed == [Closed.SLOW]
        assert status(server.ask(b"GET /healthz HTTP/1.1\r\nX: " + b"x" * 100)) == 431
        assert server.closed == [Closed.SLOW, Closed.OVERSIZED]
