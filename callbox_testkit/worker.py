"""`python -m callbox_testkit.worker …`: takes what `callbox` takes; of its workers pieces may be substituted.

CALLBOX_SABOTAGE, CALLBOX_FAIL_POINT ─► pieces ─► given to the shipped agent ─► the shipped worker runs with them

Without these variables it is `callbox`. Another value ends the process at its start.
"""

import os
import sys
from collections.abc import Mapping
from typing import Final

import click

from callbox.cli import cli, run
from callbox.commands.worker import start_worker
from callbox.commands.worker import worker as shipped
from callbox.invocation import Invocation
from callbox_testkit.fail_points import ended_by, killed_at, requested_deadly_record, requested_fail_point
from callbox_testkit.sabotage import requested_sabotage, sabotaged
from streams.worker.agent import MakeAgent
from streams.worker.spec import WORKERS

PROGRAM: Final = (sys.executable, "-P", "-m", "callbox_testkit.worker")
"""For `callbox.demo.processes.worker_process.WorkerProcess`, in the place of the shipped program."""


def substituted(name: str, make_agent: MakeAgent, environment: Mapping[str, str]) -> MakeAgent:
    """The agent of this worker with the pieces that the environment asks for.

    Raises:
        ValueError: It asks for something that is not known.
    """
    if sabotage := requested_sabotage(environment):
        make_agent = sabotaged(make_agent, sabotage)
    if (fail_point := requested_fail_point(environment)) and fail_point.worker == name:
        make_agent = killed_at(make_agent, fail_point)
    if (deadly := requested_deadly_record(environment)) and deadly.worker == name:
        make_agent = ended_by(make_agent, deadly)
    return make_agent


@click.pass_obj
def _worker(invocation: Invocation, name: str, http_port: int | None, replica: str) -> None:
    start_worker(
        invocation, name, substituted(name, WORKERS[name].load_agent(), os.environ), http_port, replica
    )


def main() -> None:
    """Run it, with its own `worker` in the place of the shipped one."""
    cli.add_command(click.Command("worker", params=shipped.params, callback=_worker, help=shipped.help))
    sys.exit(run())


if __name__ == "__main__":
    main()
