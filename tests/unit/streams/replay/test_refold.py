"""A replay agrees with what went out, or says in which alert it does not."""

from pathlib import Path

import pytest
from msgspec.structs import replace

from processors.fold.log_entry import LogEntry
from schemas.ack import AckResult
from schemas.alert import Alert
from schemas.codec import decode, encode
from schemas.enums import AckAction, AckOutcome, PillarKind
from schemas.errors import FileRefused, InputMissing, LogBroken
from schemas.topics import ACK_RESULTS, ALERTS, TEST_ALERTS
from streams.replay.recording import load_log, write_log
from streams.replay.refold import Difference, DifferenceKind, Log, differences, refold, repeats
from tests.support.log_records import PARTITIONS
from tests.support.timeline import Timeline


def three_alerts() -> Log:
    """A press, the press again, a test: two live alerts and a test one. Two people speak of nothing that is there."""
    timeline = Timeline()
    timeline.press(1)
    timeline.press(10)
    timeline.pillar(PillarKind.TEST, 20)
    for incident_id in ("east-1", "east-2"):
        timeline.acknowledge(AckAction.ACCEPT, incident_id, 30, ack_id="a")
    return Log(PARTITIONS, [(timeline.state.partition, entry) for entry in timeline.entries])


def folded() -> dict[str, list[bytes]]:
    log = three_alerts()
    return refold(log.entries, log.partitions)


def test_a_replay_gives_the_alerts_and_the_answers_by_topic() -> None:
    assert {topic: len(payloads) for topic, payloads in folded().items() if payloads} == {
        ALERTS: 2,
        TEST_ALERTS: 1,
        ACK_RESULTS: 2,
    }


def test_equal_alerts_do_not_differ() -> None:
    assert differences(folded(), folded()) == []


def test_a_repeat_with_the_same_bytes_is_no_difference() -> None:
    live = folded()
    live[ALERTS] *= 2
    assert differences(folded(), live) == []
    assert repeats(live) == 2


def test_a_lost_alert_is_missing() -> None:
    live = folded()
    lost = decode(live[ALERTS].pop(), Alert)
    assert differences(folded(), live) == [Difference(ALERTS, lost.alert_id, DifferenceKind.MISSING)]


def test_an_answer_is_known_by_its_ack_id_and_its_incident() -> None:
    live = folded()
    live[ACK_RESULTS].pop(0)
    (difference,) = differences(folded(), live)
    assert difference == Difference(ACK_RESULTS, "a/east-1", DifferenceKind.MISSING)
    assert str(difference) == "dispatch.ack-result.v1: answer a/east-1: missing"


def test_an_answer_with_other_bytes_is_a_difference() -> None:
    live = folded()
    answer = decode(live[ACK_RESULTS][1], AckResult)
    live[ACK_RESULTS][1] = encode(replace(answer, outcome=AckOutcome.ACCEPTED))
    assert differences(folded(), live) == [Difference(ACK_RESULTS, "a/east-2", DifferenceKind.OTHER_BYTES)]


def test_an_answer_that_came_twice_is_a_repeat() -> None:
    live = folded()
    live[ACK_RESULTS].append(live[ACK_RESULTS][0])
    assert differences(folded(), live) == []
    assert repeats(live) == 1


def test_an_alert_of_nowhere_is_unexpected() -> None:
    live = folded()
    live[ALERTS].append(encode(replace(decode(live[ALERTS][0], Alert), alert_id="x")))
    assert differences(folded(), live) == [Difference(ALERTS, "x", DifferenceKind.UNEXPECTED)]


@pytest.mark.parametrize("place", [0, 9])
def test_a_repeat_with_other_bytes_is_a_difference_wherever_it_stands(place: int) -> None:
    live = folded()
    first = decode(live[ALERTS][0], Alert)
    live[ALERTS].insert(place, encode(replace(first, revision=7)))
    assert Difference(ALERTS, first.alert_id, DifferenceKind.OTHER_BYTES) in differences(folded(), live)


def test_an_alert_in_another_topic_is_missing_here_and_unexpected_there() -> None:
    live = folded()
    moved = live[TEST_ALERTS].pop()
    live[ALERTS].append(moved)
    assert {difference.what for difference in differences(folded(), live)} == {
        DifferenceKind.MISSING,
        DifferenceKind.UNEXPECTED,
    }


@pytest.mark.parametrize("topic", [ALERTS, ACK_RESULTS])
def test_a_record_that_is_neither_alert_nor_answer_is_unreadable(topic: str) -> None:
    live = folded()
    live[topic].append(b"")
    assert differences(folded(), live) == [Difference(topic, "", DifferenceKind.UNREADABLE)]
    assert str(Difference(topic, "", DifferenceKind.UNREADABLE)).endswith(" ?: unreadable")


def test_a_log_whose_beginning_is_gone_is_not_replayed() -> None:
    log = three_alerts()
    with pytest.raises(LogBroken, match="begins at offset 1"):
        refold(log.entries[1:], log.partitions)


def test_a_recorded_log_is_the_log(tmp_path: Path) -> None:
    log = three_alerts()
    tombstone = (1, LogEntry(0, log.entries[0][1].append_ms, None, None))
    log = Log(log.partitions, [*log.entries, tombstone])
    write_log(tmp_path / "log.avro", log)
    assert load_log(tmp_path / "log.avro") == log


def test_a_damaged_recording_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "log.avro"
    with pytest.raises(InputMissing):
        load_log(path)
    write_log(path, three_alerts())
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(FileRefused):
        load_log(path)
