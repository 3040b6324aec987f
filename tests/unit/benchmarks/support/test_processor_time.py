"""What the scheduler counts, thread by thread."""

import os
import threading

from benchmarks.support.processor_time import CpuTime, cpu_time_between, cpu_time_by_thread


def test_time_between_two_readings_is_the_sum_over_threads() -> None:
    before = {1: CpuTime(100, 10), 2: CpuTime(50, 5)}
    after = {1: CpuTime(300, 20), 2: CpuTime(51, 5)}
    assert cpu_time_between(before, after) == CpuTime(201, 10)


def test_a_thread_that_began_counts_and_one_that_ended_does_not() -> None:
    before = {1: CpuTime(100, 10), 2: CpuTime(50, 5)}
    after = {1: CpuTime(100, 10), 3: CpuTime(7, 3)}
    assert cpu_time_between(before, after) == CpuTime(7, 3)


def test_every_thread_of_a_process_is_read() -> None:
    waiting = threading.Event()
    thread = threading.Thread(target=waiting.wait)
    thread.start()
    try:
        found = cpu_time_by_thread(os.getpid())
    finally:
        waiting.set()
        thread.join()
    assert thread.native_id in found or not found  # a kernel that does not count has no such files
