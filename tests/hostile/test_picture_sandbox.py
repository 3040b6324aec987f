"""What a decoder that is taken over has: no credential, no network, no file, no program."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import structlog
from msgspec.structs import replace

from models.weights import verify
from processors.vision.redaction import RedactedPicture, Withheld
from streams.pictures.frame_pictures import FramePictures
from streams.pictures.plate_pictures import PlatePictures
from streams.pictures.pool import PicturePool
from streams.pictures.process import EndReason
from streams.pictures.sandbox import KINDS, LANDLOCK, LIMITS, SECCOMP
from streams.worker.metrics import Metrics
from tests.support.hostile_pictures import (
    jpeg,
)
from tests.support.log_records import ms
from tests.support.paths import ROOT
from tests.support.picture_jobs import PROBE
from tests.support.picture_pools import asked, ended, probing, sent

SECRET = "the password of the broker"


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
