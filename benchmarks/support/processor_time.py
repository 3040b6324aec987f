"""CPU time and memory of a process, its wait for a CPU, and the CPU time that the machine's host has taken."""

import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

_TICKS_PER_S = os.sysconf("SC_CLK_TCK")


class MachineTime(NamedTuple):
    """Jiffies since boot, all cores (proc(5), /proc/stat)."""

    total: int
    stolen: int


def machine_time() -> MachineTime:
    """The counters now."""
    user, nice, system, idle, iowait, irq, softirq, steal, *_ = (
        int(field) for field in Path("/proc/stat").read_text().splitlines()[0].split()[1:]
    )
    return MachineTime(user + nice + system + idle + iowait + irq + softirq + steal, steal)


def stolen_share(before: MachineTime, after: MachineTime) -> float:
    """The share of CPU time that the host gave to others between two readings, 0 to 1."""
    return (after.stolen - before.stolen) / max(1, after.total - before.total)


def cpu_seconds(pid: int) -> float:
    """User and system time of a process so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS_PER_S


class CpuTime(NamedTuple):
    """What the scheduler has counted for one thread or more (kernel: Documentation/scheduler/sched-stats.rst).

    Attributes:
        run_ns: On a CPU, nanoseconds.
        wait_ns: Ready to run, but in the run queue: others had the CPUs.
    """

    run_ns: int
    wait_ns: int


def cpu_time_by_thread(pid: int) -> dict[int, CpuTime]:
    """The CPU time of each thread of a process so far, by thread id; empty where the kernel does not count."""
    found: dict[int, CpuTime] = {}
    for task in Path(f"/proc/{pid}/task").iterdir():
        with suppress(FileNotFoundError, ProcessLookupError):  # it ended, or the kernel has no such file
            run_ns, wait_ns, _slices = (task / "schedstat").read_text().split()
            found[int(task.name)] = CpuTime(int(run_ns), int(wait_ns))
    return found


def cpu_time_between(before: Mapping[int, CpuTime], after: Mapping[int, CpuTime]) -> CpuTime:
    """The CPU time of all threads between two readings.

    A thread that began in between counts in full, one that ended does not count: a worker keeps its threads.
    """
    nothing = CpuTime(0, 0)
    return CpuTime(
        sum(now.run_ns - before.get(thread, nothing).run_ns for thread, now in after.items()),
        sum(now.wait_ns - before.get(thread, nothing).wait_ns for thread, now in after.items()),
    )


def resident_mib(pid: int) -> float:
    """The resident memory of a process (proc(5), VmRSS), MiB."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    fields = dict(line.split(":", 1) for line in lines)
    return int(fields["VmRSS"].split()[0]) / 1024
