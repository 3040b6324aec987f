"""Flame candidates as time lines: pictures at given seconds, and the decision about each."""

from collections.abc import Callable, Iterable
from itertools import pairwise

import cv2
import msgspec
import numpy as np
import pytest

from benchmarks.vision.flame_scenes import clip as scene_clip
from benchmarks.vision.flame_scenes import quiet_scenes
from callbox.demo.pictures.scenes import (
    burn,
    flame_frames,
    flame_heat,
    quiet_frames,
    render_yard,
    smooth_noise,
    with_noise,
)
from processors.state.policy import FusionPolicy
from processors.vision.boxes import Picture
from processors.vision.flame import FlameDecision, FlamePolicy, FlameReason, FlameState, observe
from processors.vision.flicker import HEIGHT, WIDTH, FlickerPolicy
from processors.vision.jpeg import decode_jpeg, encode_jpeg
from schemas.units import EpochMs

START = 1_760_000_000_000
SIZE = (480, 270)
POLICY = FlamePolicy()

FILLING, QUIET, SUSPECTED = FlameReason.FILLING, FlameReason.QUIET, FlameReason.SUSPECTED
CANDIDATE, CONTINUES, RENEWED = FlameReason.CANDIDATE, FlameReason.CONTINUES, FlameReason.RENEWED


def at(seconds: float) -> EpochMs:
    return EpochMs(START + round(seconds * 1000))


def watch(
    pictures: Iterable[Picture],
    *,
    every_s: float = 0.5,
    from_s: float = 0.0,
    policy: FlamePolicy = POLICY,
    state: FlameState | None = None,
) -> tuple[FlameState | None, list[FlameDecision]]:
    decisions = []
    for index, picture in enumerate(pictures):
        state, decision = observe(state, picture, at(from_s + index * every_s), policy)
        decisions.append(decision)
    return state, decisions


def reasons(pictures: Iterable[Picture], **options: float) -> list[FlameReason]:
    return [decision.reason for decision in watch(pictures, **options)[1]]  # type: ignore[arg-type] # every_s only


def fire(count: int, seed: int = 1, **options: float) -> list[Picture]:
    return list(flame_frames(count, SIZE, seed, **options))


def quiet(count: int, seed: int = 1) -> list[Picture]:
    return list(quiet_frames(count, SIZE, seed))


def clip(
    draw: Callable[[float, Picture, np.random.Generator], Picture], seconds: float = 20.0
) -> list[Picture]:
    rng = np.random.default_rng(5)
    yard = render_yard(SIZE, rng)
    return [with_noise(draw(index * 0.5, yard.copy(), rng), rng) for index in range(round(seconds * 2))]


def test_a_fire_is_a_candidate_with_the_eighth_picture() -> None:
    assert reasons(fire(10)) == [FILLING] * 4 + [SUSPECTED] * 3 + [CANDIDATE, CONTINUES, CONTINUES]


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("every_s", [0.25, 0.5, 1.0])
def test_a_rendered_fire_is_found_within_sixteen_pictures(seed: int, every_s: float) -> None:
    assert CANDIDATE in reasons(fire(16, seed, every_s=every_s), every_s=every_s)


@pytest.mark.parametrize("size", [(1920, 1080), (640, 360), (320, 240)])
def test_a_rendered_fire_is_found_in_any_size_after_jpeg(size: tuple[int, int]) -> None:
    pictures = [decode_jpeg(encode_jpeg(picture, 80)) for picture in flame_frames(12, size, 2)]
    assert CANDIDATE in reasons(pictures)


def test_a_fire_is_found_in_pictures_decoded_at_a_quarter() -> None:
    pictures = [
        decode_jpeg(encode_jpeg(picture, 80), reduce=4) for picture in flame_frames(12, (1920, 1080), 2)
    ]
    assert CANDIDATE in reasons(pictures)


def test_a_yard_without_a_fire_is_quiet() -> None:
    assert set(reasons(quiet(20))) == {FILLING, QUIET}


def test_the_box_holds_the_fire_and_the_score_says_how_much() -> None:
    _, decisions = watch(fire(12))
    x_min, y_min, x_max, y_max = next(
        decision.box for decision in decisions if decision.candidate and decision.box
    )
    assert 0.5 * SIZE[0] <= x_min < x_max <= 0.78 * SIZE[0]
    assert 0.36 * SIZE[1] <= y_min < y_max <= 0.86 * SIZE[1]
    assert all(0 <= decision.score <= 1 for decision in decisions)
    assert decisions[-1].score > 0.5
    assert all(decision.score == 0 and decision.box is None for decision in decisions[:4])


def test_one_fire_is_one_fact() -> None:
    _, decisions = watch(fire(60))
    assert sum(decision.candidate for decision in decisions) == 1


def test_a_renewal_comes_in_time_to_join_the_incident_that_the_fire_has_raised() -> None:
    windows = FusionPolicy().windows
    assert FlamePolicy().renew_after_ms < min(windows.red.rolling_ms, windows.yellow.rolling_ms) / 2 + 1


