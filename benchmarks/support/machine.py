"""A description of the machine, which every bench prints beside its figures."""

import os
import platform
from pathlib import Path


def describe() -> dict[str, object]:
    """CPU model, cores, memory, Python and system, without the machine's name."""
    return {
        "cpu": _first("/proc/cpuinfo", "model name"),
        "cores": os.cpu_count(),
        "memory_gib": round(int(_first("/proc/meminfo", "MemTotal").split()[0]) / (1 << 20), 1),
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.release()}",
    }


def _first(file: str, name: str) -> str:
    for line in Path(file).read_text().splitlines():
        key, _, value = line.partition(":")
        if key.strip() == name:
            return value.strip()
    return "0"
