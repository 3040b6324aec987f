"""Rule F11: one wrong append time neither ends, escalates nor delays anything, and expiry counts time that ticked."""

import pytest
from msgspec.structs import replace

from schemas.enums import Action, PillarKind, Reason
from tests.support.expect import never, once
from tests.support.log_records import device, fact, ms
from tests.support.timeline import Timeline

HOUR_S = 3_600


@pytest.mark.parametrize("ahead_s", [60, 290, 301, HOUR_S, 25 * HOUR_S])
@pytest.mark.parametrize("wrong", ["tick", "heartbeat", "registry"])
def test_f11_one_wrong_append_time_changes_nothing(ahead_s: float, wrong: str) -> None:
    line = Timeline(device("P1"), device("P2", lat=40))
    line.press(0)
    line.run(1, 5)
    if wrong == "tick":
        given = line.entries[-1]
        line.tick(5.5, clock_s=5.5)
        line.push_entry(given._replace(offset=line.state.offset, append_ms=ms(5.6 + ahead_s)))
    elif wrong == "heartbeat":
        line.push(fact(PillarKind.HEARTBEAT, "P2", at_s=5.6, event_id="h"), at_s=5.6 + ahead_s)
    else:
        line.push(device("P2", lat=40, revision=2), at_s=5.6 + ahead_s)
    line.run(6, 29)
    never(line, 6, 29.9)
    assert line.state.now == ms(29)
    line.run(30, 32)
    once(line, 30, 31, action=Action.ESCALATE)


def test_f11_a_real_gap_leaps_when_two_clocks_agree_and_closes_nothing() -> None:
    line = Timeline()
    line.press(0)
    line.run(1, 5)
    line.run(25 * HOUR_S, 25 * HOUR_S + 10)
    assert line.state.now == ms(25 * HOUR_S + 10)
    never(line, 0, 26 * HOUR_S, reason=Reason.EXPIRED)
    assert [alert.action for alert in line.alerts].count(Action.ESCALATE) == 1


def test_f11_time_goes_on_at_the_pace_of_the_ticks_when_the_clocks_never_agree() -> None:
    line = Timeline()
    line.press(0)
    line.run(1, 5)
    for second in range(60):  # the broker's clock is an hour ahead from now on
        line.tick(HOUR_S + second, clock_s=6 + second)
    once(line, 0, 100, action=Action.ESCALATE)
    assert line.state.now < ms(100)
    press = replace(fact(at_s=70, event_id="later"), received_at=ms(70))
    alert = line.push(press, at_s=HOUR_S + 70).alerts[0]
    assert alert.sent <= ms(100)
