"""Intake of cameras: ids of frames, and what a dead clock makes of them."""

from typing import Any

import pytest
from msgspec.structs import replace

from processors.intake.observation import PERMILLE, fire_input, frame_id
from processors.intake.pillar_event import record_place
from schemas.codec import decode, encode
from schemas.enums import Hazard, InputKind
from schemas.feeds import CameraFrame
from schemas.fusion_log import Observation
from schemas.ids import ID_LENGTH
from schemas.units import DAY_MS, EpochMs

NOW = EpochMs(1_760_000_000_000)
HERE, THERE = record_place("topic", 1, 7), record_place("topic", 1, 8)


def frame(**changes: Any) -> CameraFrame:
    given = CameraFrame(camera_id="C1", captured_at=NOW, received_at=NOW, jpeg=b"a picture")
    return replace(given, **changes)


def test_a_resend_has_the_id_of_the_original() -> None:
    again = decode(encode(frame()), CameraFrame)
    assert frame_id(frame(), NOW, place=HERE) == frame_id(again, EpochMs(NOW + 9_000), place=THERE)


@pytest.mark.parametrize(
    "difference",
    [{"camera_id": "C2"}, {"captured_at": EpochMs(NOW + 1)}, {"received_at": EpochMs(NOW + 1)}],
)
def test_each_field_that_differs_makes_another_frame(difference: dict[str, Any]) -> None:
    assert frame_id(frame(), NOW, place=HERE) != frame_id(frame(**difference), NOW, place=HERE)


@pytest.mark.parametrize("received", [0, NOW - DAY_MS - 1, NOW + 20_001])
def test_where_the_gateway_s_time_is_impossible_the_place_tells_two_frames_apart(received: int) -> None:
    given = frame(captured_at=EpochMs(0), received_at=EpochMs(received))
    assert frame_id(given, NOW, place=HERE) == frame_id(given, NOW, place=HERE)
    assert frame_id(given, NOW, place=HERE) != frame_id(given, NOW, place=THERE)


def test_a_frame_s_own_id_is_kept_and_an_overlong_one_shortened() -> None:
    assert frame_id(frame(event_id="f1"), NOW, place=HERE) == "f1"
    assert len(frame_id(frame(event_id="f" * 1_000), NOW)) <= ID_LENGTH


def test_a_fire_has_the_frame_s_id_and_its_times() -> None:
    made = fire_input(frame(), "east", 0.5, None, NOW, place=HERE)
    observation = decode(made.payload, Observation)
    assert (made.kind, made.zone, made.event_id) == (InputKind.OBSERVATION, "east", frame_id(frame(), NOW))
    assert (observation.hazard, observation.score_permille) == (Hazard.FIRE, PERMILLE // 2)
    assert (observation.occurred_at, observation.received_at) == (NOW, NOW)


def test_a_fire_whose_times_are_impossible_is_of_when_the_broker_took_its_frame() -> None:
    given = frame(captured_at=EpochMs(0), received_at=EpochMs(0))
    observation = decode(fire_input(given, "east", 0.5, None, NOW, place=HERE).payload, Observation)
    assert (observation.occurred_at, observation.received_at) == (NOW, NOW)
