"""What a run is reported as: numbers, lines, a page that needs nothing from outside and shows no plate."""

from collections.abc import Sequence
from html.parser import HTMLParser
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from callbox.demo.check.collect import Collected, PlacedAlert
from callbox.demo.check.outcome import plate_read_counts, plate_read_problems
from callbox.demo.finish import summary
from callbox.demo.fixtures import Fixtures, Vehicle
from callbox.demo.live import Display, Lines, Screen
from callbox.demo.play import Sent
from callbox.demo.report.page import render_page
from callbox.demo.report.totals import came_out, went_in
from callbox.demo.result import Durations, RunResult, Script, latency_of, press_to_alert_ms
from callbox.demo.run import shipped
from callbox.demo.scenario import read_scenario
from callbox.demo.steps import PlateStep
from callbox.demo.watch import Arrival
from schemas.codec import encode
from schemas.dead_letter import DeadLetter
from schemas.enums import PillarKind, Purpose
from schemas.errors import Cause
from schemas.evidence import EvidenceSnapshot
from schemas.hotlist import VerificationRequest
from schemas.topics import (
    ALERTS,
    FUSION_INPUT,
    PILLAR_EVENTS,
    PLATE_READS,
    TEST_ALERTS,
    VERIFICATION_REQUESTS,
)
from schemas.units import EpochMs
from streams.kafka.capabilities import BrokerKind
from streams.kafka.producer import Place
from tests.support.timeline import START, Timeline, device

SCENARIO = read_scenario(shipped("scenario.toml"), "scenario.toml")
PLATE = "沪B70Y26"


def alerts() -> list[PlacedAlert]:
    timeline = Timeline()
    timeline.press(1)
    timeline.pillar(PillarKind.CANCEL, 5)
    timeline.pillar(PillarKind.TEST, 8)
    live, cancelled, test = timeline.alerts
    return [PlacedAlert(ALERTS, live), PlacedAlert(ALERTS, cancelled), PlacedAlert(TEST_ALERTS, test)]


def request() -> VerificationRequest:
    return VerificationRequest(
        request_id="r1",
        entry_id="H-1001",
        purpose=Purpose.STOLEN_VEHICLE,
        authority="police",
        case_ref="c",
        checkpoint_id="checkpoint-1",
        zone="northgate",
        occurred_at=EpochMs(START + 2000),
        plate_text=PLATE,
        confidence=None,
        review_reasons=(),
        list_age_ms=1,
        crop_jpeg=b"crop",
        expires_at=EpochMs(START + 9000),
    )


def result(device_name: str = "<b>P1</b>") -> RunResult:
    dead_letter = DeadLetter(
        topic=PLATE_READS,
        partition=1,
        offset=4,
        appended_at=EpochMs(START + 3000),
        cause=Cause.PLATE_TEXT_INVALID,
        detail=None,
        key=None,
        payload=None,
        worker="plates",
    )
    picture = EvidenceSnapshot(
        snapshot_id="frame-1",
        camera_id=device_name,
        captured_at=EpochMs(START + 4000),
        jpeg=b"jpeg",
        sha256="0",
        width=320,
        height=180,
    )
    found = Collected(
        partitions=4,
        records={FUSION_INPUT: []},
        alerts=alerts(),
        dead_letters=[dead_letter],
        requests=[request()],
        answers=[],
        evidence={(0, 0): picture},
        repeats=0,
    )
    return RunResult(
        script=Script(SCENARIO, [device()], Fixtures({"listed": Vehicle("listed", PLATE, b"")}, [], {})),
        sent=[
            Sent(0, START, Place(PILLAR_EVENTS, 0, 0)),
            Sent(1, EpochMs(START + 900), Place(PILLAR_EVENTS, 0, 1)),
        ],
        collected=found,
        arrived={alerts()[0].alert.alert_id: EpochMs(START + 1017)},
        plate_reads={"hit": 1},
        problems=[],
        durations=Durations(5, 14, 25),
        broker=BrokerKind.EMBEDDED,
    )


