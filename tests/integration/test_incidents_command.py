"""`callbox incidents` on a real broker: what is listed and shown, what is said, and what is answered."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event, Thread
from typing import Any

import pytest
from msgspec.structs import replace

from callbox.cli import run
from schemas.ack import Acknowledgement, AckResult
from schemas.alert import Alert
from schemas.codec import decode, encode
from schemas.enums import AckOutcome, Grade, Hazard, IncidentState, Reason
from streams.clock import now_ms
from streams.kafka.config import KafkaConfig
from streams.kafka.producer import ProducerRecord, publish
from streams.kafka.reader import Follower, read_all
from tests.support.logs import restored_logs
from tests.support.timeline import Timeline

ME = ("--actor", "Li", "--organisation", "Town")
RED, RED_ACKED, BLUE, ENDED = "east-0000aaaa", "east-0000bbbb", "west-0000cccc", "east-0000dddd"

MakeTopic = Callable[..., str]
"""(config, partitions) -> the name of a new topic."""

Call = Callable[..., list[str]]
"""(arguments, code=0) -> the lines on stdout."""


class Desk:
    """Topics of this test, and what an operator and a fold that answers do with them."""

    def __init__(self, config: KafkaConfig, make_topic: MakeTopic, monkeypatch: pytest.MonkeyPatch) -> None:
        self.config = config
        self.incidents, self.acks, self.results = (make_topic(config, 2) for _ in range(3))
        monkeypatch.setattr("callbox.incidents.board.INCIDENTS", self.incidents)
        monkeypatch.setattr("callbox.incidents.acknowledge.ACKS", self.acks)
        monkeypatch.setattr("callbox.incidents.acknowledge.ACK_RESULTS", self.results)

    def raises(self, *alerts: Alert) -> None:
        publish(
            self.config,
            [ProducerRecord(self.incidents, alert.incident_id.encode(), encode(alert)) for alert in alerts],
        )

    @property
    def said(self) -> list[Acknowledgement]:
        return [decode(record.value, Acknowledgement) for record in read_all(self.config, self.acks)]

    def answer(self, said: Acknowledgement, reason: Reason, outcome: AckOutcome) -> None:
        result = AckResult(
            ack_id=said.ack_id,
            incident_id=said.incident_id,
            outcome=outcome,
            reason=reason,
            state=IncidentState.ACKED,
            at=now_ms(),
        )
        publish(self.config, [ProducerRecord(self.results, said.ack_id.encode(), encode(result))])

    @contextmanager
    def answering(
        self,
        reason: Reason = Reason.ACCEPTED,
        outcome: AckOutcome = AckOutcome.ACCEPTED,
        silent_about: str = "",
    ) -> Iterator[None]:
        """A fold that knows one answer, and has none for one incident."""
        is_over = Event()
        with Follower(self.config, self.acks) as follower:
            follower.catch_up()

            def serve() -> None:
                while not is_over.is_set():
                    for record in follower.poll(0.05):
                        said = decode(record.value, Acknowledgement)
                        if said.incident_id != silent_about:
                            self.answer(said, reason, outcome)

            thread = Thread(target=serve)
            thread.start()
            try:
                yield
            finally:
                is_over.set()
                thread.join()


@pytest.fixture
def desk(
    any_config: KafkaConfig, make_topic: MakeTopic, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Desk:
    """A desk, named by the config in the working folder."""
    monkeypatch.chdir(tmp_path)
    for name in ("CALLBOX_CONFIG", "CALLBOX_ACTOR", "CALLBOX_ORGANISATION"):
        monkeypatch.delenv(name, raising=False)
    text = f'[kafka]\nbootstrap = "{any_config.bootstrap}"\nkind = "{any_config.kind}"\n'
    (tmp_path / "callbox.toml").write_text(text, encoding="utf-8")
    return Desk(any_config, make_topic, monkeypatch)


@pytest.fixture
def call(capsys: pytest.CaptureFixture[str]) -> Iterator[Call]:
    """Run `callbox incidents …` and look at its exit code; with an error the lines are those of stderr."""

    def called(*arguments: str, code: int = 0) -> list[str]:
        found = run(["incidents", *arguments])
        captured = capsys.readouterr()
        assert found == code, captured.err
        return (captured.err if code else captured.out).splitlines()

    with restored_logs():
        yield called


def incident(incident_id: str, **fields: Any) -> Alert:
    """The first alert of a press, as another incident."""
    timeline = Timeline()
    timeline.press(1)
    zone = incident_id.partition("-")[0]
    return replace(timeline.alerts[0], incident_id=incident_id, zone=zone, **fields)


def some() -> tuple[Alert, ...]:
    return (
        incident(ENDED, state=IncidentState.CLOSED),
        incident(BLUE, grade=Grade.BLUE),
        incident(RED_ACKED, state=IncidentState.ACKED),
        incident(RED, revision=3),
    )


def blues(count: int) -> list[Alert]:
    """Silent devices of zone east, each at a revision of its own."""
    return [
        incident(f"east-{number:08}", grade=Grade.BLUE, hazard=Hazard.COMM_FAIL, revision=number + 1)
        for number in range(count)
    ]


def ids(lines: list[str]) -> list[str]:
    return [json.loads(line)["incident_id"] for line in lines]


def test_open_incidents_are_listed_by_their_need(call: Call, desk: Desk) -> None:
    assert call("list") == ["no incident is open"]
    desk.raises(*some(), incident(RED, revision=2))
    heading, *rows = call("list")
    assert heading.split()[:5] == ["id", "grade", "state", "age", "zone"]
    assert [row.split()[:3] for row in rows] == [
        ["00aaaa", "red", "raised"],
        ["00bbbb", "red", "acked"],
        ["00cccc", "blue", "raised"],
    ]
    assert "east  emergency_call  P1      30.00000N 120.00000E" in rows[0]


def test_many_blues_of_a_kind_are_one_row_until_all_rows_are_asked_for(call: Call, desk: Desk) -> None:
    desk.raises(incident(RED), *blues(25))
    _, red, grouped, empty, said = call("list")
    assert red.split()[0] == "00aaaa"
    assert grouped.split()[:2] == ["25x", "blue"]
    assert empty == ""
    assert said.startswith("25 blue incidents are grouped in 1 row:")
    for wanted, rows in ((("--all-rows",), 26), (("--hazard", "comm_fail"), 25), (("--device", "P1"), 26)):
        assert len(call("list", *wanted)) == 1 + rows
    assert len(call("list", "--json")) == 26


def test_a_list_can_be_narrowed_and_can_name_what_has_ended(call: Call, desk: Desk) -> None:
    desk.raises(*some())
    assert ids(call("list", "--json")) == [RED, RED_ACKED, BLUE]
    assert ids(call("list", "--json", "--all")) == [RED, RED_ACKED, BLUE, ENDED]
    assert ids(call("list", "--json", "--grade", "blue")) == [BLUE]
    assert ids(call("list", "--json", "--zone", "east")) == [RED, RED_ACKED]
    assert ids(call("list", "--json", "--state", "closed")) == [ENDED]
    assert ids(call("list", "--json", "--hazard", "emergency_call", "--zone", "west")) == [BLUE]
    assert call("list", "--device", "P2") == ["no such incident"]
    assert call("list", "--zone", "north") == ["no such incident"]


def test_an_incident_that_was_taken_off_is_gone_and_poison_is_passed_over(
    call: Call, desk: Desk, capsys: pytest.CaptureFixture[str]
) -> None:
    desk.raises(incident(RED))
    publish(
        desk.config,
        [ProducerRecord(desk.incidents, RED.encode(), None), ProducerRecord(desk.incidents, b"x", b"poison")],
    )
    assert run(["incidents", "list"]) == 0
    said = capsys.readouterr()
    assert said.out == "no incident is open\n"
    assert "1 records of dispatch.incident.v1 cannot be read" in said.err


def test_an_incident_is_shown_whole_by_a_part_of_its_id(call: Call, desk: Desk) -> None:
    desk.raises(*some())
    lines = call("show", "aaaa")
    assert lines[0].split() == ["incident", RED]
    assert any("红" in line or "求助" in line for line in lines)
    assert ids(call("show", RED, "--json")) == [RED]


def test_an_id_of_none_or_of_several_ends_with_66_and_names_them(call: Call, desk: Desk) -> None:
    desk.raises(*some())
    (said,) = call("show", "east-0000", code=66)
    assert said.endswith(f"{RED}, {RED_ACKED}, {ENDED}")
    call("ack", "nothing", *ME, code=66)
    assert desk.said == []


def test_nothing_in_a_list_or_an_incident_moves_the_cursor(call: Call, desk: Desk) -> None:
    desk.raises(incident("evil\x1b[2J\x9b2J-1", responsible_unit="[bold]\x1b[2J\u202e"))
    shown = "\n".join([*call("list"), *call("show", "evil")])
    assert "[bold]" in shown
    assert not {"\x1b", "\x9b", "\u202e"} & set(shown)


def test_what_is_accepted_is_said_with_the_newest_revision_and_answered(call: Call, desk: Desk) -> None:
    desk.raises(*some())
    with desk.answering():
        said = call("ack", "aaaa", *ME)
    shown, answered = said
    assert shown.startswith(
        f"accept, by Li (Town): {RED}, revision 3: red emergency_call, P1, 30.00000N 120.00000E, "
    )
    assert answered == f"{RED}: accepted: accepted; the incident is acked"
    (sent,) = desk.said
    assert (sent.incident_id, sent.action, sent.revision) == (RED, "accept", 3)
    assert (sent.actor.name, sent.actor.organisation) == ("Li", "Town")
    assert [record.key for record in read_all(desk.config, desk.acks)] == [RED.encode()]


def test_the_actor_may_stand_in_the_environment(
    call: Call, desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.raises(incident(RED))
    monkeypatch.setenv("CALLBOX_ACTOR", "Wang")
    monkeypatch.setenv("CALLBOX_ORGANISATION", "County")
    desk.raises(incident(RED, revision=3))
    shown, said = call("ack", RED, "--wait", "0", "--revision", "2")
    assert shown.endswith("; revision 2 is sent")
    assert said == f"sent as {desk.said[0].ack_id}, nobody waits for the answer"
    assert (desk.said[0].actor.name, desk.said[0].actor.organisation, desk.said[0].revision) == (
        "Wang",
        "County",
        2,
    )


def test_every_command_sends_what_its_options_say(call: Call, desk: Desk) -> None:
    desk.raises(incident(RED))
    call("ack", RED, *ME, "--wait", "0", "--action", "reject", "--reason", "not_ours")
    call(
        "ack", RED, *ME, "--wait", "0", "--action", "regrade", "--reason", "less_serious", "--grade", "yellow"
    )
    call("close", RED, *ME, "--wait", "0", "--disposition", "false_press")
    call("shelve", RED, *ME, "--wait", "0", "--reason", "known_fault", "--for", "30m")
    call("note", RED, "The gate is locked.", *ME, "--wait", "0")
    call("ack", RED, *ME, "--wait", "0", "--note", "Two of us.")
    call("shelve", RED, *ME, "--wait", "0", "--reason", "planned_work", "--ack-id", "mine")
    told = [(s.action, s.reason, s.grade, s.disposition, s.shelve_s, s.note) for s in desk.said]
    assert told == [
        ("reject", "not_ours", None, None, None, None),
        ("regrade", "less_serious", "yellow", None, None, None),
        ("close", None, None, "false_press", None, None),
        ("shelve", "known_fault", None, None, 1_800, None),
        ("note", None, None, None, None, "The gate is locked."),
        ("accept", None, None, None, None, "Two of us."),
        ("shelve", "planned_work", None, None, None, None),
    ]
    assert len({sent.ack_id for sent in desk.said}) == 7
    assert desk.said[-1].ack_id == "mine"


def test_what_is_rejected_ends_with_65_and_says_why(
    call: Call, desk: Desk, capsys: pytest.CaptureFixture[str]
) -> None:
    desk.raises(incident(RED))
    with desk.answering(Reason.NEVER_FOR_GRADE, AckOutcome.REJECTED):
        (said,) = call("shelve", RED, *ME, "--reason", "nuisance", code=65)
        assert said.startswith(f"callbox: {RED}: rejected: never_for_grade: not with this grade")
        assert run(["incidents", "ack", RED, *ME, "--json"]) == 65
    assert json.loads(capsys.readouterr().out)["reason"] == "never_for_grade"


def test_no_answer_in_time_ends_with_75_and_says_how_to_say_it_again(call: Call, desk: Desk) -> None:
    desk.raises(incident(RED))
    (said,) = call("ack", RED, *ME, "--wait", "0.3", code=75)
    assert f"--ack-id {desk.said[0].ack_id}" in said


def test_what_is_said_again_has_the_answer_that_it_had(call: Call, desk: Desk) -> None:
    desk.raises(incident(RED))
    call("ack", RED, *ME, "--wait", "0", "--ack-id", "mine")
    desk.answer(desk.said[0], Reason.ACCEPTED, AckOutcome.ACCEPTED)
    assert call("ack", RED, *ME, "--ack-id", "mine")[-1].startswith(f"{RED}: accepted")
    assert [sent.ack_id for sent in desk.said] == ["mine", "mine"]


def test_an_answer_to_somebody_else_is_not_ours(call: Call, desk: Desk) -> None:
    desk.raises(incident(RED), incident(BLUE))
    call("ack", BLUE, *ME, "--wait", "0", "--ack-id", "mine")
    desk.answer(desk.said[0], Reason.ACCEPTED, AckOutcome.ACCEPTED)
    call("ack", RED, *ME, "--ack-id", "mine", "--wait", "0.3", code=75)


CLOSE = ("close", *ME, "--disposition", "unfounded")


def test_three_blues_are_closed_by_filter_with_the_revisions_that_were_shown_and_a_red_is_left_alone(
    call: Call, desk: Desk
) -> None:
    desk.raises(incident(RED), incident(BLUE, grade=Grade.BLUE), incident(ENDED, state=IncidentState.CLOSED))
    desk.raises(*blues(3))
    with desk.answering(Reason.CLOSED):
        lines = call(*CLOSE, "--zone", "east", "--yes", "--note", "Wet cable.")
    said, heading, *rows, left_out, red, sending = lines[:8]
    assert said == 'close, disposition unfounded, note "Wet cable.", by Li (Town):'
    assert heading.split() == ["id", "grade", "hazard", "device", "place", "age", "revision"]
    assert [(row.split()[0], row.split()[-1]) for row in rows] == [
        ("000000", "1"),
        ("000001", "2"),
        ("000002", "3"),
    ]
    assert (left_out, red.split()[0]) == ("left out, since a red is acted on by ID only:", "00aaaa")
    assert sending.startswith("sending 3 acknowledgements as batch ")
    assert sorted(lines[8:-1]) == [
        f"east-{number:08}: accepted: closed; the incident is acked" for number in range(3)
    ]
    assert lines[-1] == "3 accepted, 0 rejected, 0 without an answer"
    sent = sorted((ack.incident_id, ack.action, ack.revision, ack.note) for ack in desk.said)
    assert sent == [(f"east-{number:08}", "close", number + 1, "Wet cable.") for number in range(3)]


def test_a_red_is_acted_on_by_its_id_among_several(call: Call, desk: Desk) -> None:
    desk.raises(incident(RED, revision=5), *blues(1))
    with desk.answering():
        lines = call("ack", "aaaa", RED, "east-00000000", *ME, "--yes", "--json")
    assert {json.loads(line)["incident_id"] for line in lines} == {RED, "east-00000000"}
    assert {(ack.incident_id, ack.revision) for ack in desk.said} == {(RED, 5), ("east-00000000", 1)}


def test_without_a_terminal_and_without_yes_the_plan_is_shown_and_nothing_is_sent(
    call: Call, desk: Desk, capsys: pytest.CaptureFixture[str]
) -> None:
    desk.raises(*blues(2))
    assert run(["incidents", *CLOSE, "--zone", "east"]) == 2
    shown = capsys.readouterr()
    assert len(shown.out.splitlines()) == 2 + 2
    assert "nothing was sent" in shown.err
    assert desk.said == []


def test_a_filter_that_matches_nothing_or_only_reds_ends_with_66(call: Call, desk: Desk) -> None:
    desk.raises(incident(RED), incident(ENDED, state=IncidentState.CLOSED, grade=Grade.BLUE))
    assert "no open incident matches" in call(*CLOSE, "--zone", "north", "--yes", code=66)[0]
    assert call(*CLOSE, "--zone", "east", "--yes", code=66)[0].endswith(f"acted on by id: {RED}")
    assert desk.said == []


def test_several_that_are_rejected_end_with_65_and_the_reasons_are_counted(call: Call, desk: Desk) -> None:
    desk.raises(*blues(2))
    with desk.answering(Reason.OUTDATED_REVISION, AckOutcome.REJECTED):
        (said,) = call(*CLOSE, "--hazard", "comm_fail", "--yes", code=65)
    assert said == "callbox: 0 accepted, 2 rejected (2 outdated_revision), 0 without an answer"


def test_where_one_of_several_has_no_answer_the_batch_can_be_said_again(
    call: Call, desk: Desk, capsys: pytest.CaptureFixture[str]
) -> None:
    desk.raises(*blues(3))
    silent = "east-00000001"
    with desk.answering(Reason.CLOSED, silent_about=silent):
        assert run(["incidents", *CLOSE, "--zone", "east", "--yes", "--wait", "2"]) == 75
    shown = capsys.readouterr()
    assert f"{silent}: no answer" in shown.out.splitlines()
    batch = shown.err.partition("--ack-id ")[2].partition(";")[0]
    late = next(ack for ack in desk.said if ack.incident_id == silent)
    desk.answer(late, Reason.CLOSED, AckOutcome.ACCEPTED)
    assert call(*CLOSE, "--zone", "east", "--yes", "--ack-id", batch)[-1].startswith("3 accepted")
    assert len({ack.ack_id for ack in desk.said}) == 3
    assert len(desk.said) == 6


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (("ack", RED), "--actor"),
        (("ack", RED, "--actor", " ", "--organisation", "Town"), "--actor"),
        (("ack", RED, "--actor", "Li\x1b[2J", "--organisation", "Town"), "--actor"),
        (("ack", RED, "--actor", "Li"), "--organisation"),
        (("ack", RED, *ME, "--action", "reject"), "--action reject needs --reason"),
        (("ack", RED, *ME, "--action", "regrade", "--reason", "more_serious"), "--grade go together"),
        (("ack", RED, *ME, "--grade", "red"), "--grade go together"),
        (("ack", RED, *ME, "--action", "close"), "'close' is not one of"),
        (("close", RED, *ME), "--disposition"),
        (("shelve", RED, *ME), "--reason"),
        (("shelve", RED, *ME, "--reason", "nuisance", "--for", "long"), "no length of time"),
        (("list", "--grade", "UNKNOWN"), "--grade"),
        (("list", "--hazard", "flood"), "--hazard"),
        (("ack", *ME), "name either incidents by ID or a filter"),
        (("close", RED, *ME, "--disposition", "founded", "--zone", "east"), "name either incidents by ID"),
        (("ack", *ME, "--grade", "red"), "red is never acted on by filter"),
        (("ack", *ME, "--zone", "east", "--revision", "2"), "--revision goes with one ID"),
        (("ack", *ME, "--action", "regrade", "--reason", "more_serious", "--grade", "red"), "by ID only"),
        (("ack", *ME, "--zone", "east", "--state", "closed"), "--state"),
        (("ack", RED, *ME, "--note", "two\nlines"), "--note"),
        (("note", RED, *ME), "name either incidents by ID"),
        (("note", RED, "n" * 501, *ME), "1 to 500 characters"),
    ],
)
def test_what_is_missing_or_mistyped_is_a_usage_error_that_asks_no_broker(
    call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], named: str
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("CALLBOX_CONFIG", "CALLBOX_ACTOR", "CALLBOX_ORGANISATION"):
        monkeypatch.delenv(name, raising=False)
    assert named in "\n".join(call(*arguments, code=2))
