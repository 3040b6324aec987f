"""What is said of an exercise."""

from callbox.maintenance.exercises import exercise_notice
from schemas.ack import Actor
from schemas.units import HOUR_MS, EpochMs

NOW = EpochMs(1_900_000_000_000)
LI = Actor(name="Li", organisation="Town")


def test_an_exercise_has_an_end() -> None:
    begun = exercise_notice("east", lasts_ms=4 * HOUR_MS, actor=LI, now=NOW)
    assert (begun.zone, begun.at, begun.ends_at, begun.ended) == ("east", NOW, NOW + 4 * HOUR_MS, False)


def test_the_end_is_that_of_the_exercise_of_the_zone() -> None:
    begun = exercise_notice("east", lasts_ms=HOUR_MS, actor=LI, now=NOW)
    over = exercise_notice("east", lasts_ms=0, actor=LI, now=EpochMs(NOW + 5))
    other = exercise_notice("west", lasts_ms=HOUR_MS, actor=LI, now=NOW)
    assert over.exercise_id == begun.exercise_id != other.exercise_id
    assert over.revision > begun.revision
    assert (over.ended, over.ends_at) == (True, NOW + 5)
