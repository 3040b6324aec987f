"""A small HTTP server for probes, with a thread and an event loop of its own: no client can stop the worker.

    listen ─► accepted ─► head read ─► answered ─► closed
                 │            └ not within `head_s`, or longer than `head_bytes` ─► closed, counted
                 └ already `connections` open ─► the oldest that has not asked is closed, counted

Each connection is answered once and closed. Of those that have not sent their request the oldest gives way to the
newest connection, so that a client that opens connections and says nothing cannot keep a probe out. Work is paced: the
thread shares the interpreter's lock with what decides about presses, and rests four times as long as it has worked.
"""

import asyncio
import contextlib
import errno
import re
import resource
import socket
import struct
import threading
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from enum import StrEnum
from http import HTTPStatus
from typing import Final, NamedTuple

import structlog

from streams.clock import monotonic, thread_time
from streams.kafka.rare_log import RareLogger

log = structlog.get_logger(__name__)

MOST_CONNECTIONS: Final = 64
"""A scraper and two kinds of probes need three; the rest is room for clients that have not closed yet."""

DESCRIPTORS_SHARE: Final = 16
"""At most one in so many of the file descriptors that the process may open: clients of the broker need them."""

BACKLOG: Final = 512
"""Connections that wait in the kernel: they cost the worker no descriptor, and in a flood they wait for 0.1 s."""

_ROUND: Final = 256  # connections that are accepted before the thread rests
_REST_PER_WORK: Final = 4.0
_MOST_REST_S: Final = 0.25  # less than any probe waits for an answer
_TRICKLE_S: Final = 0.05  # bytes that come one by one are read together
_LINGER_S: Final = 1.0
_LINGER_BYTES: Final = 1 << 16
_ACCEPT_AGAIN_S: Final = 0.25
_STOP_S: Final = 1.0

_REQUEST: Final = re.compile(rb"([!-~]{1,32}) ([!-~]+) HTTP/1\.[01]\r?")
_RESET: Final = struct.pack(
    "ii", 1, 0
)  # SO_LINGER: what was not sent is dropped, and takes no memory of the kernel
_NO_SUCH_ADDRESS: Final = frozenset({errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT})
_NO_DESCRIPTORS: Final = frozenset({errno.EMFILE, errno.ENFILE})


class Page(NamedTuple):
    """An answer.

    Attributes:
        status: Of HTTP.
        body: The content.
        content_type: Of the content.
    """

    status: HTTPStatus
    body: bytes
    content_type: str = "text/plain; charset=utf-8"


class Closed(StrEnum):
    """Why a connection was closed without an answer to its request: the label of the metric."""

    CROWDED = "crowded"
    SLOW = "slow"
    OVERSIZED = "oversized"


class ClientLimits(NamedTuple):
    """What a client may take.

    Attributes:
        connections: The most that are open at once.
        head_s: How long the head of a request may take, from the connection on.
        total_s: How long everything may take, the reading of the answer included.
        head_bytes: The most bytes of a head.
    """

    connections: int = MOST_CONNECTIONS
    head_s: float = 5.0
    total_s: float = 10.0
    head_bytes: int = 8192


