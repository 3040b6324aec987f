"""How long a press waits follows from what comes before it."""

from benchmarks.storms.log import Folded, waits_s


def test_a_press_waits_for_what_came_before_it() -> None:
    folded = [
        Folded(0.0, 0.5, True, ""),
        Folded(0.1, 0.2, False, "P1"),
        Folded(2.0, 0.1, False, "P2"),
    ]
    first, second = waits_s(folded)
    assert round(first, 6) == 0.6  # the tick until 0.5, itself until 0.7
    assert round(second, 6) == 0.1
