"""`callbox worker NAME`: run one stream worker until SIGTERM."""

from pathlib import Path

import click
import msgspec
import structlog

from callbox.config import find_config
from callbox.config_findings import findings
from callbox.invocation import Invocation
from callbox.log_thread import Unwritten, write_in_background
from callbox.stray_output import take_stderr
from callbox.terminal.choices import replica_name
from models.weights import cache_root
from streams.worker.agent import MakeAgent
from streams.worker.metrics import Metrics
from streams.worker.process import run_worker
from streams.worker.spec import REPLICABLE, WORKERS

log = structlog.get_logger(__name__)


@click.command()
@click.argument("name", type=click.Choice(tuple(WORKERS)))
@click.option("--http-port", type=click.IntRange(0, 65535), help="Port of the probes; 0 turns them off.")
@click.option(
    "--replica",
    metavar="NAME",
    default="",
    callback=replica_name,
    help=f"{' and '.join(REPLICABLE)}: a second set of workers beside the first, 1 to 16 letters, digits or '-'.",
)
@click.pass_obj
def worker(invocation: Invocation, name: str, http_port: int | None, replica: str) -> None:
    """Run one stream worker until SIGTERM."""
    start_worker(invocation, name, WORKERS[name].load_agent(), http_port, replica)


def start_worker(
    invocation: Invocation, name: str, make_agent: MakeAgent, http_port: int | None, replica: str
) -> None:
    """Run a worker with this agent, as configured. Does not return: the process ends with its exit code."""
    if replica and name not in REPLICABLE:
        raise click.UsageError(
            f"{name} takes no --replica: what it finds depends on the pictures that it happened to see; "
            f"{' and '.join(REPLICABLE)} do"
        )
    metrics = Metrics()

    def count(why: Unwritten) -> None:
        metrics.log_lines_suppressed.labels(why).inc()

    # Before anything else: a config that is refused must be told, and end the process, whoever reads stderr.
    write_in_background(take_stderr(), count)
    config = invocation.config
    settings = config.workers.of(name)
    if http_port is not None:
        settings = msgspec.structs.replace(settings, http_port=http_port)

    def tell_what_is_open() -> None:
        for finding in findings(config, find_config(invocation.config_file, invocation.environment)):
            log.warning("config.open", severity=finding.severity, setting=finding.place, found=finding.text)

    cache = Path(config.models.cache) if config.models.cache else cache_root()
    spec = WORKERS[name].with_organisations(config.acknowledgements).with_gateways(config.pillars)
    run_worker(
        spec,
        make_agent,
        config.kafka,
        settings,
        config.runtime,
        cache,
        replica,
        metrics,
        when_it_can_start=tell_what_is_open,
    )
