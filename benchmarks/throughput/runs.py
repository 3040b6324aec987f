"""One round of one runner: start it, watch its answers come, stop it, read the answers.

    started ──► answering ──► all answered ──► committed ──► stopped

Only the broker is asked how far a runner is, so that all are measured in the same way.
"""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final, Protocol

from confluent_kafka import Consumer, TopicPartition

from benchmarks.support.processor_time import cpu_seconds, machine_time, stolen_share
from benchmarks.throughput.feed import answers, steps
from benchmarks.throughput.figures import Answered, Run, digest, rate
from benchmarks.throughput.peers.jobs import INPUTS, OUTPUTS
from callbox.demo.processes.broker_process import free_port
from callbox.demo.processes.worker_process import WorkerProcess
from schemas.codec import decode
from schemas.enums import InputKind
from schemas.fusion_log import FusionInput
from streams.kafka.config import KafkaConfig
from streams.kafka.reader import read

ROOT: Final = Path(__file__).parents[2]
WORKERS: Final = {"plates": "plates", "pillars": "alarms"}
MODULES: Final = {
    "default_faust": "default_faust",
    "quix": "quix",
    "bytewax": "bytewax_flow",
    "confluent_loop": "confluent_loop",
}
IN_OWN_ENVIRONMENT: Final = frozenset({"quix", "bytewax"})
KEEPS_OWN_OFFSETS: Final = frozenset({"bytewax"})

ANSWERS_S: Final = 120.0
"""A runner without new answers for this long has failed."""

COMMITS_S: Final = 30.0
STOP_S: Final = 20.0
_LOOK_S: Final = 0.1
_ASK_S: Final = 10.0


class RunnerFailed(Exception):
    """A runner ended, or stopped answering."""


class Program(Protocol):
    """A runner's process."""

    @property
    def pid(self) -> int:
        """The process id."""

    @property
    def exit_code(self) -> int | None:
        """None while it runs."""

    def stop(self) -> object:
        """End it."""

    def log_tail(self) -> str:
        """The end of what it printed."""


class PeerProcess:
    """A runner that is not callbox, in a folder of its own for what it writes.

    Args:
        command: Interpreter and arguments.
        folder: The working folder; the log goes there too.
    """

    def __init__(self, command: Sequence[str], folder: Path) -> None:
        folder.mkdir()
        self._log = folder / "output.log"
        with self._log.open("wb") as output:
            self._process = subprocess.Popen(
                command,
                cwd=folder,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env={**os.environ, "PYTHONPATH": str(ROOT)},
            )

    @property
    def pid(self) -> int:
        """The process id."""
        return self._process.pid

    @property
    def exit_code(self) -> int | None:
        """None while it runs."""
        return self._process.poll()

    def stop(self) -> None:
        """SIGTERM, and SIGKILL if that takes too long."""
        self._process.terminate()
        try:
            self._process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def log_tail(self) -> str:
        """The last 2,000 characters that it printed."""
        return self._log.read_text("utf-8", errors="replace")[-2000:]


