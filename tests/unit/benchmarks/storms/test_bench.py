"""The storms bench counts what it says: presses, what is beyond them, and every key."""

from benchmarks.storms.bench import bars_met, beyond_presses, figures_of, worst_ten_minutes
from benchmarks.storms.site import County
from benchmarks.storms.storm import Storm, run
from schemas.enums import Hazard, PillarKind

SMALL = Storm(
    County(zones=4, pillars=5),
    900,
    630,
    faults=(PillarKind.MAINS, 600, 700),
    presses=10,
)


def test_worst_ten_minutes_is_half_open() -> None:
    assert worst_ten_minutes([]) == 0
    assert worst_ten_minutes([0, 599, 600]) == 2
    assert worst_ten_minutes([0, 1, 2, 3_000]) == 3


def test_a_small_storm_hears_every_press_and_has_every_key() -> None:
    figures = figures_of(SMALL, rounds=1)
    assert figures["presses_heard"] == figures["presses"] == 10
    assert {
        "alerts",
        "alerts_an_hour_operator",
        "alerts_beyond_presses_10min",
        "presses",
        "presses_heard",
        "press_p99_ms",
        "tick_max_ms",
        "open_after",
    } <= set(figures)


def test_what_a_press_causes_is_not_counted_beyond_the_presses() -> None:
    log = run(SMALL)
    beyond = beyond_presses(log.told)
    assert beyond
    assert {told.alert.hazard for told in beyond} == {Hazard.MAINS}
    assert len(beyond) < len(log.told)


def test_a_bar_is_missed_where_one_press_is_not_heard() -> None:
    figures = {"presses": 2, "presses_heard": 1, "alerts_beyond_presses_10min": 10, "tick_max_ms": 50.01}
    assert bars_met(figures) == {
        "presses_heard": False,
        "alerts_beyond_presses_10min": True,
        "tick_max_ms": False,
    }
