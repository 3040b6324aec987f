"""Log lines: one JSON object each, no variables of a frame, libraries quiet."""

import json
import logging
from collections.abc import Iterator

import pytest
import structlog

from callbox.logging import MOST_LINE, LogFormat, configure_logs
from tests.support.logs import restored_logs


@pytest.fixture(autouse=True)
def restored() -> Iterator[None]:
    with restored_logs():
        yield


def fail_with_a_plate_in_hand() -> None:
    plate_text = "B" + "12345"
    log = structlog.get_logger("test")
    try:
        raise ValueError(len(plate_text))  # noqa: TRY301 - the traceback is what is tested
    except ValueError:
        log.exception("plate.failed", partition=3)


def test_an_event_is_one_json_object(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logs()
    structlog.get_logger("streams.worker.process").info("worker.started", worker="alarms", text="two\nlines")
    (line,) = capsys.readouterr().err.splitlines()
    logged = json.loads(line)
    assert logged.pop("timestamp").endswith("Z")
    assert logged == {
        "event": "worker.started",
        "level": "info",
        "logger": "streams.worker.process",
        "worker": "alarms",
        "text": "two\nlines",
    }


def test_a_library_writes_the_same_lines_but_only_warnings(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logs()
    logging.getLogger("mode.timers").info("joined %s", "group")
    logging.getLogger("mode.timers").warning("left %s", "group")
    (line,) = capsys.readouterr().err.splitlines()
    assert json.loads(line)["event"] == "left group"


def test_verbose_shows_what_the_libraries_do(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logs(verbose=True)
    logging.getLogger("faust.app").info("assigned")
    assert json.loads(capsys.readouterr().err)["event"] == "assigned"


@pytest.mark.parametrize("log_format", list(LogFormat))
def test_a_traceback_says_where_and_never_what_was_in_the_variables(
    log_format: LogFormat, capsys: pytest.CaptureFixture[str]
) -> None:
    configure_logs(log_format)
    fail_with_a_plate_in_hand()
    said = capsys.readouterr().err
    assert "fail_with_a_plate_in_hand" in said
    assert "B12345" not in said


def test_a_second_call_does_not_double_the_lines(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logs()
    configure_logs(LogFormat.CONSOLE)
    structlog.get_logger("test").info("once")
    assert len(capsys.readouterr().err.splitlines()) == 1


def test_what_a_library_repeats_is_written_once_and_what_callbox_says_each_time(
    capsys: pytest.CaptureFixture[str],
) -> None:
    configure_logs()
    for number in range(75):
        logging.getLogger("aiokafka.client").error("no connection to node %s", number)
        logging.getLogger("aiokafka.client").error("another text")
        structlog.get_logger("streams").error("record.dead_lettered", offset=number)
    events = [json.loads(line)["event"] for line in capsys.readouterr().err.splitlines()]
    assert events[:2] == ["no connection to node 0", "another text"]
    assert events[2:] == ["record.dead_lettered"] * 75


def test_verbose_leaves_nothing_out(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logs(verbose=True)
    for _ in range(5):
        logging.getLogger("aiokafka.client").error("no connection")
    assert len(capsys.readouterr().err.splitlines()) == 5


@pytest.mark.parametrize("log_format", list(LogFormat))
def test_a_line_has_a_bounded_length_whatever_is_in_it(
    log_format: LogFormat, capsys: pytest.CaptureFixture[str]
) -> None:
    configure_logs(log_format)
    log = structlog.get_logger("test")
    values = {
        "text": "x" * 1_000_000,
        "control": "\x00" * 1_000_000,
        "faces": "\U0001f600" * 1_000_000,
        "number": 1 << 1_000_000,
        "pairs": {"a": ["y" * 100_000]},
    }
    log.info("said", **values)
    for key, value in values.items():
        log.info("said", **{key: value})
    log.info("said", **{f"field_{number}": "z" * 1_000 for number in range(1_000)})
    log.info("e" * 1_000_000)
    logging.getLogger("library").warning("%s", "w" * 1_000_000)
    try:
        raise ValueError("v" * 1_000_000)  # noqa: TRY301
    except ValueError:
        log.exception("failed")
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) >= 10
    assert max(map(len, lines)) <= MOST_LINE
    if log_format is LogFormat.JSON:
        read = [json.loads(line) for line in lines]
        assert read[-1]["exception"].endswith("vvvv")
        assert read[0]["event"] == "said"


def test_a_value_of_usual_length_is_written_as_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logs()
    structlog.get_logger("test").info("said", topics=["a", "b"], size=12, share=0.5, on=True, none=None)
    logged = json.loads(capsys.readouterr().err)
    wanted = {"topics": ["a", "b"], "size": 12, "share": 0.5, "on": True, "none": None}
    assert {name: logged[name] for name in wanted} == wanted
