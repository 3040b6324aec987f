"""A record at which a worker's process dies, written with the credential of a gateway: it is passed, told, and heard.

What dies here is a shipped worker on Apache Kafka, by SIGKILL at one record, as by the OOM killer or a segfault. Who
restarts it does nothing else.
"""

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from callbox.demo.processes.broker import Broker
from schemas.alert import Alert
from schemas.codec import decode
from schemas.dead_letter import DeadLetter
from schemas.enums import Grade, InputKind, Reason, SkipStep
from schemas.errors import Cause
from schemas.fusion_log import FusionInput, SkipNotice
from schemas.topics import ALERTS, FUSION_INPUT, MAINTENANCE, PILLAR_EVENTS, dead_letter_topic
from streams.kafka.reader import read_all
from streams.replay.refold import read_log
from tests.support.kill_harness import KillHarness, kill_harness

pytestmark = [pytest.mark.kafka, pytest.mark.long]

PRESSES = 60
RATE = 100
DEADLY = "press-23"


@pytest.fixture
def running(own_kafka: Broker, tmp_path: Path) -> Iterator[KillHarness]:
    with kill_harness(own_kafka, tmp_path, PRESSES) as running:
        yield running


def dead_letters(running: KillHarness, topic: str) -> list[DeadLetter]:
    return [decode(each.value, DeadLetter) for each in read_all(running.kafka, dead_letter_topic(topic))]


def alerts(running: KillHarness, topic: str) -> list[Alert]:
    return [decode(each.value, Alert) for each in read_all(running.kafka, topic)]


def test_alarms_that_dies_three_times_at_a_press_passes_it_and_the_press_is_heard(
    running: KillHarness,
) -> None:
    with running.presses(PRESSES, RATE):
        pass
    ended, _ = running.runs_until_it_stays("alarms", f"alarms.record:{DEADLY}")
    assert ended == [-signal.SIGKILL] * 3
    running.start("fusion")
    running.confirmed.discard(DEADLY)  # its own id is not looked at: it is heard under one of its place
    assert running.lost() == set()
    (letter,) = dead_letters(running, PILLAR_EVENTS)
    assert letter.cause is Cause.QUARANTINED
    place = f"{letter.topic}/{letter.partition}/{letter.offset}"
    (blue,) = [each for each in alerts(running, MAINTENANCE) if each.reason is Reason.SKIPPED]
    assert blue.grade is Grade.BLUE
    assert place in blue.texts[0].description
    heard = [each for each in alerts(running, ALERTS) if each.sources[0].device_id == "P-00023"]
    assert heard or len({each.incident_id for each in alerts(running, ALERTS)}) >= PRESSES
    differences, _ = running.account()
    assert differences == []


def test_fusion_that_dies_three_times_at_a_press_tells_a_minimal_red_and_a_replay_skips_it_too(
    running: KillHarness,
) -> None:
    alarms = running.start("alarms")
    with running.presses(PRESSES, RATE):
        pass
    ended, fusion = running.runs_until_it_stays("fusion", f"fusion.rule:{DEADLY}")
    assert ended == [-signal.SIGKILL] * 3
    assert running.lost() == set()  # the minimal red names it
    (letter,) = dead_letters(running, FUSION_INPUT)
    assert letter.cause is Cause.QUARANTINED
    (skip,) = [
        decode(fact.payload, SkipNotice)
        for _, entry in read_log(running.kafka).entries
        if (fact := decode(entry.value, FusionInput)).kind is InputKind.SKIP
    ]
    assert (skip.offset, skip.step, skip.blind) == (letter.offset, SkipStep.APPLIED, False)
    blues = [each for each in alerts(running, MAINTENANCE) if each.reason is Reason.SKIPPED]
    assert [f"/{letter.partition}/{letter.offset}" in each.texts[0].description for each in blues] == [True]
    reds = [
        each for each in alerts(running, ALERTS) if DEADLY in {source.event_id for source in each.sources}
    ]
    assert {each.reason for each in reds} == {Reason.FOLD_ERROR}
    assert fusion.stop() == 0
    running.start("fusion", f"fusion.rule:{DEADLY}")  # a restore skips it as well
    assert alarms.exit_code is None
    differences, _ = running.account()
    assert differences == []


def test_rolling_restarts_count_no_deaths(running: KillHarness) -> None:
    running.start("alarms")
    fusion = running.start("fusion")
    with running.presses(PRESSES, RATE):
        for _ in range(4):
            assert fusion.stop() == 0
            fusion = running.start("fusion")
    assert running.lost() == set()
    assert "partition.read_carefully" not in fusion.log_file.read_text()
    assert dead_letters(running, FUSION_INPUT) == []
