"""A picture process that ends, stalls or does not start.

Other pictures are looked at, and no process outlives its worker.
"""

import itertools
import os
import signal
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import msgspec
import pytest
import structlog

from schemas.errors import Cause, InputMissing, PictureError, PicturesFailed
from streams.clock import SYSTEM_CLOCK, monotonic, pause
from streams.pictures.pool import PictureBrokeDecoder, PicturePool
from streams.pictures.process import EndReason, PictureProcess
from streams.worker.metrics import Metrics
from tests.support.paths import ROOT
from tests.support.picture_jobs import BROKEN, NEEDY, PROBE, Ask, Said
from tests.support.picture_pools import asked, ended, probing, reason_of


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
