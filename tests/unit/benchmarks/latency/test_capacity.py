"""The search for the capacity: a bisection of the rates, two releases taking turns."""

import pytest

from benchmarks.latency.capacity import RATES, Search, Tried, search_in_turn


class Runner:
    """Holds every rate up to a limit, and notes what it was asked."""

    def __init__(self, **holds: int) -> None:
        self._holds = holds
        self.asked: list[tuple[str, int]] = []

    def __call__(self, name: str, rate: int) -> Tried:
        self.asked.append((name, rate))
        return Tried(rate, 100.0, held=rate <= self._holds[name])


@pytest.mark.parametrize("holds", RATES)
def test_every_capacity_is_found_in_four_tries(holds: int) -> None:
    runner, search = Runner(today=holds), Search()
    search_in_turn({"today": search}, runner)
    assert search.capacity_per_s == holds
    assert len(runner.asked) <= 4
    assert len(set(runner.asked)) == len(runner.asked)


def test_a_release_that_holds_no_rate_has_none() -> None:
    search = Search()
    search_in_turn({"today": search}, Runner(today=0))
    assert search.capacity_per_s == 0


def test_two_releases_take_turns() -> None:
    runner = Runner(today=2200, earlier=600)
    searches = {"today": Search(), "earlier": Search()}
    search_in_turn(searches, runner)
    assert [name for name, _ in runner.asked][:6] == ["today", "earlier"] * 3
    assert {name: search.capacity_per_s for name, search in searches.items()} == {
        "today": 2200,
        "earlier": 600,
    }


def test_no_rate_below_one_that_was_held_is_tried() -> None:
    search = Search((1, 2, 3))
    search.note(Tried(2, 10.0, held=True))
    assert search.next_rate == 3
    search.note(Tried(3, None, held=False))
    assert search.next_rate is None
    assert search.capacity_per_s == 2


@pytest.mark.parametrize(
    ("p99_ms", "lost", "held"), [(250.0, 0, True), (250.1, 0, False), (10.0, 1, False), (None, 0, False)]
)
def test_a_rate_is_held_in_time_and_without_loss(p99_ms: float | None, lost: int, held: bool) -> None:
    assert Tried.of(600, {"p99_ms": p99_ms, "lost": lost}) == Tried(600, p99_ms, held)
