"""Settings of the operating system and the interpreter: priority, core dumps, garbage collection, thread switches.

Each is set once, before the first record is read. Beside them: which signals end a worker, and its last lines.
"""

import contextlib
import gc
import logging
import os
import resource
import signal
import sys
from collections.abc import Callable

from streams.worker.settings import WorkerSettings


def lower_priority(settings: WorkerSettings) -> None:
    """Leave the CPU to workers that carry presses.

    Niceness alone is not enough: a nice process keeps the CPU for its slice of 3 ms, a press changes hands several
    times, and p90 was 150 to 190 ms beside two busy picture workers, against 12 to 26 ms with SCHED_IDLE
    (docs/adr/0005).
    """
    if settings.nice:
        os.nice(settings.nice)
    if settings.background and hasattr(os, "SCHED_IDLE"):
        os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))


def disable_core_dumps(
    get_limit: Callable[[int], tuple[int, int]] = resource.getrlimit,
    set_limit: Callable[[int, tuple[int, int]], None] = resource.setrlimit,
) -> None:
    """Allow no core dump, which would hold pictures and plates.

    A limit of 1 byte also keeps a dump from being piped to a handler, which 0 does not (Linux, fs/coredump.c).

    Args:
        get_limit: Reads a resource limit of this process, soft and hard.
        set_limit: Sets one.
    """
    _, most = get_limit(resource.RLIMIT_CORE)
    limit = 0 if most == 0 else 1
    set_limit(resource.RLIMIT_CORE, (limit, limit))


def tune_gc() -> None:
    """Collect garbage seldom: a full collection of a fold with 20,000 incidents takes 50 ms, and presses wait for it.

    Records and state are not tracked (`gc=False`: they hold no cycles); what is left for the collector are futures
    and tasks, which it may find later.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)


def shorten_switch_interval() -> None:
    """Switch threads after 1 ms: while a snapshot is written, a press would wait for Python's default of 5 ms."""
    sys.setswitchinterval(0.001)


def stop_signals() -> frozenset[signal.Signals]:
    """The signals that ask a process to end in order.

    SIGHUP too: the terminal or the session that a worker was started from is gone. Not where it is ignored, as under
    `nohup`, which is how somebody says that a process is to outlive its session.
    """
    signals = {signal.SIGTERM, signal.SIGINT}
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
        signals.add(signal.SIGHUP)
    return frozenset(signals)


def flush_output() -> None:
    """Bring out what was logged and printed before the process ends without Python's own end (`os._exit`).

    Bounded, also where nobody reads stderr: by the handler of a worker's log lines (callbox/log_thread.py).
    """
    for output in (*logging.getLogger().handlers, sys.stdout, sys.stderr):
        if output is None:  # a process that was started without this stream
            continue
        with contextlib.suppress(OSError, ValueError):  # the disk is full, or the stream is closed
            output.flush()
