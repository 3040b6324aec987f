"""`callbox config check` and `callbox config show`: look at the config in force before anything runs with it."""

import click

from callbox.config import find_config, show
from callbox.config_findings import Severity, findings
from callbox.invocation import Invocation
from callbox.terminal.printable import echo, echo_json
from callbox.terminal.text_file import refusal
from streams.kafka.client_settings import librdkafka_settings
from streams.kafka.log_signing import signer_of, verifier_of


@click.group()
def config() -> None:
    """Check or show the config."""


@config.command()
@click.option(
    "--allow-plaintext",
    is_flag=True,
    help="A broker on another machine without TLS is a warning; a password in clear is an error all the same.",
)
@click.option("--strict", is_flag=True, help="Warnings are errors.")
@click.pass_obj
def check(invocation: Invocation, *, allow_plaintext: bool, strict: bool) -> None:
    """Read the config and what it names, and tell what it leaves open. No broker is asked."""
    loaded = invocation.config
    librdkafka_settings(loaded.kafka)  # reads the files that it refers to, and names what is missing
    signer_of(loaded.kafka)
    verifier_of(loaded.kafka)
    origin = _origin(invocation)
    file = find_config(invocation.config_file)
    found = findings(loaded, file, allow_plaintext=allow_plaintext)
    errors = [finding for finding in found if strict or finding.severity is Severity.ERROR]
    if errors:
        for finding in found:
            if finding not in errors:
                echo(f"{origin}: {finding}", err=True)
        raise refusal(origin, list(map(str, errors)))
    for finding in found:
        echo(f"{origin}: {finding}")
    state = "in order" if not found else f"no error, {len(found)} to look at"
    echo(f"{origin}: {state}, broker {loaded.kafka.bootstrap}")


@config.command(name="show")
@click.pass_obj
def show_config(invocation: Invocation) -> None:
    """Print every setting in force as JSON, secrets masked."""
    echo_json(show(invocation.config), indent=True)


def _origin(invocation: Invocation) -> str:
    found = find_config(invocation.config_file)
    return "no config file, defaults" if found is None else str(found)
