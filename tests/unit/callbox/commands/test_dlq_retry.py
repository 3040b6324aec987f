"""`callbox dlq` without a broker: what it refuses to begin, and how it sums up."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from callbox.cli import run
from callbox.commands.dlq_retry import _Decided, _in_batches, _sum_up
from callbox.dead_letters.retry import RetryDecision, RetryResult
from schemas.errors import DeadLetterRefused, InputMissing
from schemas.topics import CATALOGUE, PILLAR_EVENTS, dead_letter_topic
from streams.kafka.producer import ProducerRecord, RecordMetadata
from tests.support.logs import restored_logs

PLACE = "alarm.pillar-event.v1.dlq/0/0"
BOTH = ["--topic", PILLAR_EVENTS, "--cause", "unknown_device"]


@pytest.fixture(autouse=True)
def alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """An empty folder, no config in the environment, and the logging of the test run afterwards."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("CALLBOX_CONFIG", raising=False)
    with restored_logs():
        yield


def bootstrap(address: str) -> None:
    Path("callbox.toml").write_text(f'[kafka]\nbootstrap = "{address}"', encoding="utf-8")


def decided(result: RetryResult, size: int = 0) -> _Decided:
    outgoing = ProducerRecord(PILLAR_EVENTS, b"k", bytes(size)) if result is RetryResult.SENT else None
    return _Decided(
        RecordMetadata(dead_letter_topic(PILLAR_EVENTS), 0, 0), RetryDecision(result, "why", outgoing)
    )


@pytest.mark.parametrize(
    "arguments",
    [
        ["retry"],
        ["retry", PLACE, *BOTH],
        ["retry", PLACE, "--cause", "unknown_device"],
        ["retry", "--topic", PILLAR_EVENTS],
        ["retry", "--cause", "unknown_device"],
        ["retry", PLACE, "--since", "-1h"],
        ["retry", *BOTH, "--since", "yesterday"],
        ["retry", "--topic", "dispatch.alert.v1", "--cause", "unknown_device"],
        ["retry", "--topic", PILLAR_EVENTS, "--cause", "bad luck"],
        ["retry", "alarm.pillar-event.v1/0/0"],
        ["show"],
        ["show", "alarm.pillar-event.v1.dlq"],
        ["list", "dispatch.alert.v1"],
        ["list", "--since", "yesterday"],
    ],
)
def test_what_names_no_letters_is_a_usage_error(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["dlq", *arguments]) == 2
    assert "Usage: callbox dlq" in capsys.readouterr().err


def test_topics_that_have_dead_letters_are_named_where_one_has_none(
    capsys: pytest.CaptureFixture[str],
) -> None:
    run(["dlq", "list", "dispatch.alert.v1"])
    assert "alarm.pillar-event.v1, camera.frame.v1" in capsys.readouterr().err


@pytest.mark.parametrize("topic", [topic.name for topic in CATALOGUE if topic.sealed][:3])
def test_a_sealed_record_is_not_sent_to_another_machine_unsealed(
    topic: str, capsys: pytest.CaptureFixture[str]
) -> None:
    bootstrap("broker.example:9092")
    assert run(["dlq", "retry", f"{dead_letter_topic(topic)}/0/0"]) == 65
    assert "--allow-unsealed" in capsys.readouterr().err


def test_one_refusal_ends_with_65_and_one_that_is_gone_with_66(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(DeadLetterRefused, match="1 sent, 1 refused, 1 gone"):
        _sum_up([RetryResult.SENT, RetryResult.GONE, RetryResult.REFUSED], dry_run=False)
    with pytest.raises(InputMissing, match="1 would be sent, 0 refused, 1 gone"):
        _sum_up([RetryResult.SENT, RetryResult.GONE], dry_run=True)
    _sum_up([RetryResult.SENT], dry_run=False)
    _sum_up([], dry_run=False)
    assert capsys.readouterr().out == "1 sent, 0 refused, 0 gone\nno such dead letters\n"


def test_few_records_are_held_at_a_time_in_their_order() -> None:
    large = [decided(RetryResult.SENT, 6) for _ in range(3)]
    small = [decided(RetryResult.REFUSED) for _ in range(4)]
    batches = list(_in_batches([*large, *small], most_bytes=10, most_records=3))
    assert [len(few) for few in batches] == [2, 3, 2]
    assert [each for few in batches for each in few] == [*large, *small]
    assert list(_in_batches([])) == []
