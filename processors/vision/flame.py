"""Flame candidates: a window of five pictures, a vote, and one fact for each fire.

    FILLING ──► QUIET ◄──► SUSPECTED ──► CANDIDATE ──► CONTINUES ──► RENEWED ──► CONTINUES ...
       ▲          ▲                                        │
       │          └───────── no longer 4 of 5 ◄────────────┘
       └── a gap between two pictures empties the window and the vote

Each picture that completes or moves the window of 5 is judged by `processors.vision.flicker`. The vote is positive
when 4 of the last 5 judgements are, so the first candidate comes with the 8th picture at the earliest. A fire that is
lost for at most `episode_gap_ms` and seen again is the same one. The clock is `at`, the time of capture.

`look` is all that touches pixels, `judge` all that remembers: a worker has the first done in another process.

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


@dataclass(frozen=True, slots=True, eq=False)
class Observed:
    """What was seen in one picture.

    Attributes:
        width: Of the picture, pixels.
        height: Pixels.
        sight: What is kept of it, or None where it was only decoded.
        fire: What burns in it and those before it, or None.
    """

    width: int
    height: int
    sight: Sight | None = None
    fire: Burning | None = None


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
    return judge(state, look(picture, window_before(state, at, policy), at, policy), at, policy)


def window_before(state: FlameState | None, at: EpochMs, policy: FlamePolicy) -> tuple[Sight, ...] | None:
    """The pictures with which the next one is looked at, oldest first; None where it is not looked at at all."""
    if state is None:
        return ()
    if _skipped(state, at, policy) is not None:
        return None
    return _kept(state, at, policy).window[-(WINDOW - 1) :]


def look(picture: Picture, window: tuple[Sight, ...] | None, at: EpochMs, policy: FlamePolicy) -> Observed:
    """All that has to do with pixels; it knows no more of a camera than these pictures.

    Args:
        picture: (H, W, 3) BGR, uint8.
        window: What `window_before` gives.
        at: When it was taken.
        policy: The limits.
    """
    height, width = picture.shape[:2]
    if window is None:
        return Observed(width, height)
    sight = see(picture, at, policy.flicker)
    whole = (*window, sight)
    return Observed(width, height, sight, burning(whole, policy.flicker) if len(whole) == WINDOW else None)


def judge(
    state: FlameState | None, observed: Observed, at: EpochMs, policy: FlamePolicy
) -> tuple[FlameState, FlameDecision]:
    """Decide about a picture by what was seen in it; no pixel is touched.

    Args:
        state: The state of its camera; None before its first picture.
        observed: What `look` has found with the window of this state.
        at: When it was taken.
        policy: The limits.

    Returns:
        The new state of the camera, and the decision.

    Raises:
        ValueError: It should have been looked at, and was not.
    """
    if state is not None and (reason := _skipped(state, at, policy)) is not None:
        return state, FlameDecision(reason)
    if observed.sight is None:
        raise ValueError("nothing was seen of a picture that is to be judged")
    before = FlameState(()) if state is None else _kept(state, at, policy)
    state = replace(before, window=(*before.window, observed.sight)[-WINDOW:])
    if len(state.window) < WINDOW:
        return state, FlameDecision(FlameReason.FILLING)
    state = replace(state, votes=(*state.votes, observed.fire is not None)[-VOTES:])
    return _decided(state, observed, policy)


def _skipped(state: FlameState, at: EpochMs, policy: FlamePolicy) -> FlameReason | None:
    """Why a picture is not looked at, or None."""
    if not state.window:
        return None
    if at <= state.window[-1].at:
        return FlameReason.NOT_NEWER
    return FlameReason.TOO_SOON if at - state.window[-1].at < policy.min_step_ms else None


def _kept(state: FlameState, at: EpochMs, policy: FlamePolicy) -> FlameState:
    """The state without what lies before a gap."""
    if state.window and at - state.window[-1].at > policy.max_gap_ms:
        return replace(state, window=(), votes=())
    return state


def _decided(state: FlameState, observed: Observed, policy: FlamePolicy) -> tuple[FlameState, FlameDecision]:
    votes, fire = sum(state.votes), observed.fire
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
        reason, candidate=reason in REPORTED, score=strength * votes / VOTES, box=_box(fire, observed)
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


def _box(fire: Burning, observed: Observed) -> Box:
    width, height = observed.width, observed.height
    x_min, y_min, x_max, y_max = fire.box
    return round(x_min * width), round(y_min * height), round(x_max * width), round(y_max * height)
