"""How a worker ends when it must not go on: at once, without a commit, with one line that says why."""

import os
from typing import Final, NoReturn

import structlog

from schemas.errors import CallboxError
from streams.worker.process_tuning import flush_output

log = structlog.get_logger(__name__)

EX_SOFTWARE: Final = 70


def stop_now(error: BaseException) -> NoReturn:
    """End the process without a commit, from whichever thread: the next owner reads the batch again."""
    code = error.exit_code if isinstance(error, CallboxError) else EX_SOFTWARE
    log.critical("worker.failed", error=f"{type(error).__name__}: {error}", exc_info=error)
    flush_output()
    os._exit(code)
