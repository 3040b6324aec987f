"""The demo from end to end: broker, commands, workers, play, watch, stop, read everything, check.

broker ─► topics, registry, policy, hotlist ─► four workers ready ─► play ─► quiescent ─► stopped ─► read ─► checked
"""

import tempfile
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from contextlib import ExitStack
from importlib.resources import as_file, files
from pathlib import Path
from threading import Thread
from typing import Final, TypeVar

from callbox.demo.check.collect import ALERT_TOPICS, collect
from callbox.demo.check.outcome import expected, observed, plate_read_counts
from callbox.demo.fixtures import make_fixtures
from callbox.demo.hotlist import hotlist_file
from callbox.demo.live import Display, RunProgress
from callbox.demo.play import Sent, play
from callbox.demo.processes.broker import Broker
from callbox.demo.processes.environment import run_command, running_workers, stop, write_config
from callbox.demo.processes.worker_process import WorkerProcess
from callbox.demo.quiesce import quiesce
from callbox.demo.result import Durations, RunResult, Script
from callbox.demo.scenario import read_scenario
from callbox.demo.schedule import schedule_records
from callbox.demo.watch import Watcher
from callbox.registry.registry_file import read_site
from callbox.terminal.text_file import read_text
from schemas.alert import Alert
from schemas.codec import decode
from schemas.errors import TopicRefused
from schemas.topics import BY_NAME, FUSION_INPUT, VERIFICATION_REQUESTS
from streams.clock import monotonic, now_ms, pause
from streams.kafka.admin import admin_client
from streams.kafka.config import KafkaConfig
from streams.kafka.reader import read_all

T = TypeVar("T")

WATCHED: Final = (*ALERT_TOPICS, VERIFICATION_REQUESTS)
_STEP_S: Final = 0.05
_ANSWER_S: Final = 10.0


def shipped(name: str) -> str:
    """The text of a file that comes with the demo."""
    return files("callbox.demo").joinpath(name).read_text(encoding="utf-8")


def read_script(file: Path | None, data: Path | None, cache: Path) -> Script:
    """Read the scenario and its town, and make its fixtures.

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
    return Script(scenario, town, make_fixtures(scenario, data, cache))


def run(script: Script, broker: Broker, out: Path, cache: Path, display: Display) -> RunResult:
    """Run the demo.

    Args:
        script: What is played.
        broker: Not started yet; its callbox topics are empty.
        out: Folder for what the workers print, in `logs/`.
        cache: Where the models are.
        display: Where people see it.

    Raises:
        CallboxError: The environment could not be set up.
    """
    began = monotonic()
    logs = out / "logs"
    logs.mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        scratch = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="callbox-demo-")))
        stack.enter_context(broker)
        kafka = KafkaConfig(bootstrap=broker.bootstrap, kind=broker.kind)
        display.note(f"broker      {broker.kind} at {broker.bootstrap}")
        config = scratch / "callbox.toml"
        write_config(config, kafka, cache)
        _set_up(config, kafka, script, scratch, display)
        with running_workers(config, logs) as workers:
            display.note(f"workers     {', '.join(workers)} are ready after {monotonic() - began:.1f} s")
            ready = monotonic()
            with Watcher(kafka, WATCHED) as watcher:
                sent, problems = _play_and_show(script, kafka, workers, watcher, display)
            played = monotonic()
            pages = {name: worker.page("/metrics") for name, worker in workers.items()}
            problems += stop(workers)
        collected = collect(kafka)
    for name, page in pages.items():
        (logs / f"{name}.metrics").write_text(page, encoding="utf-8")
    durations = Durations(ready - began, played - ready, monotonic() - began)
    arrived = {
        decode(arrival.value, Alert).alert_id: arrival.at
        for arrival in reversed(watcher.arrivals)  # the first of each counts
        if arrival.topic in ALERT_TOPICS
    }
    return RunResult(
        script, sent, collected, arrived, plate_read_counts(pages["plates"]), problems, durations, broker.kind
    )


def _set_up(config: Path, kafka: KafkaConfig, script: Script, scratch: Path, display: Display) -> None:
    """Run the commands that an operator runs. The hotlist's file is removed with the folder that it is in."""
    _refuse_a_used_broker(kafka)
    run_command(config, ["topics", "apply"])
    hotlist = scratch / "hotlist.toml"
    hotlist.write_text(hotlist_file(script.fixtures.vehicles.values(), now_ms()), encoding="utf-8")
    with ExitStack() as opened:
        for name in ("registry", "policy"):
            file = {"registry": "town.toml", "policy": "policy.toml"}[name]
            path = opened.enter_context(as_file(files("callbox.demo").joinpath(file)))
            printed = run_command(config, [name, "apply", str(path)])
            display.note(f"{name:10}  {printed.strip().splitlines()[-1]}")
    display.note(f"hotlist     {run_command(config, ['hotlist', 'apply', str(hotlist)]).splitlines()[0]}")


def _refuse_a_used_broker(kafka: KafkaConfig) -> None:
    """Refuse a broker that is in use: the demo replaces registry, policy and hotlist, and checks all topics.

    Raises:
        TopicRefused: A topic holds records.
    """
    there = admin_client(kafka, []).list_topics(timeout=_ANSWER_S).topics
    for name in sorted(there.keys() & BY_NAME.keys()):
        if next(read_all(kafka, name), None) is not None:
            raise TopicRefused(f"{kafka.bootstrap}: {name} holds records; the demo needs a broker of its own")


def _play_and_show(
    script: Script,
    kafka: KafkaConfig,
    workers: Mapping[str, WorkerProcess],
    watcher: Watcher,
    display: Display,
) -> tuple[list[Sent], list[str]]:
    """Play and quiesce in a thread; show meanwhile what goes in and what comes out."""
    records = schedule_records(
        script.scenario, script.town, script.fixtures, watcher.incident_of, watcher.revision_of
    )
    progress = RunProgress(script.scenario, watcher.arrivals, display)

    def play_and_quiesce() -> tuple[list[Sent], list[str]]:
        sent = play(kafka, records, lambda record: progress.sent(record.step))
        wanted = expected(script.scenario, script.town, sent)
        return sent, quiesce(
            workers,
            sent,
            appended=lambda: sum(1 for _record in read_all(kafka, FUSION_INPUT)),
            is_complete=lambda: not wanted - observed(collect(kafka)),
        )

    playing = in_background(play_and_quiesce)
    try:
        while not playing.done():
            progress.refresh()
            pause(_STEP_S)
        progress.refresh()
    finally:
        display.close()
    return playing.result()


def in_background(work: Callable[[], T]) -> Future[T]:
    """Run `work` in a daemon thread: Python would wait for the thread of an executor after Ctrl-C."""
    future: Future[T] = Future()

    def run() -> None:
        try:
            future.set_result(work())
        except BaseException as error:  # noqa: BLE001 - whoever asks for the result gets it
            future.set_exception(error)

    Thread(target=run, name="background", daemon=True).start()
    return future