def test_a_fire_that_goes_on_is_renewed() -> None:
    policy = FlamePolicy(renew_after_ms=10_000)
    _, decisions = watch(fire(60), policy=policy)
    facts = [index * 0.5 for index, decision in enumerate(decisions) if decision.candidate]
    assert len(facts) == 3
    assert all(10 <= later - earlier <= 11 for earlier, later in pairwise(facts))
    assert [decision.reason for decision in decisions if decision.candidate] == [CANDIDATE, RENEWED, RENEWED]
    assert all(decision.box for decision in decisions if decision.candidate)


def test_a_fire_that_is_lost_for_a_while_is_the_same_one() -> None:
    state, first = watch(fire(12))
    state, between = watch(quiet(30), state=state, from_s=6)
    _, again = watch(fire(12), state=state, from_s=21)
    assert sum(decision.candidate for decision in first) == 1
    assert between[-1].reason is QUIET
    assert not any(decision.candidate for decision in again)
    assert again[-1].reason is CONTINUES


def test_a_fire_long_after_the_first_is_a_new_one() -> None:
    state, _ = watch(fire(12))
    state, _ = watch(quiet(140), state=state, from_s=6)
    _, again = watch(fire(12), state=state, from_s=76)
    assert [decision.reason for decision in again if decision.candidate] == [CANDIDATE]


def test_a_gap_empties_the_window() -> None:
    state, _ = watch(fire(7))
    _, after = watch(fire(6), state=state, from_s=3 + 5.001)
    assert [decision.reason for decision in after] == [FILLING] * 4 + [SUSPECTED] * 2


def test_a_gap_of_exactly_the_limit_does_not() -> None:
    state, _ = watch(fire(7))
    _, after = watch(fire(1), state=state, from_s=3 + 5.0)
    assert after[0].reason is not FILLING


def test_a_gap_during_a_fire_does_not_make_it_a_new_one() -> None:
    state, _ = watch(fire(12))
    _, after = watch(fire(12), state=state, from_s=20)
    assert after[-1].reason is CONTINUES
    assert not any(decision.candidate for decision in after)


@pytest.mark.parametrize("seconds", [5.5, 5.0, -3.0])
def test_a_picture_that_is_not_newer_changes_nothing(seconds: float) -> None:
    state, _ = watch(fire(12))
    after, decision = observe(state, fire(1)[0], at(seconds), POLICY)
    assert after is state
    assert decision == FlameDecision(FlameReason.NOT_NEWER)


def test_a_picture_that_comes_too_soon_is_not_looked_at() -> None:
    state, _ = watch(fire(12))
    after, decision = observe(state, fire(1)[0], at(5.699), POLICY)
    assert after is state
    assert decision == FlameDecision(FlameReason.TOO_SOON)
    assert observe(state, fire(1)[0], at(5.7), POLICY)[1].reason is CONTINUES


def test_a_video_at_25_pictures_a_second_is_thinned_and_still_found() -> None:
    seen = reasons(fire(75, every_s=0.04), every_s=0.04)
    assert seen.count(FlameReason.TOO_SOON) == 60
    assert CANDIDATE in seen


def test_the_same_pictures_give_the_same_decisions() -> None:
    assert watch(fire(12))[1] == watch(fire(12))[1]


def test_the_state_remembers_five_small_pictures_and_no_more() -> None:
    state, _ = watch(fire(20))
    assert state is not None
    assert len(state.window) == 5
    assert sum(sight.green.nbytes + sight.colour.nbytes for sight in state.window) == 5 * 2 * WIDTH * HEIGHT


def test_a_state_is_not_changed_by_the_pictures_after_it() -> None:
    state, _ = watch(fire(9))
    assert state is not None
    before = (state.votes, [sight.green.copy() for sight in state.window])
    watch(quiet(5), state=state, from_s=9)
    assert state.votes == before[0]
    assert all(
        np.array_equal(sight.green, green) for sight, green in zip(state.window, before[1], strict=True)
    )


def red_car(at_s: float, yard: Picture, _: np.random.Generator) -> Picture:
    left = int(at_s * 45) - 120
    return np.asarray(
        cv2.rectangle(yard, (left, 150), (left + 130, 200), (30, 30, 210), cv2.FILLED), np.uint8
    )


def orange_van(at_s: float, yard: Picture, _: np.random.Generator) -> Picture:
    left = int(at_s * 9) - 60
    return np.asarray(
        cv2.rectangle(yard, (left, 120), (left + 150, 200), (20, 120, 250), cv2.FILLED), np.uint8
    )


