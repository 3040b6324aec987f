"""`callbox worker NAME`: run one stream worker until SIGTERM."""

from importlib import import_module
from pathlib import Path

import click
import msgspec

from callbox.invocation import Invocation
from callbox.terminal.choices import REPLICATED, replica_name
from models.weights import cache_root
from streams.worker.process import AgentClass, run_worker

AGENTS = {
    "alarms": "streams.workers.alarms:AlarmsAgent",
    "frames": "streams.workers.frames:FramesAgent",
    "plates": "streams.workers.plates:PlatesAgent",
    "fusion": "streams.workers.fusion:FusionAgent",
}


def load_agent(name: str) -> AgentClass:
    """Load one agent only: alarms and fusion carry no OpenCV and no onnxruntime."""
    module, _, attribute = AGENTS[name].partition(":")
    made: AgentClass = getattr(import_module(module), attribute)
    return made


@click.command()
@click.argument("name", type=click.Choice(tuple(AGENTS)))
@click.option("--http-port", type=click.IntRange(0, 65535), help="Port of the probes; 0 turns them off.")
@click.option(
    "--replica",
    metavar="NAME",
    default="",
    callback=replica_name,
    help="alarms and fusion: a second set of workers beside the first, 1 to 16 letters, digits or '-'.",
)
@click.pass_obj
def worker(invocation: Invocation, name: str, http_port: int | None, replica: str) -> None:
    """Run one stream worker until SIGTERM."""
    start_worker(invocation, name, load_agent(name), http_port, replica)


def start_worker(
    invocation: Invocation, name: str, make_agent: AgentClass, http_port: int | None, replica: str
) -> None:
    """Run a worker with this agent, as configured. Does not return: the process ends with its exit code."""
    if replica and name not in REPLICATED:
        raise click.UsageError(
            f"{name} takes no --replica: what it finds depends on the pictures that it happened to see; "
            f"{' and '.join(REPLICATED)} do"
        )
    config = invocation.config
    settings = getattr(config.workers, name)
    if http_port is not None:
        settings = msgspec.structs.replace(settings, http_port=http_port)
    cache = Path(config.models.cache) if config.models.cache else cache_root()
    run_worker(name, make_agent, config.kafka, settings, config.runtime, cache, replica)
