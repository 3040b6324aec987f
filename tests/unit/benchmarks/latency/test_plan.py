"""What a run measures."""

from benchmarks.latency.plan import CAPACITY, PHASES, QUICK, Plan


def test_a_quick_run_has_every_phase_once_and_shorter() -> None:
    plan = Plan.of((*PHASES, CAPACITY), quick=True, with_earlier=True)
    assert plan.rounds == 1
    assert list(plan.phases) == list(PHASES)
    assert plan.phases["idle_200"].seconds == PHASES["idle_200"].seconds / QUICK


def test_without_an_earlier_release_it_is_not_measured() -> None:
    plan = Plan.of(PHASES, quick=False, with_earlier=False)
    assert list(plan.phases) == [name for name in PHASES if not name.startswith("earlier")]
    assert plan.rates == ()


def test_phases_that_are_wanted_keep_the_order_of_a_round() -> None:
    assert list(Plan.of(("idle_200", "honest_200"), quick=False, with_earlier=True).phases) == [
        "honest_200",
        "idle_200",
    ]
