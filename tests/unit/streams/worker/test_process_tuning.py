"""Which signals end a process in order, and that its last lines come out."""

import logging
import signal
from collections.abc import Iterator

import pytest

from streams.worker.process_tuning import flush_output, stop_signals


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    before = signal.getsignal(signal.SIGHUP)
    yield
    signal.signal(signal.SIGHUP, before)


def test_a_terminal_that_goes_away_ends_a_process_in_order() -> None:
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
    assert stop_signals() == {signal.SIGTERM, signal.SIGINT, signal.SIGHUP}


def test_what_is_to_outlive_its_terminal_does() -> None:
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    assert stop_signals() == {signal.SIGTERM, signal.SIGINT}


def test_the_last_lines_are_flushed_and_one_that_cannot_be_stops_no_other() -> None:
    flushed = []

    class Full(logging.NullHandler):
        def flush(self) -> None:
            raise OSError

    class Open(logging.NullHandler):
        def flush(self) -> None:
            flushed.append(self)

    root, handlers = logging.getLogger(), [Full(), Open()]
    before = root.handlers[:]
    root.handlers[:] = handlers
    try:
        flush_output()
    finally:
        root.handlers[:] = before
    assert flushed == handlers[1:]
