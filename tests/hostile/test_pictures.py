"""Pictures by whoever may write a camera's or a checkpoint's topic, and a decoder that one of them has taken over.

The credential is that of a camera feed (`camera.frame.v1`) or of a checkpoint (`checkpoint.plate-read.v1`). What may
be lost is the picture itself: no other camera's pictures, no credential of the worker, no person's face.
"""

import itertools
import json
import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import msgspec
import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from callbox.demo.pictures.scenes import flame_frames
from models.weights import verify
from processors.vision.flame import FlamePolicy, Observed, judge, observe, window_before
from processors.vision.jpeg import decode_jpeg, encode_jpeg
from processors.vision.redaction import RedactedPicture, Withheld, WithheldReason
from schemas.codec import decode, encode
from schemas.errors import Cause, InputMissing, PictureError, PicturesFailed
from schemas.feeds import CameraFrame
from schemas.fusion_log import CameraAlive, FusionInput
from schemas.topics import FRAMES, FUSION_INPUT, REGISTRY
from schemas.units import EpochMs
from streams.clock import SYSTEM_CLOCK, monotonic, pause
from streams.pictures.frame_pictures import FramePictures
from streams.pictures.plate_pictures import PlatePictures
from streams.pictures.pool import PictureBrokeDecoder, PicturePool
from streams.pictures.process import EndReason, PictureProcess
from streams.pictures.sandbox import KINDS, LANDLOCK, LIMITS, SECCOMP
from streams.worker.metrics import Metrics
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
from tests.support.log_records import camera, ms
from tests.support.paths import ROOT
from tests.support.picture_jobs import BROKEN, LIAR, LIES, NEEDY, PROBE, Ask, Said
from tests.support.source_tree import PRODUCT, modules

SECRET = "the password of the broker"
AT = EpochMs(1_000)
POLICY = FlamePolicy()

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


def sent(camera_id: str, picture: bytes, event_id: str = "f1", at_s: float = 1) -> CameraFrame:
    at = ms(at_s)
    return CameraFrame(camera_id=camera_id, captured_at=at, received_at=at, jpeg=picture, event_id=event_id)


def ended(metrics: Metrics, reason: EndReason) -> float:
    return (
        metrics.registry.get_sample_value("callbox_picture_processes_ended_total", {"reason": reason}) or 0.0
    )


@contextmanager
def probing(processes: int = 1, picture_s: float = 10.0) -> Iterator[tuple[PicturePool, Metrics]]:
    metrics = Metrics()
    pool = PicturePool(PROBE, Path(), processes, metrics, picture_s=picture_s)
    try:
        pool.start()
        yield pool, metrics
    finally:
        pool.close()


def asked(pool: PicturePool, what: str, about: str = "") -> str:
    return pool.ask(Ask(what, about), Said, lambda said: said.text)


def reason_of(pool: PicturePool, what: str, about: str = "") -> EndReason:
    with pytest.raises(PictureBrokeDecoder) as broke:
        asked(pool, what, about)
    assert broke.value.cause is Cause.PICTURE_BROKE_DECODER
    return broke.value.reason


@pytest.fixture(scope="module")
def probe() -> Iterator[PicturePool]:
    """A picture process that does what it is told, for tests that do not end it."""
    with probing() as (pool, _):
        yield pool


@pytest.fixture(scope="module")
def frames(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FramePictures]:
    """The shipped picture process of `frames`, without models: it redacts nothing."""
    pictures = FramePictures(tmp_path_factory.mktemp("no models"), 1, Metrics())
    yield pictures
    pictures.close()


# --- bounded before it is decoded ---------------------------------------------------------------------------------


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


# --- what the process has -----------------------------------------------------------------------------------------


def in_force(pool: PicturePool) -> set[str]:
    value = pool._metrics.registry.get_sample_value
    return {kind for kind in KINDS if value("callbox_picture_sandbox", {"kind": kind}) == 1.0}