def swinging_lamp(at_s: float, yard: Picture, _: np.random.Generator) -> Picture:
    centre = (int(240 + 80 * np.sin(2 * at_s)), 100)
    return np.asarray(cv2.circle(yard // 4, centre, 12, (120, 220, 255), cv2.FILLED), np.uint8)


def flickering_lamp(_: float, yard: Picture, rng: np.random.Generator) -> Picture:
    y, x = np.mgrid[0 : SIZE[1], 0 : SIZE[0]]
    light = rng.uniform(0.5, 1) * np.exp(-((np.hypot(x - 240, y - 100) / 18) ** 2))
    return np.asarray(np.clip(yard / 4 + light[..., None] * (110, 190, 320), 0, 255), np.uint8)


def turn_signal(at_s: float, yard: Picture, _: np.random.Generator) -> Picture:
    paint = (30, 160, 255) if int(at_s * 3) % 2 else (90, 90, 95)
    return np.asarray(cv2.rectangle(yard, (200, 150), (222, 168), paint, cv2.FILLED), np.uint8)


def sunset(at_s: float, yard: Picture, _: np.random.Generator) -> Picture:
    rows = np.linspace(0, 1, SIZE[1])[:, None, None] * np.ones((1, SIZE[0], 1))
    sky = np.concatenate([90 - 60 * rows, 90 + 70 * rows, 170 + 85 * rows], axis=2) * (1 - 0.01 * at_s)
    return np.where(rows < 0.7, sky, yard * 0.2).astype(np.uint8)


def hunting_exposure(at_s: float, yard: Picture, _: np.random.Generator) -> Picture:
    van = cv2.rectangle(yard, (150, 120), (300, 200), (20, 120, 250), cv2.FILLED)
    return np.asarray(van * (0.85 + 0.15 * np.sin(2.3 * at_s)), np.uint8)


def shaking_camera(_: float, yard: Picture, rng: np.random.Generator) -> Picture:
    lamps = cv2.rectangle(yard, (150, 120), (210, 150), (40, 110, 240), cv2.FILLED)
    lamps = cv2.rectangle(lamps, (160, 126), (200, 144), (90, 190, 255), cv2.FILLED)
    move = np.array([[1, 0, rng.normal(0, 3)], [0, 1, rng.normal(0, 3)]], np.float32)
    return np.asarray(cv2.warpAffine(lamps, move, SIZE, borderMode=cv2.BORDER_REPLICATE), np.uint8)


@pytest.mark.parametrize(
    "draw",
    [
        red_car,
        orange_van,
        swinging_lamp,
        flickering_lamp,
        turn_signal,
        sunset,
        hunting_exposure,
        shaking_camera,
    ],
)
def test_a_scene_that_only_looks_like_a_fire_is_no_candidate(
    draw: Callable[[float, Picture, np.random.Generator], Picture],
) -> None:
    assert not any(decision.candidate for decision in watch(clip(draw))[1])


@pytest.mark.parametrize(
    "name", ["red_car_fast", "orange_truck", "queue_of_cars", "failing_neon", "red_flag", "orange_flag"]
)
def test_a_scene_of_the_bench_without_a_fire_is_no_candidate(name: str) -> None:
    scene = quiet_scenes(None, seed=2)[name]
    pictures = (picture for _, picture in scene_clip(scene, seconds=25, every_s=0.5, seed=2))
    assert not any(decision.candidate for decision in watch(pictures)[1])


def test_a_fire_on_a_shaking_pole_is_still_found() -> None:
    rng = np.random.default_rng(4)
    pictures = []
    for picture in fire(24):
        move = np.array([[1, 0, rng.normal(0, 1.5)], [0, 1, rng.normal(0, 1.5)]], np.float32)
        moved = cv2.warpAffine(picture, move, SIZE, borderMode=cv2.BORDER_REPLICATE)
        pictures.append(np.asarray(moved, np.uint8))
    assert CANDIDATE in reasons(pictures)


def test_a_fire_by_night_is_found() -> None:
    rng = np.random.default_rng(8)
    night = np.asarray(render_yard(SIZE, rng) * 0.2, np.uint8)
    pattern = smooth_noise((400, 60), rng)
    pictures = [
        burn(night, flame_heat(pattern, (60, 90), at_s=index / 2), (200, 100, 60, 90)) for index in range(16)
    ]
    assert CANDIDATE in reasons(pictures)


@pytest.mark.parametrize("shape", [(1, 1, 3), (2, 900, 3), (135, 240, 3)])
def test_a_picture_of_any_shape_is_looked_at(shape: tuple[int, int, int]) -> None:
    rng = np.random.default_rng(0)
    pictures = [rng.integers(0, 256, shape, dtype=np.uint8) for _ in range(10)]
    _, decisions = watch(pictures)
    for decision in decisions:
        assert decision.box is None or (decision.box[2] <= shape[1] and decision.box[3] <= shape[0])


def test_an_unknown_key_of_the_policy_is_refused_with_its_path() -> None:
    with pytest.raises(msgspec.ValidationError, match=r"flicker"):
        msgspec.convert({"flicker": {"red_minimum": 3}}, FlamePolicy)


def test_a_stricter_colour_finds_less() -> None:
    policy = FlamePolicy(flicker=FlickerPolicy(area_min=0.5))
    assert not any(decision.candidate for decision in watch(fire(16), policy=policy)[1])
