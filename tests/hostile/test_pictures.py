"""Pictures by whoever may write a camera's or a checkpoint's topic, bounded before anything is decoded.

The credential is that of a camera feed (`camera.frame.v1`) or of a checkpoint (`checkpoint.plate-read.v1`). What may
be lost is the picture itself, and no other camera's.
"""

import re
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from callbox.demo.pictures.scenes import flame_frames
from processors.vision.flame import Observed, judge, observe, window_before
from processors.vision.jpeg import decode_jpeg, encode_jpeg
from schemas.codec import decode, encode
from schemas.errors import Cause, PictureError
from schemas.fusion_log import CameraAlive, FusionInput
from schemas.topics import FRAMES, FUSION_INPUT, REGISTRY
from schemas.units import EpochMs
from streams.pictures.frame_pictures import FramePictures
from streams.workers.frames import FramesAgent
from tests.support.fakes import World, batch, processed, registered, run
from tests.support.hostile_pictures import (
    announcing,
    coded_as,
    jpeg,
    of_bits,
    of_inks,
    segment,
    with_scans,
    with_segments,
)
from tests.support.log_records import camera
from tests.support.picture_pools import AT, POLICY, sent
from tests.support.source_tree import PRODUCT, modules

BOMBS: dict[str, tuple[Callable[[], bytes], Cause]] = {
    "300 scans of 40 megapixels": (
        lambda: with_scans(jpeg(6_320, 6_320, progressive=True, black=True), 300),
        Cause.PICTURE_TOO_COMPLEX,
    ),
    "20 scans more of 40 megapixels": (
        lambda: with_scans(jpeg(6_320, 6_320, progressive=True, black=True), 20),
        Cause.PICTURE_TOO_COMPLEX,
    ),
    "10,000 scans of a thumbnail": (
        lambda: with_scans(jpeg(progressive=True), 10_000),
        Cause.PICTURE_TOO_COMPLEX,
    ),
    "a million comments": (
        lambda: with_segments(jpeg(), segment(0xFE, b"") * 1_000_000),
        Cause.PICTURE_TOO_COMPLEX,
    ),
    "100,000 Huffman tables": (
        lambda: with_segments(jpeg(), segment(0xC4, bytes(17)) * 100_000),
        Cause.PICTURE_TOO_COMPLEX,
    ),
    "40 megapixels in a kilobyte": (lambda: announcing(jpeg(), 6_320, 6_320), Cause.PICTURE_TRUNCATED),
    "4 gigapixels": (lambda: announcing(jpeg(), 65_535, 65_535), Cause.PICTURE_TOO_LARGE),
    "arithmetic coding": (lambda: coded_as(jpeg(), 0xC9), Cause.PICTURE_UNSUPPORTED),
    "lossless": (lambda: coded_as(jpeg(), 0xC3), Cause.PICTURE_UNSUPPORTED),
    "12 bits": (lambda: of_bits(jpeg(), 12), Cause.PICTURE_UNSUPPORTED),
    "four inks": (lambda: of_inks(jpeg()), Cause.PICTURE_UNSUPPORTED),
}
"""Pictures that cost more than they may, and with which cause they are refused before anything is decoded."""


@pytest.mark.parametrize("bomb", BOMBS)
def test_a_picture_that_costs_too_much_never_reaches_a_decoder(frames: FramePictures, bomb: str) -> None:
    make, cause = BOMBS[bomb]
    with pytest.raises(PictureError) as refused:
        frames.look(make(), (), AT)
    assert refused.value.cause is cause


def test_a_camera_that_sends_bombs_costs_no_other_camera_a_frame(frames: FramePictures) -> None:
    world = World("frames", {REGISTRY: registered(replace(camera("good"), heartbeat_s=60), camera("bad"))})
    agent = FramesAgent(world.context, lambda _: frames)
    run(agent.start())
    bad = [sent("bad", make(), f"bomb {number}") for number, (make, _) in enumerate(BOMBS.values())]
    good = sent("good", jpeg(1920, 1080, progressive=True))
    run(processed(agent, [batch(*map(encode, (*bad, good)), topic=FRAMES)]))
    letters = world.delivery.dead_letters(FRAMES)
    assert [letter.cause for letter in letters] == [cause for _, cause in BOMBS.values()]
    assert {(letter.payload, letter.detail) for letter in letters} == {(None, None)}
    (fact,) = world.delivery.decoded(FUSION_INPUT, FusionInput)
    assert decode(fact.payload, CameraAlive).device_id == "good"
    assert world.count("callbox_decisions_total", reason="filling") == 1


def outcome_of(frames: FramePictures, picture: bytes) -> Observed | Cause:
    try:
        return frames.look(picture, (), AT)
    except PictureError as refused:
        return refused.cause


@given(st.data())
def test_a_picture_with_any_bytes_changed_is_looked_at_or_refused(
    frames: FramePictures, data: st.DataObject
) -> None:
    whole = bytearray(jpeg(64, 48, progressive=data.draw(st.booleans())))
    for _ in range(data.draw(st.integers(1, 8))):
        whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    assert outcome_of(frames, bytes(whole)) is not Cause.PROCESSING_FAILED


def test_a_fire_is_found_through_the_process_as_without_it(frames: FramePictures) -> None:
    here, there = None, None
    for number, picture in enumerate(flame_frames(12, (480, 270), 1)):
        at, frame = EpochMs(number * 500), encode_jpeg(picture, 85)
        here, decided_here = observe(here, decode_jpeg(frame, reduce=2), at, POLICY)
        observed = frames.look(frame, window_before(there, at, POLICY), at)
        there, decided_there = judge(there, observed, at, POLICY)
        assert decided_there == decided_here
    assert here is not None
    assert here.reported_at is not None, "it was no fire"


@pytest.mark.parametrize("size", [(1, 1), (65_500, 1), (1, 65_500), (2, 20_000)])
def test_a_picture_of_any_shape_is_looked_at(frames: FramePictures, size: tuple[int, int]) -> None:
    observed = frames.look(jpeg(*size), (), AT)
    assert observed.sight is not None


DECODERS = re.compile(r"\b(decode_jpeg|imdecode|imread|VideoCapture|Image\.open)\b")
MAY_DECODE = {
    "processors/vision/jpeg.py": "where it is defined",
    "streams/pictures/frame_job.py": "in a picture process",
    "streams/pictures/plate_job.py": "in a picture process",
    "streams/pictures/redactor.py": "in a picture process",
    "callbox/demo/pictures/scenes.py": "the video that the operator of the demo names",
}


def test_nothing_else_of_the_product_decodes_pictures() -> None:
    found = {module.path for module in modules(*PRODUCT).values() if DECODERS.search(module.text)}
    assert found == set(MAY_DECODE)
