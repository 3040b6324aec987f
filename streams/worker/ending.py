"""How a worker ends when it must not go on: at once, without a commit, with one line that says why."""

import asyncio
import contextlib
import logging
import os
import threading
from collections.abc import Awaitable, Callable, Iterator
from typing import Final, NoReturn

import structlog

from schemas.errors import CallboxError
from streams.worker.process_tuning import flush_output

log = structlog.get_logger(__name__)

EX_SOFTWARE: Final = 70

LAST_LINE_S: Final = 2.0
"""How long the last line may take: standard error may be a pipe that nobody reads, and writing to it never returns."""


_ending = threading.Lock()


def stop_now(error: BaseException) -> NoReturn:
    """End the process without a commit, from whichever thread: the next owner reads the batch again.

    The first failure has the last word: what other threads find while the process ends follows from it.
    """
    code = error.exit_code if isinstance(error, CallboxError) else EX_SOFTWARE
    if not _ending.acquire(blocking=False):
        threading.Event().wait(2 * LAST_LINE_S)
        os._exit(code)
    try:
        with _ended_within(LAST_LINE_S, code), contextlib.suppress(Exception):
            log.critical("worker.failed", error=f"{type(error).__name__}: {error}", exc_info=error)
            logging.disable(logging.CRITICAL)
        end_process(code)
    finally:  # only a test comes here
        logging.disable(logging.NOTSET)
        _ending.release()


def end_process(code: int) -> NoReturn:
    """End the process with this code, whatever its threads do and wherever its output goes."""
    with _ended_within(LAST_LINE_S, code):
        flush_output()
    os._exit(code)


async def fail_stop(
    work: Awaitable[object],
    *,
    is_stopping: Callable[[], bool],
    fail: Callable[[BaseException], object] = stop_now,
) -> None:
    """Await what must never end by an exception that nobody sees: whatever it raises ends the process.

    Args:
        work: What is awaited.
        is_stopping: Whether a cancellation is the end of the worker, or a task that is dropped one that it leaves. By
            anything else it is a failure too: a part of the worker would be gone, or Faust would start another one
            without what this one holds.
        fail: Ends the process.
    """
    try:
        await work
    except BaseException as error:
        if isinstance(error, asyncio.CancelledError | GeneratorExit) and is_stopping():
            raise
        fail(error)


@contextlib.contextmanager
def _ended_within(bound_s: float, code: int) -> Iterator[None]:
    """End the process all the same when what is done here does not return."""
    timer = threading.Timer(bound_s, os._exit, (code,))
    timer.daemon = True
    with contextlib.suppress(RuntimeError):  # no thread can be started any more
        timer.start()
    try:
        yield
    finally:
        timer.cancel()
