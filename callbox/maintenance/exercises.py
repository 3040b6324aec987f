"""Exercises: one at a time in a zone, with an end."""

from typing import Final

from schemas.ack import Actor
from schemas.fusion_log import ExerciseNotice
from schemas.units import DAY_MS, EpochMs

EXERCISE_S: Final = 4 * 3_600
"""How long an exercise lasts where nobody says, seconds: as long as the policy allows as shipped."""

LONGEST_EXERCISE_MS: Final = DAY_MS
"""No exercise is announced for longer: one that was left on was left on for a week."""


def exercise_notice(zone: str, *, lasts_ms: int, actor: Actor, now: EpochMs) -> ExerciseNotice:
    """Say that an exercise begins, or is over.

    The id is the zone: there is one exercise in a zone, and its end needs no number that somebody must remember.

    Args:
        zone: The zone.
        lasts_ms: For how long, milliseconds; 0 ends it.
        actor: Who leads it.
        now: When it is said; also the revision.
    """
    return ExerciseNotice(
        exercise_id=zone,
        zone=zone,
        revision=now,
        at=now,
        ends_at=EpochMs(now + lasts_ms),
        actor=actor,
        ended=not lasts_ms,
    )
