"""Pauses from a log that Java 17 has written."""

from pathlib import Path

from benchmarks.beside_pictures.gc_pauses import GcLog, gc_figures, pauses_ms

LOG = """\
[0.012s][info][gc] Using G1
[3.401s][info][gc] GC(0) Pause Young (Normal) (G1 Evacuation Pause) 112M->9M(2048M) 6.020ms
[9.120s][info][gc] GC(1) Pause Young (Concurrent Start) (G1 Humongous Allocation) 300M->210M(2048M) 3.5ms
[9.121s][info][gc] GC(2) Concurrent Mark Cycle
[9.150s][info][gc] GC(2) Pause Remark 212M->212M(2048M) 1.250ms
[9.190s][info][gc] GC(2) Concurrent Mark Cycle 69.120ms
"""


def test_pauses_are_counted_and_what_runs_beside_the_program_is_not() -> None:
    assert pauses_ms(LOG) == [6.02, 3.5, 1.25]


def test_figures_of_pauses_and_of_none() -> None:
    assert gc_figures([6.02, 3.5, 1.25]) == {"pauses": 3, "total_ms": 10.8, "longest_ms": 6.02}
    assert gc_figures([]) == {"pauses": 0, "total_ms": 0, "longest_ms": 0.0}


def test_a_log_tells_each_pause_once_and_a_line_that_is_being_written_later(tmp_path: Path) -> None:
    path = tmp_path / "gc.log"
    assert GcLog(path).new_pauses_ms() == []
    path.write_text(LOG)
    log = GcLog(path)
    assert log.new_pauses_ms() == []
    half, rest = "[10.1s][info][gc] GC(3) Pause Young (Normal) 2M->1M(4M) 7.", "5ms\n"
    with path.open("a") as file:
        file.write(half)
    assert log.new_pauses_ms() == []
    with path.open("a") as file:
        file.write(rest)
    assert log.new_pauses_ms() == [7.5]
    assert log.new_pauses_ms() == []
