"""Probes and metrics over HTTP, on loopback unless configured.

`/healthz` always answers. `/readyz` is 200 when the worker's partitions are assigned, the broker has answered about
each of them within seconds, its agent is started and restored, its producer is warm, its clock is the broker's, its
state can be saved, and its commits advance or nothing waits; else 503 with what is missing. `/metrics` is for
Prometheus. There is no other page.
"""

from dataclasses import dataclass

from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from schemas.errors import FileRefused
from streams.worker.agent import Hooks
from streams.worker.lag import LagMonitor
from streams.worker.metrics import Metrics
from streams.worker.settings import WorkerSettings

ANSWER_S = 5.0
"""An idle consumer asks every leader twice a second: silence of so long is no accident."""

_CLOSE_S = 1.0
"""How long a stop waits for a scraper that does not read."""

CLOCK_DIFFERS = "this machine's clock and the broker's differ"


@dataclass(slots=True)
class Health:
    """What readiness rests on."""

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


async def serve_http(health: Health, metrics: Metrics, settings: WorkerSettings) -> web.AppRunner | None:
    """Start the probes.

    Returns:
        The runner to clean up, or None when the port is 0.

    Raises:
        FileRefused: The address is taken, or is none of this machine's.
    """
    if settings.http_port == 0:
        return None

    async def healthz(_request: web.Request) -> web.Response:
        return web.Response(text="ok\n")

    async def readyz(_request: web.Request) -> web.Response:
        missing = health.missing()
        return web.Response(status=503 if missing else 200, text="\n".join(missing or ["ready"]) + "\n")

    async def prometheus(_request: web.Request) -> web.Response:
        return web.Response(
            body=generate_latest(metrics.registry), headers={"Content-Type": CONTENT_TYPE_LATEST}
        )

    app = web.Application()
    app.add_routes(
        [web.get("/healthz", healthz), web.get("/readyz", readyz), web.get("/metrics", prometheus)]
    )
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=_CLOSE_S)
    await runner.setup()
    try:
        await web.TCPSite(runner, settings.http_host, settings.http_port).start()
    except OSError as error:
        await runner.cleanup()
        raise FileRefused(
            f"http_host {settings.http_host}, http_port {settings.http_port}: {error.strerror}; "
            "name another one in [workers] or by --http-port, 0 turns the probes off"
        ) from error
    return runner