def limits_of_process(get_limit: Callable[[int], tuple[int, int]] = resource.getrlimit) -> ClientLimits:
    """The limits for this process, by how many file descriptors it may open."""
    soft, _ = get_limit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY:
        return ClientLimits()
    return ClientLimits(connections=min(MOST_CONNECTIONS, max(2, soft // DESCRIPTORS_SHARE)))


def listen(host: str, port: int) -> list[socket.socket]:
    """Listen at every address of a host; an empty one means all addresses of this machine.

    Raises:
        OSError: An address is taken, or none of them is one of this machine's.
        ValueError: The host is no name of a host.
    """
    found = socket.getaddrinfo(host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    listeners: list[socket.socket] = []
    absent: OSError | None = None
    try:
        for family, address in dict.fromkeys((family, address) for family, *_, address in found):
            try:
                listener = socket.create_server(address, family=family, backlog=BACKLOG)
            except OSError as error:
                if error.errno not in _NO_SUCH_ADDRESS:
                    raise
                absent = error  # a name may stand for an IPv6 address that this machine does not have
                continue
            listener.setblocking(False)
            listeners.append(listener)
        if not listeners and absent is not None:
            raise absent
    except OSError:
        for listener in listeners:
            listener.close()
        raise
    return listeners


class _Visit:
    """One open connection."""

    def __init__(self, connection: socket.socket) -> None:
        connection.setblocking(False)
        self.connection = connection
        self.is_answered = False
        self.head = b""

    @property
    def has_head(self) -> bool:
        """Whether the head of the request is complete."""
        return b"\r\n\r\n" in self.head or b"\n\n" in self.head

    @property
    def worth(self) -> int:
        """The lowest gives way first: one that is answered, one that has not asked, one that waits for its answer."""
        if self.is_answered:
            return 0
        return 2 if self.has_head else 1

    def close(self) -> None:
        """Close it; where it was not answered, at once and with all that waits to be sent."""
        with contextlib.suppress(OSError):
            if not self.is_answered:
                self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        with contextlib.suppress(OSError):
            self.connection.close()


class ProbeServer:
    """Answers GET requests for a few pages, in a daemon thread.

    Args:
        pages: What makes each page, by its path; called in the server's thread, and must not wait for anything.
        listeners: Where to listen; they are closed at the end.
        limits: What a client may take.
        note_closed: Called for each connection that is closed without an answer to its request.
        fail: Ends the process: called where the thread itself fails.
    """

    def __init__(
        self,
        pages: Mapping[str, Callable[[], Page]],
        listeners: Sequence[socket.socket],
        *,
        limits: ClientLimits,
        note_closed: Callable[[Closed], object],
        fail: Callable[[BaseException], object],
    ) -> None:
        self._pages, self._listeners, self._limits = dict(pages), tuple(listeners), limits
        self._note_closed, self._fail = note_closed, fail
        self._open: dict[asyncio.Task[None], _Visit] = {}
        self._rare = RareLogger(log, monotonic)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stopping: asyncio.Event | None = None
        self._is_running = threading.Event()
        self._thread = threading.Thread(target=self._run, name="probes", daemon=True)

    def start(self) -> None:
        """Begin to answer."""
        self._thread.start()
        self._is_running.wait()

    def close(self) -> None:
        """Listen no more; returns after a second at the latest, whatever a client does."""
        if self._loop is not None and self._stopping is not None:
            try:
                self._loop.call_soon_threadsafe(self._stopping.set)
            except RuntimeError:  # it has ended already
                return
            self._thread.join(_STOP_S)

    def _run(self) -> None:
        try:
            asyncio.run(self._serve())
        except BaseException as error:  # noqa: BLE001 - a worker whose probes never answer again would be killed unasked
            self._fail(error)
        finally:
            self._is_running.set()

    async def _serve(self) -> None:
        self._loop, self._stopping = asyncio.get_running_loop(), asyncio.Event()
        self._is_running.set()
        stopping = asyncio.create_task(self._stopping.wait())
        listening = [asyncio.create_task(self._listen(listener)) for listener in self._listeners]
        await asyncio.wait([stopping, *listening], return_when=asyncio.FIRST_COMPLETED)
        for task in listening:
            if task.done():
                task.result()
            task.cancel()
        for listener in self._listeners:
            listener.close()

    # --- connections ------------------------------------------------------------------------------------------------

    async def _listen(self, listener: socket.socket) -> None:
        while True:
            began = thread_time()
            try:
                await self._accept_some(listener)
            except ConnectionError:  # the client is gone again
                pass
            except OSError as error:
                await self._cannot_accept(error)
            worked_s = thread_time() - began
            await asyncio.sleep(min(_MOST_REST_S, _REST_PER_WORK * worked_s))

    async def _accept_some(self, listener: socket.socket) -> None:
        """Wait for a connection, and take those that wait behind it.

        Those that have sent their request go on. Of the others as many as may be open at once, the newest: the rest
        would only be admitted to give way to these.
        """
        connection, _ = await asyncio.get_running_loop().sock_accept(listener)
        silent: deque[_Visit] = deque()
        try:
            for accepted in range(_ROUND):
                if accepted:
                    connection, _ = listener.accept()
                visit = _Visit(connection)
                with contextlib.suppress(OSError):  # nothing there yet, or a client that has gone
                    visit.head = connection.recv(self._limits.head_bytes + 1)
                if visit.has_head:
                    await self._admit(visit)
                else:
                    silent.append(visit)
                    if len(silent) > self._limits.connections:
                        silent.popleft().close()
                        self._note_closed(Closed.CROWDED)
        except BlockingIOError:  # nobody waits any more
            pass
        finally:
            while silent:
                await self._admit(silent.popleft())

    async def _cannot_accept(self, error: OSError) -> None:
        self._rare.warning("probes.interrupted", error=error.strerror)
        if error.errno in _NO_DESCRIPTORS and self._open:
            await self._close_oldest()
        await asyncio.sleep(_ACCEPT_AGAIN_S)

    async def _admit(self, visit: _Visit) -> None:
        while len(self._open) >= self._limits.connections:
            await self._close_oldest()
        task = asyncio.create_task(self._attend(visit))
        self._open[task] = visit
        task.add_done_callback(self._left)
        if visit.has_head:
            await asyncio.sleep(0)  # its first step sends the answer, before anybody else can take its place

    async def _close_oldest(self) -> None:
        oldest, visit = min(self._open.items(), key=lambda item: item[1].worth)  # of equal ones the first
        if not oldest.cancelling():
            oldest.cancel()
            if not visit.is_answered:
                self._note_closed(Closed.CROWDED)
        await asyncio.wait([oldest])

    def _left(self, task: asyncio.Task[None]) -> None:
        visit = self._open.pop(task)
        # Here and not in the task: one that is cancelled before its first step runs none of its code.
        visit.close()
        if not task.cancelled() and (error := task.exception()) is not None:
            self._rare.error("probes.failed", error=f"{type(error).__name__}: {error}", exc_info=error)

    async def _attend(self, visit: _Visit) -> None:
        connection = visit.connection
        try:
            async with asyncio.timeout(self._limits.total_s):
                page = await self._read_request(visit)
                if page is None:
                    return
                await asyncio.get_running_loop().sock_sendall(connection, encoded(page))
                visit.is_answered = True
                await _linger(connection)
        except TimeoutError:
            if not visit.is_answered:
                self._note_closed(Closed.SLOW)
        except OSError:  # the client is gone
            return

    async def _read_request(self, visit: _Visit) -> Page | None:
        """The page that a client asks for; None where it has gone.

        Raises:
            TimeoutError: The head did not come in time.
            OSError: The connection is broken.
        """
        loop = asyncio.get_running_loop()
        async with asyncio.timeout(self._limits.head_s):
            while not visit.has_head:
                room = self._limits.head_bytes + 1 - len(visit.head)
                if room <= 0:
                    self._note_closed(Closed.OVERSIZED)
                    return status_page(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE)
                if visit.head:
                    await asyncio.sleep(_TRICKLE_S)
                if not (more := await loop.sock_recv(visit.connection, room)):
                    return None
                visit.head += more
        return self._answer(visit.head.partition(b"\n")[0])

    def _answer(self, request_line: bytes) -> Page:
        if (request := _REQUEST.fullmatch(request_line)) is None:
            return status_page(HTTPStatus.BAD_REQUEST)
        method, target = request.groups()
        make = self._pages.get(target.partition(b"?")[0].decode("ascii"))
        if make is None:
            return status_page(HTTPStatus.NOT_FOUND)
        if method != b"GET":
            return status_page(HTTPStatus.METHOD_NOT_ALLOWED)
        try:
            return make()
        except Exception as error:  # noqa: BLE001 - a page that fails is a fault of ours, and no reason to end
            self._rare.error("probes.failed", error=f"{type(error).__name__}: {error}", exc_info=error)
            return status_page(HTTPStatus.INTERNAL_SERVER_ERROR)


def status_page(status: HTTPStatus) -> Page:
    """A page that says no more than its status."""
    return Page(status, f"{status.value} {status.phrase}\n".encode())


def encoded(page: Page) -> bytes:
    """The bytes of an answer after which the connection is closed."""
    lines = [
        f"HTTP/1.1 {page.status.value} {page.status.phrase}",
        f"Content-Type: {page.content_type}",
        f"Content-Length: {len(page.body)}",
        *(["Allow: GET"] if page.status is HTTPStatus.METHOD_NOT_ALLOWED else []),
        "Connection: close",
    ]
    return "\r\n".join([*lines, "", ""]).encode("ascii") + page.body


async def _linger(connection: socket.socket) -> None:
    """Let the client close first: a close while bytes of it are unread would take the answer away from it."""
    connection.shutdown(socket.SHUT_WR)
    left = _LINGER_BYTES
    loop = asyncio.get_running_loop()
    async with asyncio.timeout(_LINGER_S):
        while left > 0 and (read := await loop.sock_recv(connection, left)):
            left -= len(read)
            await asyncio.sleep(_TRICKLE_S)