class Links(HTMLParser):
    """Collects every address on a page, and whether its tags are in order."""

    def __init__(self) -> None:
        super().__init__()
        self.addresses: list[str] = []
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: Sequence[tuple[str, str | None]]) -> None:
        self.addresses += [value or "" for name, value in attrs if name in {"src", "href"}]
        if tag not in {"meta", "img", "br"}:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_the_page_is_whole_and_needs_nothing_but_the_redacted_pictures() -> None:
    page = Links()
    page.feed(render_page(result(), [], "snapshots"))
    assert page.open == []
    assert page.addresses == ["snapshots/frame-1.jpg"]


def test_the_page_shows_no_plate_and_no_markup_of_a_device() -> None:
    page = render_page(result(), ["<script>"], "snapshots")
    assert "B70Y26" not in page
    assert "<b>P1</b>" not in page
    assert "<script>" not in page


def test_the_page_says_whether_the_run_was_right() -> None:
    assert "2 problems" in render_page(result(), ["a", "b"], "snapshots")
    assert "problems" not in render_page(result(), [], "snapshots")


def test_the_summary_counts_and_says_where_the_files_are() -> None:
    text = "\n".join(summary(result(), [], Path("out")))
    for part in (
        "2  alarm.pillar-event.v1",
        "p50 17 ms",
        "plate_text_invalid",
        "RIGHT",
        "1 hit",
        "index.html",
    ):
        assert part in text
    assert "WRONG: 1 problems" in "\n".join(summary(result(), ["missing"], Path("out")))


def test_totals_are_by_topic_and_reason() -> None:
    assert [total.records for total in went_in(result())] == [2]
    assert (("dispatch.alert.v1", "red", "update", "cancel_requested"), 1) in came_out(result())


def test_latency_counts_presses_only() -> None:
    press, cancel, test = (placed.alert for placed in alerts())
    assert press_to_alert_ms(press, EpochMs(START + 1040)) == 40
    assert press_to_alert_ms(cancel, EpochMs(START + 5040)) is None
    assert press_to_alert_ms(test, EpochMs(START + 8040)) is None
    assert latency_of([cancel, test], {}) is None


def shown_by(display: Display, console: Console) -> str:
    display.note("ready")
    display.step(1.0, "a press")
    for placed in alerts():
        display.arrived(1.2, Arrival(placed.topic, encode(placed.alert), EpochMs(START + 1040)))
    display.arrived(2.0, Arrival(VERIFICATION_REQUESTS, encode(request()), EpochMs(START)))
    display.close()
    assert isinstance(console.file, StringIO)
    return console.file.getvalue()


@pytest.mark.parametrize("is_terminal", [True, False])
def test_people_see_what_goes_in_and_out_and_no_plate(is_terminal: bool) -> None:
    console = Console(file=StringIO(), force_terminal=is_terminal, width=160)
    text = shown_by(Screen(console) if is_terminal else Lines(console), console)
    for part in ("ready", "first_fact", "40 ms", "cancel_requested", "red (Test)", "a person is asked"):
        assert part in text
    assert "B70Y26" not in text


def reads(number: int) -> list[Sent]:
    return [Sent(number, START, Place(PLATE_READS, 0, 0))]


def test_a_read_that_was_not_read_is_a_problem() -> None:
    numbers = {
        step.vehicle + step.says: number
        for number, step in enumerate(SCENARIO.steps)
        if isinstance(step, PlateStep)
    }
    listed, one_off = numbers["listednothing"], numbers["one-offnothing"]
    assert plate_read_problems(SCENARIO, reads(listed), {"hit": 1}) == []
    assert plate_read_problems(SCENARIO, reads(one_off), {"not_listed": 2}) == []  # read twice, counted twice
    assert plate_read_problems(SCENARIO, reads(one_off), {"not_read": 1}) == [
        "plate reads: 0 not_listed, expected 1",
        "plate reads: 1 not_read, expected 0",
    ]


def test_outcomes_are_read_off_the_page_of_metrics() -> None:
    page = (
        "# TYPE callbox_plate_reads_total counter\n"
        'callbox_plate_reads_total{outcome="hit"} 1.0\n'
        'callbox_plate_reads_created{outcome="hit"} 1.7e9\n'
        'callbox_plate_reads_total{outcome="not_listed"} 12.0\n'
    )
    assert plate_read_counts(page) == {"hit": 1, "not_listed": 12}
