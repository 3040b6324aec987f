"""CPU time and memory of a process, and the CPU time that the machine's host has taken for others."""

import os
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


def resident_mib(pid: int) -> float:
    """The resident memory of a process (proc(5), VmRSS), MiB."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    fields = dict(line.split(":", 1) for line in lines)
    return int(fields["VmRSS"].split()[0]) / 1024