def test_the_process_has_no_environment_no_descriptor_and_no_config_of_the_worker(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("CALLBOX_PASSWORD", SECRET)
    password = tmp_path / "password"
    password.write_text(SECRET, encoding="utf-8")
    with password.open("rb") as opened, probing() as (pool, _):
        os.set_inheritable(opened.fileno(), True)
        pid = pool._slots[0].process.pid
        assert SECRET not in asked(pool, "environ")
        folder = Path(f"/proc/{pid}")
        assert SECRET.encode() not in (folder / "environ").read_bytes()
        assert b"callbox.toml" not in (folder / "cmdline").read_bytes()
        targets = [str(fd.readlink()) for fd in sorted((folder / "fd").iterdir())]
        assert targets[1:] == ["/dev/null"] * 2
        assert targets[0].startswith("socket:")
        limits = (folder / "limits").read_text(encoding="ascii")
        for name in ("core file size", "file size", "processes"):
            assert f"Max {name}".ljust(26) + "0                    0 " in limits
        status = (folder / "status").read_text(encoding="ascii")
        assert "NoNewPrivs:\t1" in status


READS = ("/etc/passwd", "/proc/self/environ", "/dev/zero", str(ROOT / "pyproject.toml"))
BY_EITHER = [
    *(("read", path) for path in READS),
    ("write", "/tmp/callbox-stolen"),
    ("write", "/dev/shm/callbox-stolen"),
    ("list", "/"),
    ("unlink", "/tmp/callbox-none"),
    ("memory of the worker", ""),
    ("environment of the worker", ""),
    ("exec", ""),
    ("kill the worker", ""),
]
BY_SECCOMP = [
    ("stat", "/etc/passwd"),
    ("socket", ""),
    ("udp", ""),
    ("unix", ""),
    ("connect", "9"),
    ("fork", ""),
    ("thread", ""),
    ("trace the worker", ""),
    ("more files", ""),
    ("io_uring", ""),
    ("executable memory", ""),
]


@pytest.mark.parametrize(("what", "about"), [*BY_EITHER, *BY_SECCOMP])
def test_a_decoder_that_is_taken_over_can_reach_nothing(probe: PicturePool, what: str, about: str) -> None:
    if SECCOMP not in in_force(probe):
        pytest.skip("this kernel, or this kind of machine, has no seccomp filter of ours")
    assert asked(probe, what, about).startswith("refused"), "the sandbox has a hole"
    assert asked(probe, "nothing") == "done: nothing"


LANDLOCK_ALONE = """
import json, os, sys
from pathlib import Path
from streams.pictures import sandbox
from tests.support.picture_jobs import ATTEMPTS
sandbox._CALLS = {}
kinds = sandbox.give_up_everything()
said = {}
for what, about in json.loads(sys.argv[1]):
    try:
        ATTEMPTS[what](about)
        said[what + about] = "done"
    except OSError as error:
        said[what + about] = "refused"
print(json.dumps([kinds, said]))
"""


def test_landlock_alone_keeps_files_programs_and_tcp_away() -> None:
    attempts = [each for each in BY_EITHER if each[0] != "kill the worker"] + [("connect", "9")]
    done = subprocess.run(
        [sys.executable, "-P", "-c", LANDLOCK_ALONE, json.dumps(attempts)],
        capture_output=True,
        check=True,
        text=True,
        timeout=60,
        env={"PYTHONPATH": str(ROOT), "OPENBLAS_NUM_THREADS": "1"},
    )
    kinds, said = json.loads(done.stdout)
    assert kinds[0] == LIMITS
    assert SECCOMP not in kinds
    if LANDLOCK not in kinds:
        pytest.skip("this kernel has no landlock")
    assert set(said.values()) == {"refused"}, said


def test_what_the_system_does_not_have_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    metrics = Metrics()
    pool = PicturePool(PROBE, Path(), 1, metrics)
    with structlog.testing.capture_logs() as lines:
        pool._show((LIMITS,))
    assert in_force(pool) == {LIMITS}
    (incomplete,) = [line for line in lines if line["event"] == "pictures.sandbox_incomplete"]
    assert incomplete["lacks"] == [LANDLOCK, SECCOMP]
    assert incomplete["log_level"] == "warning"


# --- a process that ends, stalls, or answers nonsense -------------------------------------------------------------


def test_a_picture_that_crashes_its_process_is_refused_and_the_next_one_is_looked_at() -> None:
    with probing() as (pool, metrics):
        assert reason_of(pool, "crash") is EndReason.CRASHED
        assert asked(pool, "nothing") == "done: nothing"
        assert ended(metrics, EndReason.CRASHED) == 1


def test_a_picture_is_tried_twice_where_those_before_it_may_be_to_blame_and_no_more() -> None:
    with probing() as (pool, metrics):
        asked(pool, "nothing")
        assert reason_of(pool, "crash") is EndReason.CRASHED
        assert ended(metrics, EndReason.CRASHED) == 2
        assert reason_of(pool, "exit") is EndReason.CRASHED
        assert ended(metrics, EndReason.CRASHED) == 3, "it was the first picture of its process"


def test_a_picture_whose_process_somebody_else_kills_is_looked_at_in_another_one() -> None:
    with probing() as (pool, metrics):
        first = pool._slots[0].process.pid
        assert first is not None

        def kill() -> None:
            pause(0.3)
            os.kill(first, signal.SIGKILL)

        killer = threading.Thread(target=kill)
        killer.start()
        os.kill(first, signal.SIGSTOP)  # so that it is killed over this request
        seen = asked(pool, "nothing")
        killer.join()
        assert seen == "done: nothing"
        assert ended(metrics, EndReason.KILLED) == 1


@pytest.mark.parametrize("what", ["sleep", "spin"])
def test_a_process_that_does_not_answer_is_killed_and_the_next_picture_is_looked_at(what: str) -> None:
    with probing(picture_s=0.3) as (pool, metrics):
        process = pool._slots[0].process.pid
        assert reason_of(pool, what) is EndReason.TIMED_OUT
        assert not Path(f"/proc/{process}").exists()
        assert ended(metrics, EndReason.TIMED_OUT) == 1, "it is not tried twice"
        assert asked(pool, "nothing") == "done: nothing"


def test_a_pause_of_the_worker_does_not_count_as_time_of_a_picture() -> None:
    paused = itertools.chain([0.0, 100.0], itertools.count(100.1, 0.1))  # once as after SIGSTOP
    process = PictureProcess(PROBE, Path())
    process.start()
    try:
        process._clock = SYSTEM_CLOCK._replace(monotonic=lambda: next(paused))
        said = msgspec.msgpack.decode(process.ask(msgspec.msgpack.encode(Ask("nap")), 5.0), type=Said)
        assert said.text.startswith("done")
    finally:
        process.end(EndReason.KILLED)


def test_pictures_that_take_too_long_one_after_the_other_are_given_less_time_each() -> None:
    slot = PicturePool(PROBE, Path(), 1, Metrics())._slots[0]
    given_s = []
    for _ in range(8):
        given_s.append(slot.allowed_s(10.0))
        slot.note_end(EndReason.TIMED_OUT)
    assert given_s[:3] == [10.0, 5.0, 2.5]
    assert sum(given_s) < 40, "a batch of them must be done before the watchdog ends the worker"
    slot.note_answer()
    assert slot.allowed_s(10.0) == 10.0


NONSENSE = {
    "a length beyond all": "ffffffff",
    "no msgpack": "00000003c1c1c1",
    "another record": "00000001" + "80",
    "a field of another type": "00000011" + "82a474797065a473616964a47465787405",
    "nesting without end": "00100000" + "91" * (1 << 20),
}


@pytest.mark.parametrize("raw", NONSENSE.values(), ids=NONSENSE)
def test_an_answer_that_is_nonsense_ends_its_process(probe: PicturePool, raw: str) -> None:
    before = ended(probe._metrics, EndReason.NONSENSE)
    assert reason_of(probe, "raw", raw) is EndReason.NONSENSE
    assert asked(probe, "nothing") == "done: nothing"
    assert ended(probe._metrics, EndReason.NONSENSE) == before + 1


def test_an_answer_that_nobody_has_asked_for_is_not_the_next_picture_s() -> None:
    with probing() as (pool, _):
        assert asked(pool, "surplus") == "done"
        while not pool._slots[0].process._has_spoken():
            pause(0.01)
        assert reason_of(pool, "nothing") is EndReason.NONSENSE


def test_a_process_may_not_refuse_a_picture_for_what_pictures_are_not_refused_for(probe: PicturePool) -> None:
    with pytest.raises(PictureError) as refused:
        asked(probe, "cause", Cause.PICTURE_TRUNCATED)
    assert refused.value.cause is Cause.PICTURE_TRUNCATED
    assert reason_of(probe, "cause", Cause.UNKNOWN_DEVICE) is EndReason.NONSENSE


def test_memory_is_bounded_and_the_process_lives_on(probe: PicturePool) -> None:
    asked(probe, "nothing")
    process = probe._slots[0].process.pid
    with pytest.raises(PictureError) as refused:
        asked(probe, "memory")
    assert refused.value.cause is Cause.PICTURE_BROKE_DECODER
    assert probe._slots[0].process.pid == process


def test_a_picture_that_holds_up_its_process_does_not_hold_up_another_thread_s() -> None:
    with probing(processes=2, picture_s=1.0) as (pool, _), ThreadPoolExecutor(1) as other:
        slow = other.submit(reason_of, pool, "sleep")
        while pool._free.qsize() == 2:
            pause(0.01)
        assert asked(pool, "nothing") == "done: nothing"
        assert not slow.done()
        assert slow.result(30) is EndReason.TIMED_OUT


def test_nothing_of_a_picture_is_in_the_log_when_its_process_ends() -> None:
    with (
        structlog.testing.capture_logs() as lines,
        probing() as (pool, _),
        pytest.raises(PictureBrokeDecoder) as broke,
    ):
        asked(pool, "crash", "a face")
    assert "a face" not in repr(lines) + repr(broke.value) + repr(broke.value.__cause__)
    assert [line for line in lines if line["event"] == "pictures.process_ended"]


# --- starts and ends ----------------------------------------------------------------------------------------------


def test_a_process_that_never_starts_ends_the_worker_after_three_attempts() -> None:
    pool = PicturePool(BROKEN, Path(), 1, Metrics())
    with (
        structlog.testing.capture_logs() as lines,
        pytest.raises(PicturesFailed, match=r"struct\.error|error:"),
    ):
        pool.start()
    assert [line["event"] for line in lines] == ["pictures.start_failed"] * 2


def test_a_model_that_is_missing_is_named() -> None:
    with pytest.raises(InputMissing, match="the weights are not there"):
        PicturePool(NEEDY, Path(), 1, Metrics()).start()


def test_signals_for_the_worker_do_not_end_its_picture_processes(probe: PicturePool) -> None:
    process = probe._slots[0].process.pid
    assert process is not None
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        os.kill(process, number)
    assert asked(probe, "nothing") == "done: nothing"
    assert probe._slots[0].process.pid == process


PARENT = """
import sys, time
from pathlib import Path
from streams.pictures.messages import framed
from streams.pictures.process import PictureProcess
import msgspec
from tests.support.picture_jobs import PROBE, Ask
process = PictureProcess(PROBE, Path())
process.start()
process._send(framed(msgspec.msgpack.encode(Ask("sleep"))))
print(process.pid, flush=True)
time.sleep(100)
"""


def test_a_picture_process_ends_with_its_worker_whatever_it_does() -> None:
    with subprocess.Popen(
        [sys.executable, "-P", "-c", PARENT],
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    ) as parent:
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        assert _state(child) in "SRD"
        parent.send_signal(signal.SIGKILL)
        parent.wait(10)
    deadline = monotonic() + 20
    while _state(child) not in "ZX":
        assert monotonic() < deadline, "it has outlived its worker"
        pause(0.02)


def _state(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()[0]
    except OSError:
        return "X"


def test_a_closed_pool_starts_nothing_again() -> None:
    with probing() as (pool, metrics):
        pool.close()
        with pytest.raises(PicturesFailed):
            asked(pool, "nothing")
        assert ended(metrics, EndReason.KILLED) == 0


# --- a process that lies ------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def liar() -> Iterator[FramePictures]:
    """Picture processes that answer what they like."""
    pictures = FramePictures(Path(), 1, Metrics(), LIAR)
    yield pictures
    pictures.close()


def lying(lie: str, size: tuple[int, int] = (96, 64)) -> CameraFrame:
    return sent("C1", jpeg(*size) + b"lie:" + lie.encode())


@pytest.mark.parametrize("lie", LIES)
def test_what_is_no_small_picture_of_pixels_alone_does_not_leave(liar: FramePictures, lie: str) -> None:
    assert liar.redact(lying(lie), ()) == Withheld(WithheldReason.DECODER_ENDED)
    assert liar.look(lying("").jpeg, (), AT), "the next picture is looked at"


def test_the_same_picture_of_the_right_size_leaves_with_its_own_hash(liar: FramePictures) -> None:
    outcome = liar.redact(lying("large", (192, 128)), ())
    assert isinstance(outcome, RedactedPicture)
    assert (outcome.width, outcome.height, outcome.jpeg) == (96, 64, jpeg(96, 64))


def test_a_picture_that_is_withheld_there_is_withheld_here(liar: FramePictures) -> None:
    assert liar.redact(lying("detection_failed"), ()) == Withheld(WithheldReason.DETECTION_FAILED)


@pytest.mark.parametrize("lie", ["no sight", "short plane", "long plane"])
def test_what_is_remembered_of_a_camera_has_the_size_that_it_has(liar: FramePictures, lie: str) -> None:
    with pytest.raises(PictureBrokeDecoder):
        liar.look(lying(lie).jpeg, (), AT)
    observed = liar.look(lying("").jpeg, (), AT)
    assert observed.sight is not None
    assert observed.sight.at == AT, "the time is the worker's"


def test_a_text_that_is_on_no_plate_and_a_crop_that_is_no_picture_are_not_believed() -> None:
    reader = PlatePictures(Path(), 1, Metrics(), LIAR)
    try:
        (seen,) = reader.read(jpeg() + "lie:皖A12345".encode())
        assert (seen.text, seen.is_certain) == ("皖A12345", True)
        for lie in (
            "A1; DROP",
            "../../x",
            "a",
            "皖A12345/text",
            "皖A12345/exif",
            "皖A12345/tail",
            "皖A12345/empty",
        ):
            with pytest.raises(PictureBrokeDecoder):
                reader.read(jpeg() + f"lie:{lie}".encode())
            assert reader.read(jpeg() + b"lie:"), "the next picture is read"
    finally:
        reader.close()


# --- the shipped models in it -------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def weights(cache: Path) -> Path:
    """The cache, with every model in it."""
    if faults := verify(cache):
        pytest.skip(f"{faults[0]}; run `callbox models fetch`")
    return cache


def test_the_shipped_processes_have_one_thread_so_that_landlock_holds_for_all_of_them(
    frames: FramePictures,
) -> None:
    pid = frames._pool._slots[0].process.pid
    assert len(list(Path(f"/proc/{pid}/task").iterdir())) == 1


@pytest.mark.weights
def test_the_shipped_models_work_in_the_sandbox(weights: Path) -> None:
    metrics = Metrics()
    pictures = FramePictures(weights, 1, metrics)
    try:
        pid = pictures._pool._slots[0].process.pid
        assert len(list(Path(f"/proc/{pid}/task").iterdir())) == 1
        frame = sent("C1", jpeg(1280, 720), at_s=2)
        earlier = replace(frame, captured_at=ms(1))
        outcome = pictures.redact(frame, [earlier])
        assert isinstance(outcome, RedactedPicture)
        assert (outcome.width, outcome.height) == (640, 360)
        for size in ((65_500, 1), (2, 20_000), (2, 2)):
            assert isinstance(
                pictures.redact(replace(frame, jpeg=jpeg(*size)), ()), RedactedPicture | Withheld
            )
    finally:
        pictures.close()
    assert [ended(metrics, reason) for reason in EndReason] == [0] * len(EndReason)


@pytest.mark.weights
def test_the_shipped_plate_readers_work_in_the_sandbox(weights: Path) -> None:
    metrics = Metrics()
    reader = PlatePictures(weights, 1, metrics)
    try:
        pid = reader._pool._slots[0].process.pid
        assert len(list(Path(f"/proc/{pid}/task").iterdir())) == 1
        for size in ((640, 360), (230, 70), (65_500, 1), (1, 65_500), (6_000, 100)):
            assert isinstance(reader.read(jpeg(*size)), tuple)
    finally:
        reader.close()
    assert [ended(metrics, reason) for reason in EndReason] == [0] * len(EndReason)
