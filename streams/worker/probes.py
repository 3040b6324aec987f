"""Probes and metrics over HTTP, on loopback unless configured, from a thread of their own.

`/healthz` always answers: 200, or 503 where the event loop stands still. `/readyz` is 200 when the worker's
partitions are assigned, the broker has answered about each of them within seconds, its agent is started and restored,
its producer is warm, its clock is the broker's, its state can be saved, and its commits advance or nothing waits;
else 503 with what is missing. `/metrics` is for Prometheus. There is no other page.

    event loop ─► `Readiness.publish`, several times a second ─► what was published last ─► /readyz, /healthz

What a client may take is bounded in `probe_server`.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final, NamedTuple

import structlog
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest

from schemas.errors import FileRefused
from streams.clock import SYSTEM_CLOCK, Clock, monotonic, thread_time
from streams.kafka.rare_log import RareLogger
from streams.worker.agent import Hooks
from streams.worker.ending import stop_now
from streams.worker.lag import LagMonitor
from streams.worker.metrics import Metrics
from streams.worker.probe_server import Page, ProbeServer, limits_of_process, listen
from streams.worker.settings import WorkerSettings

log = structlog.get_logger(__name__)

ANSWER_S = 5.0
"""An idle consumer asks every leader twice a second: silence of so long is no accident."""

LOOP_STANDS_S: Final = 5.0
"""An event loop that has not moved for so long is no accident either; full load delays it by a second or two."""

PUBLISH_S: Final = 0.2
"""How old what a probe answers may be, while the event loop moves."""

RENDER_EVERY_S: Final = 0.1
"""Scrapes within this time get the same bytes: a page takes milliseconds of the lock that presses need."""

_RENDER_SHARE: Final = 20  # rendering takes at most one twentieth of the time
_MOST_RENDER_AGE_S: Final = 1.0

CLOCK_DIFFERS = "this machine's clock and the broker's differ"


@dataclass(slots=True)
class Health:
    """What readiness rests on; asked by the event loop only."""

    lag: LagMonitor
    hooks: Hooks
    stall_s: float
    delivery_warm: bool = False
    agent_started: bool = False

    def missing(self) -> list[str]:
        """What keeps the worker from being ready; empty when it is."""
        checks = {
            "producer not warm": self.delivery_warm,
            "no partitions assigned yet": self.lag.joined,
            f"no answer of the broker for {ANSWER_S:.0f} s": self.lag.unanswered_for_s() < ANSWER_S,
            "agent not restored": self.agent_started and self.hooks.is_ready(),
            CLOCK_DIFFERS: self.hooks.clocks_agree(),
            "no snapshot can be written": self.hooks.keeps_snapshots(),
            f"no commit for {self.stall_s:.0f} s while records wait": self.lag.stalled_for_s() < self.stall_s,
        }
        return [what for what, holds in checks.items() if not holds]


class _Published(NamedTuple):
    missing: tuple[str, ...]
    at: float


class Readiness:
    """What the event loop has published last about the worker; any thread may read it.

    Args:
        missing: What keeps the worker from being ready; called by whoever publishes.
        clock: The clock for intervals is used.
    """

    def __init__(self, missing: Callable[[], list[str]], clock: Clock = SYSTEM_CLOCK) -> None:
        self._missing, self._monotonic = missing, clock.monotonic
        self._rare = RareLogger(log, clock.monotonic)
        # One value that is replaced as a whole, so that no reader sees half of it.
        self._published = _Published(("not started yet",), clock.monotonic())

    def publish(self) -> None:
        """Ask what is missing, and let every thread know. A question that fails means: not ready."""
        try:
            missing = tuple(self._missing())
        except Exception as error:  # noqa: BLE001 - a fault of ours; presses go on
            self._rare.error("readiness.failed", error=f"{type(error).__name__}: {error}", exc_info=error)
            missing = ("what is missing could not be found out: see readiness.failed in the log",)
        self._published = _Published(missing, self._monotonic())

    async def keep_publishing(self) -> None:
        """Publish several times a second, as long as the event loop moves."""
        while True:
            self.publish()
            await asyncio.sleep(PUBLISH_S)

    def missing(self) -> tuple[str, ...]:
        """What keeps the worker from being ready, a standing event loop included; empty when it is."""
        return (*self.standing(), *self._published.missing)

    def standing(self) -> tuple[str, ...]:
        """What is to be said of an event loop that stands still; empty while it moves."""
        still_s = self._monotonic() - self._published.at
        if still_s < LOOP_STANDS_S:
            return ()
        return (f"the event loop has not moved for {still_s:.0f} s",)


class MetricsPage:
    """The page for Prometheus, rendered at most so often however many ask for it.

    Args:
        registry: What is rendered.
        clock: The clock for intervals.
        work_s: How long this thread has worked.
    """

    def __init__(
        self,
        registry: CollectorRegistry,
        clock: Callable[[], float] = monotonic,
        work_s: Callable[[], float] = thread_time,
    ) -> None:
        self._registry, self._monotonic, self._work_s = registry, clock, work_s
        self._page = Page(HTTPStatus.OK, b"", CONTENT_TYPE_LATEST)
        self._good_until = float("-inf")

    def page(self) -> Page:
        """The page as it is now, or was a moment ago."""
        if self._monotonic() >= self._good_until:
            began = self._work_s()
            self._page = self._page._replace(body=generate_latest(self._registry))
            rest_s = _RENDER_SHARE * (self._work_s() - began)
            self._good_until = self._monotonic() + min(max(RENDER_EVERY_S, rest_s), _MOST_RENDER_AGE_S)
        return self._page


def serve_http(readiness: Readiness, metrics: Metrics, settings: WorkerSettings) -> ProbeServer | None:
    """Start the probes.

    Returns:
        The server to close, or None when the port is 0.

    Raises:
        FileRefused: The address is taken, or is none of this machine's.
    """
    if settings.http_port == 0:
        return None

    def healthz() -> Page:
        standing = readiness.standing()
        status = HTTPStatus.SERVICE_UNAVAILABLE if standing else HTTPStatus.OK
        return Page(status, _lines(standing or ("ok",)))

    def readyz() -> Page:
        missing = readiness.missing()
        status = HTTPStatus.SERVICE_UNAVAILABLE if missing else HTTPStatus.OK
        return Page(status, _lines(missing or ("ready",)))

    try:
        listeners = listen(settings.http_host, settings.http_port)
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise FileRefused(
            f"http_host {settings.http_host}, http_port {settings.http_port}: {why}; "
            "name another one in [workers] or by --http-port, 0 turns the probes off"
        ) from error
    server = ProbeServer(
        {"/healthz": healthz, "/readyz": readyz, "/metrics": MetricsPage(metrics.registry).page},
        listeners,
        limits=limits_of_process(),
        note_closed=lambda why: metrics.probe_connections_closed.labels(why).inc(),
        fail=stop_now,
    )
    server.start()
    return server


def _lines(texts: tuple[str, ...]) -> bytes:
    return ("\n".join(texts) + "\n").encode()
