"""The logging of the test run, given back after a command of callbox has configured its own."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager

import structlog

from callbox.logging import LIBRARIES


@contextmanager
def restored_logs() -> Iterator[None]:
    """Put handlers, levels, warnings and structlog back at the end, whatever happened in between."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    levels = {name: logging.getLogger(name).level for name in LIBRARIES}
    try:
        yield
    finally:
        root.handlers[:] = handlers
        root.setLevel(level)
        for name, was in levels.items():
            logging.getLogger(name).setLevel(was)
        logging.captureWarnings(capture=False)
        structlog.reset_defaults()
