"""A client of the probes that speaks TCP only, so that a test may send whatever it likes."""

import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from http import HTTPStatus

from streams.worker.probe_server import ClientLimits, Closed, Page, ProbeServer, listen

WITHIN_S = 20.0


class Served:
    """A probe server with three pages, what it has closed, and how often each page was made."""

    def __init__(self, limits: ClientLimits, pages: Mapping[str, bytes], host: str) -> None:
        self.closed: list[Closed] = []
        self.made: list[str] = []
        self.failures: list[BaseException] = []
        (listener,) = listen(host, 0)
        self.host, self.port = listener.getsockname()[:2]
        self.server = ProbeServer(
            {path: self._page(path, body) for path, body in pages.items()},
            [listener],
            limits=limits,
            note_closed=self.closed.append,
            fail=self.failures.append,
        )
        self.server.start()

    def _page(self, path: str, body: bytes) -> Callable[[], Page]:
        def make() -> Page:
            self.made.append(path)
            if body == b"fails":
                raise ValueError(path)
            return Page(HTTPStatus.OK, body)

        return make

    def connect(self) -> socket.socket:
        return socket.create_connection((self.host, self.port), timeout=WITHIN_S)

    def ask(self, sent: bytes) -> bytes:
        """All that comes back until the server closes."""
        with self.connect() as client:
            client.sendall(sent)
            return read_all(client)

    def get(self, path: str) -> bytes:
        return self.ask(f"GET {path} HTTP/1.1\r\nHost: here\r\n\r\n".encode())

    def wait_for_closed(self, count: int) -> None:
        deadline = time.monotonic() + WITHIN_S
        while len(self.closed) < count:
            assert time.monotonic() < deadline, self.closed
            time.sleep(0.01)


PAGES = {"/healthz": b"ok\n", "/readyz": b"ready\n", "/metrics": b"x 1\n" * 50_000, "/broken": b"fails"}


@contextmanager
def served(limits: ClientLimits | None = None, host: str = "127.0.0.1") -> Iterator[Served]:
    """A server that is closed at the end, and has not failed."""
    running = Served(limits or ClientLimits(), PAGES, host)
    try:
        yield running
    finally:
        running.server.close()
    assert running.failures == []
    assert "probes" not in {thread.name for thread in threading.enumerate()}


def read_all(client: socket.socket) -> bytes:
    """What the other end sends until it closes; a reset ends it too."""
    read = b""
    try:
        while more := client.recv(1 << 16):
            read += more
    except ConnectionError:
        pass
    return read


def status(answer: bytes) -> int:
    """Of an answer's first line; 0 where there is no answer."""
    return int(answer.split(b" ", 2)[1]) if answer.startswith(b"HTTP/1.1 ") else 0


@contextmanager
def many(server: Served, count: int, sent: bytes = b"") -> Iterator[list[socket.socket]]:
    """So many connections that stay open on this end, after sending this on each; the server may close them."""
    with ExitStack() as stack:
        clients = []
        for _ in range(count):
            client = stack.enter_context(socket.socket())
            client.settimeout(WITHIN_S)
            with suppress(ConnectionError):
                client.connect((server.host, server.port))
                client.sendall(sent)
            clients.append(client)
        yield clients
