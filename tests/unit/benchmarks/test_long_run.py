"""The long run: the line through samples, what it allows to say, and the schedule of the feed."""

import math
from collections import Counter

import pytest

from benchmarks.endurance.long_feed import HEARTBEAT_S, PILLARS, STEPS_S, answer, event, supervised
from benchmarks.endurance.slopes import Slope, Verdict, slope
from benchmarks.long_run import Sample, growth, latencies
from schemas.enums import AckAction, PillarKind


def test_a_straight_line_has_its_slope_and_no_error() -> None:
    line = slope([0, 1, 2, 3], [5, 5.5, 6, 6.5])
    assert line.per_hour == pytest.approx(1800)
    assert line.standard_error == pytest.approx(0)


def test_the_standard_error_is_that_of_the_textbook() -> None:
    line = slope([0, 1, 2], [0, 1, 0])
    assert line.per_hour == pytest.approx(0)
    assert line.standard_error == pytest.approx(3600 * math.sqrt((2 / 3) / 2))


def test_a_level_series_is_flat() -> None:
    assert slope([0, 1, 2, 3], [7, 7, 7, 7]).verdict(1.0) is Verdict.FLAT


@pytest.mark.parametrize(
    ("line", "verdict"),
    [
        (Slope(0.5, 0.1), Verdict.FLAT),
        (Slope(-30.0, 1.0), Verdict.FLAT),
        (Slope(0.8, 0.3), Verdict.GROWS),
        (Slope(5.0, 0.1), Verdict.GROWS),
        (Slope(5.0, 4.0), Verdict.WITHIN_NOISE),
    ],
)
def test_a_verdict_says_only_what_the_noise_allows(line: Slope, verdict: Verdict) -> None:
    assert line.verdict(1.0) is verdict


@pytest.mark.parametrize("at_s", [[], [1.0, 2.0], [1.0, 1.0, 1.0]])
def test_too_few_samples_are_no_slope(at_s: list[float]) -> None:
    with pytest.raises(ValueError, match=r"samples|three"):
        slope(at_s, [1.0] * len(at_s))


def test_the_warm_up_counts_for_nothing() -> None:
    series = [Sample(float(s), 100.0 + min(s, 60), 9.0, 20.0) for s in range(600)]
    found = growth(series, warm_up_s=60)
    assert found["rss_mib"]["first"] == 160
    assert {figure["verdict"] for figure in found.values()} == {Verdict.FLAT}


def test_a_leak_of_a_mebibyte_a_minute_is_seen() -> None:
    series = [Sample(float(s), 100 + s / 60, 9.0, 20.0) for s in range(600)]
    found = growth(series, warm_up_s=60)
    assert found["rss_mib"]["per_hour"] == pytest.approx(60)
    assert found["rss_mib"]["verdict"] is Verdict.GROWS
    assert found["threads"]["verdict"] is Verdict.FLAT


def test_every_pillar_speaks_often_enough_and_presses_are_as_many_as_asked_for() -> None:
    rate, press_every = 2000, 500
    events = [event(index, index / rate, press_every) for index in range(rate * 30)]
    assert Counter(one.kind for one in events)[PillarKind.PRESS] == 30 * rate // press_every
    assert len({one.event_id for one in events}) == len(events)
    beats = {one.device_id for one in events if one.kind is PillarKind.HEARTBEAT}
    assert len(beats) >= PILLARS - PILLARS // press_every
    assert supervised(0).heartbeat_s == HEARTBEAT_S


def test_a_pillar_is_pressed_again_only_when_all_others_have_been() -> None:
    presses = [event(index * 500, index / 4, 500).device_id for index in range(PILLARS)]
    assert len(set(presses)) == PILLARS


def test_each_thing_that_is_said_of_an_incident_has_an_id_of_its_own_and_a_close_says_how_it_ended() -> None:
    said = [answer("zone-1-abc", action, 1.0) for action in STEPS_S]
    assert len({one.ack_id for one in said}) == len(said) == 3
    assert [one.disposition is not None for one in said] == [one.action is AckAction.CLOSE for one in said]


def test_latency_is_told_for_the_first_minute_after_the_warm_up_and_the_last() -> None:
    scheduled = {f"press-{n}": float(n) for n in range(240)}
    took = {press: 3 if at < 60 else 0.01 if at < 150 else 0.02 for press, at in scheduled.items()}
    raised = {press: at + took[press] for press, at in scheduled.items() if at != 5}
    found = latencies(scheduled, raised, 60)
    assert (found["presses"], found["lost"]) == (240, 1)
    assert found["p99_ms_first_minute"] == pytest.approx(10, abs=0.1)
    assert found["p99_ms_last_minute"] == pytest.approx(20, abs=0.1)
