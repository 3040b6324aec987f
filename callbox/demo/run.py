"""The demo from end to end: broker, commands, workers, play, watch, stop, read everything, check.

broker ─► topics, registry, policy, hotlist ─► four workers ready ─► play ─► quiescent ─► stopped ─► read ─► checked
"""

import tempfile
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from contextlib import ExitStack
from importlib.resources import as_file, files
from pathlib import Path
from queue import Empty, SimpleQueue
from threading import Thread
from typing import Final, TypeVar

from callbox.demo.check.collect import ALERT_TOPICS, harvest
from callbox.demo.check.outcome import expected, observed, plate_read_counts
from callbox.demo.fixtures import make_cast
from callbox.demo.hotlist import hotlist_file
from callbox.demo.live import Show
from callbox.demo.play import Sent, play
from callbox.demo.processes.broker import Broker
from callbox.demo.processes.environment import run_command, running_workers, stop, write_config
from callbox.demo.processes.worker_process import WorkerProcess
from callbox.demo.quiesce import settle
from callbox.demo.result import Durations, Script, Story
from callbox.demo.scenario import Scenario, read_scenario
from callbox.demo.schedule import Due, due_records
from callbox.demo.watch import Watcher
from callbox.registry.registry_file import read_site
from callbox.terminal.text_file import read_text
from schemas.alert import Alert
from schemas.codec import decode
from schemas.errors import TopicRefused
from schemas.topics import BY_NAME, VERIFICATION_REQUESTS
from schemas.units import SECOND_MS, EpochMs
from streams.clock import monotonic, now_ms, pause
from streams.kafka.admin import admin_client
from streams.kafka.config import KafkaConfig
from streams.kafka.reader import read_all

WATCHED: Final = (*ALERT_TOPICS, VERIFICATION_REQUESTS)


_STEP_S: Final = 0.05


_ANSWER_S: Final = 10.0


def shipped(name: str) -> str:
    """The text of a file that comes with the demo."""
    return files("callbox.demo").joinpath(name).read_text(encoding="utf-8")


def read_script(file: Path | None, data: Path | None, cache: Path) -> Script:
    """The scenario, its town and its cast.

    Args:
        file: A scenario, or None for the shipped one.
        data: Folder with real pictures, or None.
        cache: Where the models and the font are.

    Raises:
        FileRefused: The scenario is refused as a whole.
        InputMissing: The scenario, a picture or the font is not there.
    """
    text = shipped("scenario.toml") if file is None else read_text(file)
    scenario = read_scenario(text, "scenario.toml" if file is None else str(file))
    town = read_site(shipped("town.toml"), "town.toml")
    return Script(scenario, town, make_cast(scenario, data, cache))


def run(script: Script, broker: Broker, out: Path, cache: Path, show: Show) -> Story:
    """Run the demo.

    Args:
        script: What is played.
        broker: Not started yet; its callbox topics are empty.
        out: Folder for what the workers print, in `logs/`.
        cache: Where the models are.
        show: Where people see it.

    Raises:
        CallboxError: The house could not be set up.
    """
    began = monotonic()
    logs = out / "logs"
    logs.mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        scratch = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="callbox-demo-")))
        stack.enter_context(broker)
        kafka = KafkaConfig(bootstrap=broker.bootstrap, kind=broker.kind)
        show.say(f"broker      {broker.kind} at {broker.bootstrap}")
        config = scratch / "callbox.toml"
        write_config(config, kafka, cache)
        _set_up(config, kafka, script, scratch, show)
        with running_workers(config, logs) as workers:
            show.say(f"workers     {', '.join(workers)} are ready after {monotonic() - began:.1f} s")
            ready = monotonic()
            with Watcher(kafka, WATCHED) as watcher:
                sent, problems = _perform(script, kafka, workers, watcher, show)
            played = monotonic()
            pages = {name: worker.page("/metrics") for name, worker in workers.items()}
            problems += stop(workers)
        found = harvest(kafka)
    for name, page in pages.items():
        (logs / f"{name}.metrics").write_text(page, encoding="utf-8")
    durations = Durations(ready - began, played - ready, monotonic() - began)
    arrived = {
        decode(arrival.value, Alert).alert_id: arrival.at
        for arrival in reversed(watcher.arrivals)  # the first of each counts
        if arrival.topic in ALERT_TOPICS
    }
    return Story(
        script, sent, found, arrived, plate_read_counts(pages["plates"]), problems, durations, broker.kind
    )


