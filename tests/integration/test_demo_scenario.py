"""The demo's scenario on both brokers: what comes out is exactly what the scenario file says."""

from pathlib import Path

import fastavro
import msgspec
import pytest
from rich.console import Console

from callbox.demo.check.outcome import expected, mismatches, observed
from callbox.demo.finish import finish
from callbox.demo.live import Lines
from callbox.demo.processes.broker import Broker
from callbox.demo.processes.embedded_broker import EmbeddedBroker
from callbox.demo.report.files import ALERTS_FILE, PAGE, RECORDING, SNAPSHOTS
from callbox.demo.result import RunResult
from callbox.demo.run import read_script, run
from callbox_testkit.brokers.apache import ApacheKafka
from models.weights import verify
from processors.fold.log_entry import LogEntry
from schemas.topics import VERIFICATION_REQUESTS
from streams.kafka.capabilities import BrokerKind
from streams.replay.recording import load_log
from streams.replay.refold import differences, refold
from tests.support.kill_harness import kafka_or_skip

pytestmark = pytest.mark.weights

BROKERS = [
    pytest.param(BrokerKind.EMBEDDED, marks=pytest.mark.embedded),
    pytest.param(BrokerKind.KAFKA, marks=[pytest.mark.kafka, pytest.mark.long]),
]


def fresh_broker(kind: BrokerKind, cache: Path, folder: Path) -> Broker:
    """A broker of this test's own: the demo takes all of callbox's topics."""
    if kind is BrokerKind.KAFKA:
        return ApacheKafka(cache, folder / "broker.log")
    return EmbeddedBroker(folder / "broker.log")


def played(kind: BrokerKind, cache: Path, out: Path) -> RunResult:
    if faults := verify(cache):
        pytest.skip(f"{faults[0]}; run `callbox models fetch`")
    with kafka_or_skip(), (out / "display.txt").open("w") as display:
        lines = Lines(Console(file=display))
        return run(read_script(None, None, cache), fresh_broker(kind, cache, out), out, cache, lines)


@pytest.mark.long  # `make demo` runs it too
@pytest.mark.parametrize("kind", BROKERS)
def test_what_comes_out_is_what_the_scenario_says(kind: BrokerKind, cache: Path, tmp_path: Path) -> None:
    result = played(kind, cache, tmp_path)
    assert finish(result, tmp_path) == []
    assert_files_hold_what_came_out(result, tmp_path)
    assert_a_hit_is_a_question_and_no_alert(result)
    assert_a_change_of_the_log_is_noticed(result, tmp_path / RECORDING)
    assert_a_change_of_what_came_out_is_noticed(result)


def assert_files_hold_what_came_out(result: RunResult, out: Path) -> None:
    lines = [msgspec.json.decode(line) for line in (out / ALERTS_FILE).read_bytes().splitlines()]
    assert [line["alert"]["alert_id"] for line in lines] == [
        p.alert.alert_id for p in result.collected.alerts
    ]
    assert all(line["arrived_at"] for line in lines)
    with (out / RECORDING).open("rb") as file:
        assert sum(1 for _record in fastavro.reader(file)) == len(result.collected.log().entries)
    pictures = list((out / SNAPSHOTS).glob("*.jpg"))
    page = (out / PAGE).read_text("utf-8")
    assert [path.name in page for path in pictures] == [True]
    assert "http" not in page.replace("http-equiv", "")  # nothing from outside


def assert_a_hit_is_a_question_and_no_alert(result: RunResult) -> None:
    assert [request.entry_id for request in result.collected.requests] == ["H-1001"]
    assert all(placed.alert.hit is None for placed in result.collected.alerts)
    assert len(result.collected.records[VERIFICATION_REQUESTS]) >= 1


def assert_a_change_of_the_log_is_noticed(result: RunResult, recording: Path) -> None:
    """The replay check is no formality: one record less, and it finds the difference."""
    log = load_log(recording)
    of_device = next(
        index
        for index, (_partition, entry) in enumerate(log.entries)
        if entry.value is not None and b"pillar-04" in entry.value
    )
    partition, entry = log.entries[of_device]
    changed = [
        (partition, LogEntry(entry.offset, entry.append_ms, entry.key, None)) if index == of_device else each
        for index, each in enumerate(log.entries)
    ]
    assert differences(refold(changed, log.partitions), result.collected.live())


def assert_a_change_of_what_came_out_is_noticed(result: RunResult) -> None:
    script = result.script
    wanted, found = expected(script.scenario, script.town, result.sent), observed(result.collected)
    for outcome in wanted:
        assert mismatches(wanted, found - type(found)({outcome: 1}))[0] == f"missing: {outcome}"
        assert mismatches(wanted - type(found)({outcome: 1}), found)[0] == f"unexpected: {outcome}"
