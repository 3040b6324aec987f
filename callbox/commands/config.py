"""`callbox config check` and `callbox config show`: look at the config in force before anything runs with it."""

import click

from callbox.config import find_config, show
from callbox.invocation import Invocation
from callbox.terminal.printable import echo, echo_json
from streams.kafka.client_settings import librdkafka_settings


@click.group()
def config() -> None:
    """Check or show the config."""


@config.command()
@click.pass_obj
def check(invocation: Invocation) -> None:
    """Read the config and look for the files and passwords that it names. No broker is asked."""
    loaded = invocation.config
    librdkafka_settings(loaded.kafka)  # reads the files that it refers to, and names what is missing
    echo(f"{_origin(invocation)}: in order, broker {loaded.kafka.bootstrap}")


@config.command(name="show")
@click.pass_obj
def show_config(invocation: Invocation) -> None:
    """Print every setting in force as JSON, secrets masked."""
    echo_json(show(invocation.config), indent=True)


def _origin(invocation: Invocation) -> str:
    found = find_config(invocation.config_file)
    return "no config file, defaults" if found is None else str(found)
