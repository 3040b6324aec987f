"""The proxy of the chaos bench holds who writes and lets who reads through."""

import socket
import threading
from collections.abc import Iterator

import pytest

from benchmarks.support.proxy import SlowProxy

PRODUCE, FETCH = 0, 1
HELD_S = 0.3


def request(api_key: int) -> bytes:
    """A request as Kafka frames it: its length, its API key, and a rest."""
    return (4).to_bytes(4, "big") + api_key.to_bytes(2, "big") + b"\x00\x07"


@pytest.fixture
def broker() -> Iterator[str]:
    """Answers with what it gets."""
    listening = socket.create_server(("127.0.0.1", 0))

    def echo(connection: socket.socket) -> None:
        with connection:
            while received := connection.recv(1024):
                connection.sendall(received)

    def serve() -> None:
        while True:
            try:
                connection, _ = listening.accept()
            except OSError:  # closed: the test is over
                return
            threading.Thread(target=echo, args=(connection,), daemon=True).start()

    threading.Thread(target=serve, daemon=True).start()
    yield f"127.0.0.1:{listening.getsockname()[1]}"
    listening.close()


@pytest.fixture
def proxy() -> Iterator[SlowProxy]:
    made = SlowProxy()
    yield made
    made.close()


def connected(proxy: SlowProxy, broker: str) -> socket.socket:
    host, _, port = proxy.in_front_of(broker).partition(":")
    return socket.create_connection((host, int(port)), timeout=10)


def test_a_produce_request_waits_while_a_fetch_goes_through(proxy: SlowProxy, broker: str) -> None:
    proxy.hold_producers(hold=True)
    with connected(proxy, broker) as reading, connected(proxy, broker) as writing:
        writing.sendall(request(PRODUCE))
        reading.sendall(request(FETCH))
        assert reading.recv(1024) == request(FETCH)
        writing.settimeout(HELD_S)
        with pytest.raises(TimeoutError):
            writing.recv(1024)
        assert proxy.produce_held == 1
        proxy.hold_producers(hold=False)
        writing.settimeout(10)
        assert writing.recv(1024) == request(PRODUCE)


def test_nothing_is_held_unless_asked(proxy: SlowProxy, broker: str) -> None:
    with connected(proxy, broker) as writing:
        writing.sendall(request(PRODUCE))
        assert writing.recv(1024) == request(PRODUCE)
    assert proxy.produce_held == 0