def _set_up(config: Path, kafka: KafkaConfig, script: Script, scratch: Path, show: Show) -> None:
    """Run the commands that an operator runs; the hotlist's file is gone with the folder it lies in."""
    _refuse_a_used_broker(kafka)
    run_command(config, ["topics", "apply"])
    hotlist = scratch / "hotlist.toml"
    hotlist.write_text(hotlist_file(script.cast.vehicles.values(), now_ms()), encoding="utf-8")
    with ExitStack() as opened:
        for name in ("registry", "policy"):
            file = {"registry": "town.toml", "policy": "policy.toml"}[name]
            path = opened.enter_context(as_file(files("callbox.demo").joinpath(file)))
            printed = run_command(config, [name, "apply", str(path)])
            show.say(f"{name:10}  {printed.strip().splitlines()[-1]}")
    show.say(f"hotlist     {run_command(config, ['hotlist', 'apply', str(hotlist)]).splitlines()[0]}")


def _refuse_a_used_broker(kafka: KafkaConfig) -> None:
    """The demo replaces registry, policy and hotlist, and checks all that is in the topics.

    Raises:
        TopicRefused: A topic holds records.
    """
    there = admin_client(kafka, []).list_topics(timeout=_ANSWER_S).topics
    for name in sorted(there.keys() & BY_NAME.keys()):
        if next(read_all(kafka, name), None) is not None:
            raise TopicRefused(f"{kafka.bootstrap}: {name} holds records; the demo needs a broker of its own")


def _perform(
    script: Script,
    kafka: KafkaConfig,
    workers: Mapping[str, WorkerProcess],
    watcher: Watcher,
    show: Show,
) -> tuple[list[Sent], list[str]]:
    """Play and settle in a thread, and show meanwhile what goes in and comes out."""
    due = due_records(script.scenario, script.town, script.cast)
    begun: SimpleQueue[tuple[EpochMs, Due]] = SimpleQueue()

    def perform() -> tuple[list[Sent], list[str]]:
        sent = play(kafka, due, lambda record: begun.put((now_ms(), record)))
        wanted = expected(script.scenario, script.town, sent)
        return sent, settle(kafka, workers, sent, lambda: not wanted - observed(harvest(kafka)))

    screening = _Screening(script.scenario, watcher, show)
    performance = in_background(perform)
    try:
        while not performance.done():
            screening.refresh(begun)
            pause(_STEP_S)
        screening.refresh(begun)
    finally:
        show.close()
    return performance.result()


class _Screening:
    """Hands what is new to the show."""

    def __init__(self, scenario: Scenario, watcher: Watcher, show: Show) -> None:
        self._scenario, self._watcher, self._show = scenario, watcher, show
        self._steps: set[int] = set()
        self._shown = 0
        self._start = now_ms()

    def refresh(self, begun: SimpleQueue[tuple[EpochMs, Due]]) -> None:
        """Show the steps that began, then what arrived."""
        while True:
            try:
                at, record = begun.get_nowait()
            except Empty:
                break
            if not self._steps:
                self._start = at
            if record.step not in self._steps:
                self._steps.add(record.step)
                self._show.step(self._seconds(at), self._scenario.steps[record.step].what)
        for arrival in self._watcher.arrivals[self._shown :]:
            self._shown += 1
            self._show.arrived(self._seconds(arrival.at), arrival)

    def _seconds(self, at: EpochMs) -> float:
        return (at - self._start) / SECOND_MS


T = TypeVar("T")


def in_background(work: Callable[[], T]) -> Future[T]:
    """Run `work` in a daemon thread; an executor's thread would be waited for after Ctrl-C."""
    future: Future[T] = Future()

    def run() -> None:
        try:
            future.set_result(work())
        except BaseException as error:  # noqa: BLE001 - whoever asks for the result gets it
            future.set_exception(error)

    Thread(target=run, name="background", daemon=True).start()
    return future
