"""The environment of a run: the shipped commands and the four shipped workers, each a process of its own."""

import signal
import subprocess
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final, Protocol

from callbox.demo.processes.broker_process import free_port
from callbox.demo.processes.worker_process import COMMAND, WorkerProcess
from schemas.errors import CallboxError
from streams.kafka.config import KafkaConfig
from streams.worker.spec import WORKERS

READ_BY: Final[Mapping[str, tuple[str, ...]]] = {name: spec.reads for name, spec in WORKERS.items()}
"""What each worker reads."""

READY_WITHIN_S: Final = 90.0  # 4-8 s measured on two idle cores
_COMMAND_WITHIN_S: Final = 60.0
_TAIL: Final = 2_000  # characters


class CommandFailed(CallboxError):
    """One of the commands that set up the environment failed; the text has what it printed."""


def write_config(path: Path, kafka: KafkaConfig, cache: Path) -> None:
    """Write the config file that the commands and the workers read."""
    path.write_text(
        f'[kafka]\nbootstrap = "{kafka.bootstrap}"\nkind = "{kafka.kind}"\n\n[models]\ncache = "{cache.absolute()}"\n',
        encoding="utf-8",
    )


def run_command(config: Path, arguments: Sequence[str]) -> str:
    """Run `callbox ARGUMENTS` and return what it printed.

    Raises:
        CommandFailed: It ended with another code than 0.
    """
    done = subprocess.run(
        [*COMMAND, "--config", str(config), *arguments],
        check=False,
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        timeout=_COMMAND_WITHIN_S,
    )
    if done.returncode != 0:
        raise CommandFailed(
            f"callbox {' '.join(arguments[:2])} ended with {done.returncode}: {done.stderr[-_TAIL:]}"
        )
    return done.stdout


@contextmanager
def running_workers(
    config: Path, logs: Path, *, verbose: bool = False
) -> Iterator[Mapping[str, WorkerProcess]]:
    """Run the four workers: they are ready when the block begins, and are ended with it, whatever happened.

    Args:
        config: Their config file.
        logs: Folder for the output of each.
        verbose: Run them with `--verbose`.

    Raises:
        WorkerFailed: One of them ended, or was not ready in time.
    """
    with ExitStack() as running:
        workers = {
            name: running.enter_context(
                WorkerProcess(
                    name,
                    config,
                    http_port=free_port(),
                    log_file=logs / f"{name}.log",
                    options=("--verbose",) if verbose else (),
                )
            )
            for name in READ_BY
        }
        for worker in workers.values():
            worker.wait_until_ready(READY_WITHIN_S)
        yield workers


def stop(workers: Mapping[str, WorkerProcess]) -> list[str]:
    """Ask all workers to end and wait for them.

    Returns:
        What was wrong, a line each: a worker that had ended by itself, or ended with an error.
    """
    running = [worker for worker in workers.values() if worker.exit_code is None]
    problems = [f"worker {name} ended by itself" for name in workers if workers[name] not in running]
    for worker in running:
        worker.send(signal.SIGTERM)
    codes = {worker.name: worker.stop() for worker in running}
    return problems + [f"worker {name} ended with code {code}" for name, code in codes.items() if code]


class WorkerProbe(Protocol):
    """A running worker, as far as its probes go."""

    name: str

    def page(self, path: str) -> str:
        """The content of one of its pages."""

    def is_ready(self) -> bool:
        """Whether `/readyz` answers that it is ready."""


def records_done(worker: WorkerProbe) -> int:
    """How many records of its topics a worker has processed.

    Raises:
        OSError: It does not answer.
    """
    return counter_values(worker.page("/metrics"), "callbox_records_total").total()


def counter_values(page: str, name: str) -> Counter[str]:
    """The values of a counter on a page of metrics, by the text of their labels."""
    lines = (
        line.removeprefix(name).rsplit(" ", 1) for line in page.splitlines() if line.startswith(f"{name}{{")
    )
    return Counter({labels: round(float(value)) for labels, value in lines})
