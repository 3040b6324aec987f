"""`callbox demo`: play a scenario against the shipped workers and check all that comes out."""

import signal
import sys
from pathlib import Path
from types import FrameType
from typing import Final

import click
from rich.console import Console

from callbox.demo.finish import finish, summary
from callbox.demo.live import display_for
from callbox.demo.processes.broker import Broker, MissingBroker
from callbox.demo.processes.embedded_broker import EmbeddedBroker
from callbox.demo.processes.existing_kafka import ExistingKafka
from callbox.demo.report.files import claim
from callbox.demo.run import read_script, run
from callbox.invocation import Invocation
from models.weights import cache_root
from streams.kafka.capabilities import BrokerKind
from streams.worker.process_tuning import stop_signals

WRONG: Final = 1
"""Exit code of a run that differed from its scenario; a run that could not be made has another."""


@click.command()
@click.option(
    "--out", type=click.Path(file_okay=False, path_type=Path), default=Path("out/demo"), show_default=True
)
@click.option(
    "--data",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Folder with real pictures: plates-cn/, checkpoint/, flame/. Default: pictures drawn by the demo.",
)
@click.option(
    "--broker",
    "broker_kind",
    type=click.Choice([kind.value for kind in BrokerKind]),
    default=BrokerKind.EMBEDDED.value,
    show_default=True,
    help="Which broker is started for the run.",
)
@click.option(
    "--scenario",
    "scenario_file",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Another scenario for the same town; the shipped one is callbox/demo/scenario.toml.",
)
@click.option(
    "--kafka", metavar="HOST:PORT", help="Use this Kafka instead; its callbox topics must be empty."
)
@click.pass_obj
def demo(
    invocation: Invocation,
    out: Path,
    data: Path | None,
    broker_kind: str,
    scenario_file: Path | None,
    kafka: str | None,
) -> None:
    """Play a scenario: three feeds in, alerts out, everything checked. About half a minute."""
    configured = invocation.config.models.cache
    cache = Path(configured) if configured is not None else cache_root()
    for number in stop_signals() - {signal.SIGINT}:  # that one is Python's own KeyboardInterrupt
        signal.signal(number, _end)  # the workers and the broker are ended on the way out
    broker = _broker(BrokerKind(broker_kind), kafka, cache, out)
    script = read_script(scenario_file, data, cache)
    claim(out)
    display = display_for(Console())
    result = run(script, broker, out, cache, display)
    problems = finish(result, out)
    for line in summary(result, problems, out):
        display.note(line)
    if problems:
        raise click.exceptions.Exit(WRONG)


def _broker(kind: BrokerKind, kafka: str | None, cache: Path, out: Path) -> Broker:
    if kafka is not None:
        return ExistingKafka(kafka)
    log_file = out / "logs" / "broker.log"
    if kind is BrokerKind.KAFKA:
        return _apache_kafka(cache, log_file)
    return EmbeddedBroker(log_file)


def _apache_kafka(cache: Path, log_file: Path) -> Broker:
    try:
        # Not at the top: an operator's installation has no test brokers.
        from callbox_testkit.brokers.apache import ApacheKafka  # noqa: PLC0415
    except ModuleNotFoundError as error:
        if error.name is None or error.name.split(".")[0] != "callbox_testkit":
            raise
        raise MissingBroker(
            "callbox-testkit, which starts Apache Kafka, is not installed: run `pip install ./callbox_testkit` in a "
            "checkout, or name a Kafka that runs with --kafka HOST:PORT"
        ) from error
    return ApacheKafka(cache, log_file)


def _end(number: int, _frame: FrameType | None) -> None:
    sys.exit(128 + number)
