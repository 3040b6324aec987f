"""How a worker behaves as a process among others: whose CPU it takes, what it leaves behind, how its threads share.

Each is set once, before the first record is read.
"""

import gc
import os
import resource
import sys

from streams.worker.settings import WorkerSettings


def lower_priority(settings: WorkerSettings) -> None:
    """Let presses have the CPU first, from the next instruction on.

    Niceness alone is not enough: a nice process keeps the CPU for its slice of 3 ms, a press changes hands ten times,
    and p90 was 150 to 190 ms beside two busy picture workers, against 12 to 26 ms with SCHED_IDLE (docs/adr/0005).
    """
    if settings.nice:
        os.nice(settings.nice)
    if settings.background and hasattr(os, "SCHED_IDLE"):
        os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))


def disable_core_dumps() -> None:
    """Allow no crash dump, which would hold pictures and plates.

    A limit of 1 byte also keeps a dump from being piped to a handler, which 0 does not (Linux, fs/coredump.c).
    """
    _, most = resource.getrlimit(resource.RLIMIT_CORE)
    limit = 0 if most == 0 else 1
    resource.setrlimit(resource.RLIMIT_CORE, (limit, limit))


def tune_gc() -> None:
    """Collect seldom: a full collection of a fold with 20,000 incidents takes 50 ms, in which nobody is heard.

    Records and state are not tracked (`gc=False`: they hold no cycles); what is left for the collector are futures
    and tasks, which it may find later.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)


def shorten_switch_interval() -> None:
    """Let threads take turns quickly: Python's 5 ms is what a press would wait for while a snapshot is written."""
    sys.setswitchinterval(0.001)
