"""Workers of a release are started anew for each slice: on new topics, with no commit, snapshot or incident before it.

    topics deleted ─► made by the release ─► pillars registered ─► workers ready, log folded ─► warm-up ─► measured

So no slice carries another's incidents, and a slice of today's workers and one of an earlier release begin with the
same state on the same broker. Answering and closing what a phase has raised would not do that: what has ended stays in
the state and its tombstones are still to be written, and 30,000 acknowledgements take longer than the phase. Within a
slice nobody answers: what is pressed escalates after 30 s, and the bench prints the alerts a press.
"""

import os
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

from benchmarks.endurance.earlier_tree import EarlierTree
from benchmarks.latency.phases import Line, Meter
from benchmarks.support import registry_load
from benchmarks.support.group_lag import GroupLag
from callbox.demo.processes.broker_process import free_port
from callbox.demo.processes.worker_process import COMMAND, WorkerProcess
from callbox_testkit.brokers.wipe import wipe
from processors.incident.press_latency import first_named_press
from schemas.alert import Alert
from schemas.codec import decode
from schemas.topics import ALERTS, FUSION_INPUT, PILLAR_EVENTS
from streams.kafka.config import KafkaConfig
from streams.kafka.producer import publish

WORKERS = ("alarms", "fusion")
READY_S = 60.0
WARM_UP_RATE = 50
WARM_UP_S = 4.0
WARM_UP_PRESSES = int(WARM_UP_RATE * WARM_UP_S)
"""A worker's first presses fetch metadata, fill caches and build tables. They are few: what they raise is open too."""

FOLDED = 50
"""Records of the log that may be left when the presses begin: ticks come each second, commits too."""

FOLDED_WITHIN_S = 60.0
LOOK_S = 0.2
CHUNK = 20_000
KEPT = ("bench.", "__")
"""Topics that are no release's: those of the hops, and the broker's own."""


class Release:
    """Today's tree, or an earlier one, on one broker.

    Args:
        bootstrap: The broker.
        folder: Folder for config and logs.
        meter: Presses for the warm-up.
        earlier: The earlier tree; None: today's.
        make_topics: Makes the topics, in the place of `callbox topics apply`.
    """

    def __init__(
        self,
        bootstrap: str,
        folder: Path,
        meter: Meter,
        earlier: EarlierTree | None = None,
        *,
        make_topics: Callable[[], None] | None = None,
    ) -> None:
        self._kafka, self._folder, self._meter, self._earlier = (
            KafkaConfig(bootstrap=bootstrap),
            folder,
            meter,
            earlier,
        )
        self._make_topics = make_topics or self._apply_topics
        self._config = folder / "callbox.toml"
        self._config.write_text(f'[kafka]\nbootstrap = "{bootstrap}"\n')

    @contextmanager
    def started(
        self,
        presses: int,
        *,
        prepare: Callable[[], None] = lambda: None,
        beside: Sequence[str] = (),
    ) -> Iterator[tuple[Line, dict[str, WorkerProcess]]]:
        """Workers that have nothing behind them but a warm-up.

        Args:
            presses: How many pillars are to be pressed; the first is number `WARM_UP_PRESSES`.
            prepare: Called when the topics are there, before any worker starts.
            beside: Workers to start beside `alarms` and `fusion`.

        Yields:
            The line to measure, and the workers by name.
        """
        wipe(self._kafka, lambda topic: not topic.startswith(KEPT))
        self._make_topics()
        self._register(WARM_UP_PRESSES + presses)
        prepare()
        with ExitStack() as running:
            workers = {name: running.enter_context(self._worker(name)) for name in (*WORKERS, *beside)}
            for worker in workers.values():
                worker.wait_until_ready(READY_S)
            self._wait_until_folded()
            line = self._line({name: workers[name].pid for name in WORKERS})
            self._meter.press(line, first=0, rate=WARM_UP_RATE, seconds=WARM_UP_S)
            yield line, workers

    def _apply_topics(self) -> None:
        command = [*COMMAND, "--config", str(self._config), "topics", "apply"]
        subprocess.run(command, env=self._environment, check=True, stdout=subprocess.DEVNULL)

    def _register(self, pillars: int) -> None:
        if self._earlier is not None:
            self._earlier.register_pillars(self._kafka.bootstrap, pillars)
            return
        records = list(registry_load.records(range(pillars)))
        for at in range(0, len(records), CHUNK):
            publish(self._kafka, records[at : at + CHUNK])

    def _wait_until_folded(self) -> None:
        """Wait until `fusion` has committed what was registered: a worker is ready while it still works on a backlog.

        Raises:
            TimeoutError: It has not.
        """
        deadline = time.monotonic() + FOLDED_WITHIN_S
        with closing(GroupLag(self._kafka.bootstrap, "fusion", FUSION_INPUT)) as lag:
            while (left := lag.records()) > FOLDED:
                if time.monotonic() > deadline:
                    raise TimeoutError(f"fusion has not folded {left} records in {FOLDED_WITHIN_S:g} s")
                time.sleep(LOOK_S)

    def _line(self, processes: dict[str, int]) -> Line:
        return Line(
            PILLAR_EVENTS,
            ALERTS,
            first_named_presses,
            processes,
            self._environment,
        )

    def _worker(self, name: str) -> WorkerProcess:
        kind = "today" if self._earlier is None else "earlier"
        log_file = self._folder / f"{name}-{kind}.log"
        environment = {} if self._earlier is None else self._earlier.environment
        return WorkerProcess(
            name, self._config, http_port=free_port(), log_file=log_file, environment=environment
        )

    @property
    def _environment(self) -> dict[str, str]:
        return dict(os.environ) if self._earlier is None else self._earlier.whole


def first_named_presses(value: bytes) -> Iterator[int]:
    """The number of the press that an alert names first."""
    press = first_named_press(decode(value, Alert))
    if press is not None:
        yield int(press.event_id.removeprefix("press-"))
