"""An incident as people read it at a terminal."""

from typing import Any

import pytest
from msgspec.structs import replace

from callbox.incidents.lines import REJECTIONS, answer_line, incident_details
from callbox.terminal.times import format_span, parse_span
from schemas.ack import AckResult, Actor
from schemas.alert import Alert, AlertText, Hit, PriorAlert
from schemas.enums import (
    AckOutcome,
    Disposition,
    IncidentState,
    PillarKind,
    Purpose,
    Reason,
)
from schemas.fusion_log import Media
from tests.support.log_records import ms
from tests.support.timeline import Timeline

EVIL = "evil\x1b[2J\x9b\u202e\r\n"


def alert(**fields: Any) -> Alert:
    """A red that was pressed at second 1, of a pillar that the registry names."""
    timeline = Timeline()
    timeline.press(1)
    return replace(timeline.alerts[-1], **fields)


def line(label: str, told: Alert, at_s: float = 61) -> list[str]:
    """What is told under a label, with the lines that go on there."""
    found: list[str] = []
    under = ""
    for name, text in incident_details(told, ms(at_s)):
        under = name or under
        if under == label:
            found.append(text)
    return found


def test_the_whole_incident_is_told_in_both_languages() -> None:
    told = alert()
    assert line("incident", told) == [told.incident_id]
    assert line("en", told) == [*texts(told, "en")]
    assert line("zh", told) == [*texts(told, "zh")]
    assert line("chain", told) == ["village: village-1", "township: town-1"]
    assert line("onset", told)[0].endswith("(1m ago)")
    assert line("sources", told) == ["pillars P1: press-1 at 2025-10-09T08:53:21.000Z"]


def texts(told: Alert, lang: str) -> tuple[str, str, str]:
    text = next(text for text in told.texts if text.lang == lang)
    return text.headline, text.description, text.instruction


def test_what_is_not_there_has_no_line() -> None:
    labels = {label for label, _ in incident_details(alert(ack_by=None, escalate_at=None), ms(61))}
    assert not labels & {
        "hit",
        "related",
        "prior",
        "actor",
        "note",
        "ended as",
        "marks",
        "ack due",
        "next tier",
        "pictures",
    }


def test_everything_that_an_alert_may_hold_is_told() -> None:
    told = alert(
        confidence=0.5,
        target_response_s=180,
        ack_by=ms(31),
        late=True,
        flapping=True,
        source_count=60,
        media=(Media(snapshot_id="s", mime="image/jpeg", sha256="0", topic="t", partition=1, offset=7),),
        hit=Hit(
            entry_id="h",
            purpose=Purpose.STOLEN_VEHICLE,
            case_ref="2031-1",
            verified_by="Desk",
            verified_at=ms(1),
        ),
        related_incidents=("east-2",),
        prior=(PriorAlert(alert_id="p", sent=ms(1)),),
        actor=Actor(name="Li", organisation="Town"),
        ack_id="k",
        disposition=Disposition.FOUNDED,
        note="The gate is locked.",
    )
    assert line("confidence", told) == ["0.500"]
    assert line("target", told) == ["somebody there within 3m"]
    assert line("ack due", told) == ["2025-10-09T08:53:51.000Z (30s late)"]
    assert line("marks", told) == ["late, flapping"]
    assert line("sources", told)[-1] == "and 59 more"
    assert line("pictures", told) == ["image/jpeg t[1]@7"]
    assert line("hit", told) == ["h, stolen_vehicle, case 2031-1, verified by Desk"]
    assert line("related", told) == ["east-2"]
    assert line("prior", told) == ["p at 2025-10-09T08:53:21.000Z"]
    assert line("actor", told) == ["Li, Town; ack id k"]
    assert line("note", told) == ["The gate is locked."]
    assert line("ended as", told) == ["founded"]


def test_nothing_that_a_device_or_a_program_may_choose_moves_the_cursor() -> None:
    evil = alert(
        incident_id=EVIL,
        zone=EVIL,
        responsible_unit=EVIL,
        texts=(AlertText(lang="en", headline=EVIL, description=EVIL, instruction=EVIL),),
        actor=Actor(name=EVIL, organisation=EVIL),
        ack_id=EVIL,
        note=EVIL,
        related_incidents=(EVIL,),
        sources=tuple(replace(source, device_id=EVIL, event_id=EVIL) for source in alert().sources),
        policy_version=EVIL,
    )
    shown = [text for _, text in incident_details(evil, ms(2))]
    assert any("evil" in text for text in shown)
    assert all(text.isprintable() for text in shown)


def result(reason: Reason, outcome: AckOutcome = AckOutcome.REJECTED) -> AckResult:
    return AckResult(
        ack_id="k", incident_id="east-1", outcome=outcome, reason=reason, state=IncidentState.ACKED, at=ms(1)
    )


def test_an_answer_says_the_state_or_what_to_do() -> None:
    accepted = answer_line(result(Reason.ACCEPTED, AckOutcome.ACCEPTED))
    assert accepted == "east-1: accepted: accepted; the incident is acked"
    assert answer_line(result(Reason.TOO_LONG)).startswith(
        "east-1: rejected: too_long: longer than the policy allows"
    )


@pytest.mark.parametrize("reason", REJECTIONS)
def test_every_rejection_has_words(reason: Reason) -> None:
    assert answer_line(result(reason)).endswith(f"{REJECTIONS[reason]}; the incident is acked")


def test_every_way_in_which_the_fold_rejects_an_acknowledgement_has_words() -> None:
    rejections = list(Reason)[list(Reason).index(Reason.UNKNOWN_INCIDENT) :]
    assert set(REJECTIONS) == set(rejections)


def test_where_there_is_no_incident_no_state_is_told() -> None:
    unknown = replace(result(Reason.UNKNOWN_INCIDENT), state=IncidentState.UNKNOWN)
    assert answer_line(unknown) == "east-1: rejected: unknown_incident: fusion knows no such incident"


def test_a_rejection_without_words_is_still_told() -> None:
    assert answer_line(result(Reason.BOUNCE)) == "east-1: rejected: bounce; the incident is acked"


@pytest.mark.parametrize(("text", "seconds"), [("90s", 90), ("30m", 1_800), ("2h", 7_200), ("1d", 86_400)])
def test_a_length_of_time_is_a_number_and_a_unit(text: str, seconds: int) -> None:
    assert parse_span(text) == seconds


@pytest.mark.parametrize("text", ["", "0s", "30", "-30m", "m", "1w", "1.5h", "long"])
def test_anything_else_is_no_length_of_time(text: str) -> None:
    with pytest.raises(ValueError, match="is no length of time: use 90s, 30m, 2h or 1d"):
        parse_span(text)


@pytest.mark.parametrize(
    ("milliseconds", "text"),
    [
        (-5, "0s"),
        (999, "0s"),
        (59_999, "59s"),
        (60_000, "1m"),
        (3_600_000, "1h"),
        (7_500_000, "2h 5m"),
        (86_400_000, "1d"),
        (273_600_000, "3d 4h"),
    ],
)
def test_a_length_of_time_is_told_to_two_units(milliseconds: int, text: str) -> None:
    assert format_span(milliseconds) == text


def test_a_cancelled_press_has_its_story_behind_it() -> None:
    timeline = Timeline()
    timeline.press(1)
    timeline.pillar(PillarKind.CANCEL, 20)
    assert line("state", timeline.alerts[-1])[0].startswith(
        "raised after update (cancel_requested), revision "
    )
