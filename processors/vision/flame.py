"""Flame candidates: a window of five pictures, a vote, and one fact for each fire.

    FILLING ──► QUIET ◄──► SUSPECTED ──► CANDIDATE ──► CONTINUES ──► RENEWED ──► CONTINUES ...
       ▲          ▲                                        │
       │          └───────── no longer 4 of 5 ◄────────────┘
       └── a gap between two pictures empties the window and the vote

Each picture that completes or moves the window of 5 is judged by `processors.vision.flicker`. The vote is positive
when 4 of the last 5 judgements are, so the first candidate comes with the 8th picture at the earliest. A fire that is
lost for at most `episode_gap_ms` and seen again is the same one. The clock is `at`, the time of capture.

The result is a candidate for a person to look at, never more: cloth, leaves and the low sun can win the vote as well.
"""

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Annotated, Final

import msgspec

from processors.vision.boxes import Picture
from processors.vision.flicker import WINDOW, Box, Burning, FlickerPolicy, Sight, burning, see
from schemas.units import EpochMs

VOTES = 5
VOTES_NEEDED = 4


class FlameReason(StrEnum):
    """The outcome for one picture: a closed list, safe as a metric label."""

    UNKNOWN = "unknown"
    NOT_NEWER = "not_newer"
    TOO_SOON = "too_soon"
    FILLING = "filling"
    QUIET = "quiet"
    SUSPECTED = "suspected"
    CANDIDATE = "candidate"
    CONTINUES = "continues"
    RENEWED = "renewed"


REPORTED: Final = frozenset({FlameReason.CANDIDATE, FlameReason.RENEWED})


class FlamePolicy(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Limits that an operator may set for flame candidates.

    Attributes:
        min_step_ms: Pictures that follow sooner are skipped, because a flame needs this long to change.
        max_gap_ms: A longer gap between pictures empties the window, because the scene may have changed.
        renew_after_ms: A fire that continues is reported again after this time. It is well inside the window of a red,
            so that the report joins the incident that the fire has raised.
        episode_gap_ms: A fire that is lost for at most this time and seen again is the same fire.
        flicker: Limits of the flicker rule.
    """

    min_step_ms: Annotated[int, msgspec.Meta(ge=0)] = 200
    max_gap_ms: Annotated[int, msgspec.Meta(ge=1)] = 5_000
    renew_after_ms: Annotated[int, msgspec.Meta(ge=1)] = 60_000
    episode_gap_ms: Annotated[int, msgspec.Meta(ge=0)] = 60_000
    flicker: FlickerPolicy = FlickerPolicy()


@dataclass(frozen=True, slots=True, eq=False)
class FlameState:
    """The state of one camera, about 330 kB.

    Attributes:
        window: At most WINDOW pictures, oldest first, never empty.
        votes: The last judgements, oldest first, at most VOTES.
        burning_at: Time of the last picture with which the vote was positive.
        reported_at: Time of the last picture with which a fact was reported.
    """

    window: tuple[Sight, ...]
    votes: tuple[bool, ...] = ()
    burning_at: EpochMs | None = None
    reported_at: EpochMs | None = None


@dataclass(frozen=True, slots=True)
class FlameDecision:
    """The decision about one picture.

    Attributes:
        reason: The outcome.
        candidate: A fact is to be reported, so that a person looks at the picture.
        score: 0 to 1, from the burning area and the share of positive votes; not a probability.
        box: Where it burns, in pixels of the picture, or None.
    """

    reason: FlameReason
    candidate: bool = False
    score: float = 0.0
    box: Box | None = None


def observe(
    state: FlameState | None, picture: Picture, at: EpochMs, policy: FlamePolicy
) -> tuple[FlameState, FlameDecision]:
    """Decide about the next picture of a camera.

    Args:
        state: The state of this camera; None before its first picture.
        picture: (H, W, 3) BGR, uint8; a picture decoded at 1/4 of its size is enough.
        at: When it was taken.
        policy: The limits.

    Returns:
        The new state of the camera, and the decision.
    """
    if state and at <= state.window[-1].at:
        return state, FlameDecision(FlameReason.NOT_NEWER)
    if state and at - state.window[-1].at < policy.min_step_ms:
        return state, FlameDecision(FlameReason.TOO_SOON)
    if state and at - state.window[-1].at > policy.max_gap_ms:
        state = replace(state, window=(), votes=())
    window = state.window if state else ()
    sight = see(picture, at, policy.flicker)
    state = replace(state or FlameState(()), window=(*window, sight)[-WINDOW:])
    if len(state.window) < WINDOW:
        return state, FlameDecision(FlameReason.FILLING)
    fire = burning(state.window, policy.flicker)
    state = replace(state, votes=(*state.votes, fire is not None)[-VOTES:])
    return _decided(state, fire, picture, policy)


def _decided(
    state: FlameState, fire: Burning | None, picture: Picture, policy: FlamePolicy
) -> tuple[FlameState, FlameDecision]:
    votes = sum(state.votes)
    reason = _reason(state, votes, policy, seen=fire is not None)
    at = state.window[-1].at
    if votes >= VOTES_NEEDED:
        state = replace(state, burning_at=at)
    if reason in REPORTED:
        state = replace(state, reported_at=at)
    if fire is None:
        return state, FlameDecision(reason)
    strength = fire.area / (fire.area + policy.flicker.area_min)
    return state, FlameDecision(
        reason, candidate=reason in REPORTED, score=strength * votes / VOTES, box=_box(fire, picture)
    )


def _reason(state: FlameState, votes: int, policy: FlamePolicy, *, seen: bool) -> FlameReason:
    if votes < VOTES_NEEDED:
        return FlameReason.SUSPECTED if votes else FlameReason.QUIET
    at = state.window[-1].at
    if state.burning_at is None or state.reported_at is None:
        return FlameReason.CANDIDATE
    if at - state.burning_at > policy.episode_gap_ms:
        return FlameReason.CANDIDATE
    if seen and at - state.reported_at >= policy.renew_after_ms:  # the picture must show it
        return FlameReason.RENEWED
    return FlameReason.CONTINUES


def _box(fire: Burning, picture: Picture) -> Box:
    height, width = picture.shape[:2]
    x_min, y_min, x_max, y_max = fire.box
    return round(x_min * width), round(y_min * height), round(x_max * width), round(y_max * height)
