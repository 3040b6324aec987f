"""A record of the log at which fusion ends, written with a worker's credential: an operator has it skipped.

`callbox log skip` needs an operator's credential for the log. A fact that names a record in another partition, one
that is not before it, or one that is folded, has no effect, whoever wrote it.
"""

import json
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from callbox.cli import run
from callbox.demo.processes.broker import Broker
from schemas.alert import Alert
from schemas.codec import decode
from schemas.enums import InputKind, Reason, SkipStep
from schemas.fusion_log import FusionInput, SkipNotice
from schemas.topics import ALERTS, FUSION_INPUT, MAINTENANCE
from streams.clock import monotonic, pause
from streams.kafka.producer import publish
from streams.kafka.reader import read_all
from streams.replay.refold import read_log
from streams.worker.log_writer import skip_fact
from tests.support.kill_harness import KillHarness, kill_harness
from tests.support.skips import skip

pytestmark = [pytest.mark.kafka, pytest.mark.long]

PRESSES = 30
RATE = 100
DEADLY = "press-11"
ACTOR = ("--actor", "Duty officer Li", "--organisation", "county")


@pytest.fixture
def running(own_kafka: Broker, tmp_path: Path) -> Iterator[KillHarness]:
    with kill_harness(own_kafka, tmp_path, PRESSES) as running:
        yield running


def place_of(running: KillHarness, event_id: str) -> tuple[int, int]:
    (place,) = [
        (partition, entry.offset)
        for partition, entry in read_log(running.kafka).entries
        if decode(entry.value, FusionInput).event_id == event_id
    ]
    return place


def skip_facts(running: KillHarness) -> list[SkipNotice]:
    envelopes = [decode(each.value, FusionInput) for each in read_all(running.kafka, FUSION_INPUT)]
    return [decode(each.payload, SkipNotice) for each in envelopes if each.kind is InputKind.SKIP]


def alerts(running: KillHarness, topic: str) -> list[Alert]:
    return [decode(each.value, Alert) for each in read_all(running.kafka, topic)]


def command(running: KillHarness, what: str, partition: int, offset: int, *options: str) -> int:
    place = ("--partition", str(partition), "--offset", str(offset))
    return run(["--config", str(running.config), "log", what, *place, *options])


def until(holds: object) -> None:
    deadline = monotonic() + 60
    while not holds():  # type: ignore[operator]
        assert monotonic() < deadline, "it does not come"
        pause(0.2)


def test_a_record_that_an_operator_has_skipped_is_passed_told_and_skipped_by_a_replay(
    running: KillHarness, capsys: pytest.CaptureFixture[str]
) -> None:
    running.start("alarms")
    with running.presses(PRESSES, RATE):
        pass
    until(lambda: len(read_log(running.kafka).entries) > PRESSES)
    partition, offset = place_of(running, DEADLY)
    assert running.spawn("fusion", f"fusion.rule:{DEADLY}").wait(40) == -signal.SIGKILL
    assert command(running, "show", partition, offset) == 0
    shown = capsys.readouterr().out
    assert f"{FUSION_INPUT}/{partition}/{offset}" in shown
    assert DEADLY in shown
    reason = ("--reason", "it stops fusion")
    assert command(running, "skip", partition, offset, *reason, *ACTOR, "--yes") == 0
    assert (
        command(running, "skip", partition, offset, *reason, *ACTOR, "--yes") == 0
    )  # the first may be forged
    assert "asked for already" in capsys.readouterr().err
    fusion = running.start("fusion", f"fusion.rule:{DEADLY}")
    assert running.lost() == set()
    assert [each.step for each in skip_facts(running)] == [
        SkipStep.REQUESTED,
        SkipStep.REQUESTED,
        SkipStep.APPLIED,
    ]
    until(lambda: any(each.reason is Reason.SKIPPED for each in alerts(running, MAINTENANCE)))
    (blue,) = [each for each in alerts(running, MAINTENANCE) if each.reason is Reason.SKIPPED]
    assert f"{FUSION_INPUT}/{partition}/{offset}" in blue.texts[0].description
    assert blue.actor is not None
    assert (blue.actor.name, blue.note) == ("Duty officer Li", "it stops fusion")
    reds = [
        each for each in alerts(running, ALERTS) if DEADLY in {source.event_id for source in each.sources}
    ]
    assert {each.reason for each in reds} == {Reason.FOLD_ERROR}
    until(lambda: running.is_read("fusion"))
    assert command(running, "skip", partition, offset, *reason, *ACTOR, "--yes") == 65
    assert fusion.exit_code is None
    differences, _ = running.account()
    assert differences == []


def test_what_is_folded_is_not_skipped_whoever_says_so(
    running: KillHarness, capsys: pytest.CaptureFixture[str]
) -> None:
    running.start("alarms")
    running.start("fusion")
    with running.presses(PRESSES, RATE):
        pass
    assert running.lost() == set()
    partition, offset = place_of(running, DEADLY)
    until(lambda: running.is_read("fusion"))
    assert command(running, "skip", partition, offset, "--reason", "too late", *ACTOR, "--yes") == 65
    assert "is folded" in capsys.readouterr().err
    other = (partition + 1) % 4
    forged = [
        skip(offset, partition=partition, step=SkipStep.REQUESTED),  # raced past the command's check
        skip(1 << 62, partition=partition, step=SkipStep.REQUESTED),
        skip(-5, partition=partition),
    ]
    publish(running.kafka, [record for notice in forged for record in skip_fact(notice)])
    (astray,) = skip_fact(skip(offset, partition=partition))
    publish(running.kafka, [astray._replace(partition=other)])
    until(lambda: SkipStep.TOO_LATE in {each.step for each in skip_facts(running)})
    differences, _ = running.account()
    assert differences == []
    assert [each for each in alerts(running, MAINTENANCE) if each.reason is Reason.SKIPPED] == []


def test_a_place_without_a_record_is_named_with_what_there_is(
    running: KillHarness, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command(running, "show", 0, 99) == 66
    assert "it reaches from 0" in capsys.readouterr().err
    assert command(running, "show", 99, 0) == 66
    assert json.dumps("partition 99")[1:-1] in capsys.readouterr().err