class Rounds:
    """Runs the rounds of one feed.

    Args:
        bootstrap: The broker; the feed is preloaded and nobody else writes answers.
        feed: "plates" or "pillars".
        records: How many the feed has.
        folder: For configs, logs and what peers write.
        peers_python: The interpreter of the peers' own environment.
    """

    def __init__(self, bootstrap: str, feed: str, records: int, folder: Path, peers_python: Path) -> None:
        self._bootstrap, self._feed, self._records = bootstrap, feed, records
        self._folder, self._peers_python = folder, peers_python
        self._kafka = KafkaConfig(bootstrap=bootstrap)

    def run(self, runner: str, number: int) -> Run:
        """One round of one runner, with a consumer group of its own.

        Raises:
            RunnerFailed: It ended, or its answers or commits stopped coming.
        """
        group = f"bench-{self._feed}-{number}-{runner}"
        committed_as = f"{group}.{WORKERS[self._feed]}" if runner == "callbox" else group
        watched = Consumer({"bootstrap.servers": self._bootstrap, "group.id": committed_as})
        try:
            return self._run(runner, group, watched)
        finally:
            watched.close()

    def _run(self, runner: str, group: str, watched: Consumer) -> Run:
        before = _ends(watched, OUTPUTS[self._feed])
        expected = answers(self._feed, self._records)
        each = self._records // expected
        program = self._callbox(group) if runner == "callbox" else self._peer(runner, group)
        try:
            self._wait(program, lambda: _ends(watched, OUTPUTS[self._feed]) != before, ANSWERS_S, "answer")
            began, cpu_began, machine_began = (
                self._count(watched, before),
                cpu_seconds(program.pid),
                machine_time(),
            )
            self._wait_for_all(program, watched, before, expected)
            cpu, stolen = cpu_seconds(program.pid) - cpu_began, stolen_share(machine_began, machine_time())
            if runner not in KEEPS_OWN_OFFSETS:
                self._wait(program, lambda: self._is_committed(watched), COMMITS_S, "commit")
        finally:
            program.stop()
        answered = self._answers(before, _ends(watched, OUTPUTS[self._feed]))
        return Run(
            events_per_s=rate([answer.appended_ms for answer in answered], each),
            digest=digest(answered),
            answers=len(answered),
            cpu_us_per_event=1e6 * cpu / max(1, (expected - began) * each),
            stolen=stolen,
        )

    def _callbox(self, group: str) -> Program:
        config = self._folder / f"{group}.toml"
        config.write_text(callbox_config(self._bootstrap, group, WORKERS[self._feed]), "utf-8")
        log_file = self._folder / f"{group}.log"
        return WorkerProcess(WORKERS[self._feed], config, http_port=free_port(), log_file=log_file)

    def _peer(self, runner: str, group: str) -> Program:
        python = str(self._peers_python) if runner in IN_OWN_ENVIRONMENT else sys.executable
        module = f"benchmarks.throughput.peers.{MODULES[runner]}"
        command = [python, "-P", "-m", module, self._bootstrap, self._feed, group]
        if runner == "default_faust":
            command.append(str(free_port()))
        return PeerProcess(command, self._folder / group)

    def _wait(self, program: Program, done: Callable[[], bool], within_s: float, what: str) -> None:
        deadline = time.monotonic() + within_s
        while not done():
            if program.exit_code is not None or time.monotonic() > deadline:
                raise RunnerFailed(f"no {what} came, exit code {program.exit_code}: {program.log_tail()}")
            time.sleep(_LOOK_S)

    def _wait_for_all(
        self, program: Program, watched: Consumer, before: dict[int, int], expected: int
    ) -> None:
        seen = 0
        while seen < expected:
            last = seen

            def has_grown(last: int = last) -> bool:
                return self._count(watched, before) > last

            self._wait(program, has_grown, ANSWERS_S, f"answer after {last} of {expected}")
            seen = self._count(watched, before)

    def _count(self, watched: Consumer, before: dict[int, int]) -> int:
        now = _ends(watched, OUTPUTS[self._feed])
        return sum(now[partition] - offset for partition, offset in before.items())

    def _is_committed(self, watched: Consumer) -> bool:
        ends = _ends(watched, INPUTS[self._feed])
        places = watched.committed([TopicPartition(INPUTS[self._feed], number) for number in ends], _ASK_S)
        return all(place.offset >= ends[place.partition] for place in places)

    def _answers(self, start: dict[int, int], stop: dict[int, int]) -> list[Answered]:
        topic = OUTPUTS[self._feed]
        found = [
            Answered(record.timestamp_ms, record.key or b"", record.value or b"")
            for partition in start
            for record in read(self._kafka, topic, partition, start[partition], stop[partition])
        ]
        return found if self._feed == "plates" else [answer for answer in found if _is_event(answer.value)]


def callbox_config(bootstrap: str, group: str, worker: str) -> str:
    """The config of the worker as shipped, except for settings that are meant for pictures.

    The shipped plates worker has a low priority and takes 32 records at a time, since each may carry a picture. A feed
    of texts is run with the settings of the alarms worker.
    """
    table = (
        "\n[workers.plates]\nnice = 0\nbackground = false\n"
        "batch_records = 1000\nmerge_records = 1000\nwaiting_batches = 64\n"
    )
    settings = f'[kafka]\nbootstrap = "{bootstrap}"\n\n[runtime]\ngroup_prefix = "{group}"\n'
    return settings + table if worker == "plates" else settings


def checked_records(feed: str, records: int) -> int:
    """The number of records in whole steps of the feed, at least two steps."""
    return max(2, records // steps(feed)) * steps(feed)


def _ends(watched: Consumer, topic: str) -> dict[int, int]:
    partitions = watched.list_topics(topic, timeout=_ASK_S).topics[topic].partitions
    return {
        number: watched.get_watermark_offsets(TopicPartition(topic, number), timeout=_ASK_S)[1]
        for number in sorted(partitions)
    }


def _is_event(value: bytes) -> bool:
    """The alarms worker also tells the log how far its feed is."""
    return decode(value, FusionInput).kind is InputKind.PILLAR_EVENT
