"""The command line: `callbox [--config FILE] COMMAND`.

A subcommand is imported when it is called, so that a worker for presses does not load OpenCV for the demo's sake.
"""

import os
import sys
import traceback
from collections.abc import Mapping, Sequence
from importlib import import_module, metadata
from pathlib import Path
from typing import Final

import click

from callbox.invocation import Invocation
from callbox.log_thread import write_error
from callbox.logging import LogFormat, configure_logs
from schemas.errors import CallboxError

__all__ = ["Invocation", "cli", "main", "run"]

EX_SOFTWARE: Final = 70
INTERRUPTED: Final = 130  # 128 + SIGINT, as shells have it

COMMANDS: Final[Mapping[str, str]] = {
    "config": "callbox.commands.config:config",
    "demo": "callbox.commands.demo:demo",
    "dlq": "callbox.commands.dlq:dlq",
    "exercise": "callbox.commands.exercise:exercise",
    "hotlist": "callbox.commands.hotlist:hotlist",
    "incidents": "callbox.commands.incidents:incidents",
    "keys": "callbox.commands.keys:keys",
    "log": "callbox.commands.log:log",
    "maintenance": "callbox.commands.maintenance:maintenance",
    "models": "callbox.commands.models:models",
    "policy": "callbox.commands.policy:policy",
    "registry": "callbox.commands.registry:registry",
    "send": "callbox.commands.send:send_group",
    "tail": "callbox.commands.tail:tail",
    "topics": "callbox.commands.topics:topics",
    "worker": "callbox.commands.worker:worker",
}


class _Commands(click.Group):
    """Subcommands that are imported when they are called (click's own way to do so is a subclass)."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if (added := super().get_command(ctx, cmd_name)) is not None:  # by click's add_command
            return added
        if (place := COMMANDS.get(cmd_name)) is None:
            return None
        module, _, attribute = place.partition(":")
        command: click.Command = getattr(import_module(module), attribute)
        return command

    def invoke(self, ctx: click.Context) -> object:
        """Run the subcommand. It is no error if the reader of our output ends first (`callbox tail … | head`)."""
        try:
            result: object = super().invoke(ctx)
            sys.stdout.flush()
        except BrokenPipeError:
            # Output that is still buffered must not fail again when the process ends.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return None
        return result


@click.command(cls=_Commands)
@click.option(
    "--config",
    "config_file",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Config file; else CALLBOX_CONFIG, else ./callbox.toml, else the defaults.",
)
@click.option(
    "--log-format",
    type=click.Choice([log_format.value for log_format in LogFormat]),
    default=LogFormat.JSON.value,
    show_default=True,
    help="How log lines on stderr look.",
)
@click.option("--verbose", is_flag=True, help="Also log what Faust does.")
@click.version_option(metadata.version("callbox"), package_name="callbox")
@click.pass_context
def cli(context: click.Context, config_file: Path | None, log_format: str, *, verbose: bool) -> None:
    """Event-streaming sensor fusion for emergency control rooms."""
    configure_logs(LogFormat(log_format), verbose=verbose)
    context.obj = Invocation(config_file)


def main() -> None:
    """The `callbox` script."""
    sys.exit(run())


def run(arguments: Sequence[str] | None = None, command: click.Command = cli) -> int:
    """Run one command.

    Args:
        arguments: Without the program's name; None takes those of the process.
        command: The command line.

    Returns:
        The exit code (docs/reference/exit-codes.md).
    """
    try:
        code = command.main(arguments, prog_name="callbox", standalone_mode=False)
    except CallboxError as error:
        write_error(f"callbox: {error}")
        return error.exit_code
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except click.Abort:
        return INTERRUPTED
    except Exception:  # noqa: BLE001 - a bug: print where, and end with a code of our own
        write_error(traceback.format_exc().rstrip())
        return EX_SOFTWARE
    return code if isinstance(code, int) else 0
