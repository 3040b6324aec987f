"""Waiting for what a process or a broker does in its own time."""

import time
from collections.abc import Callable

import pytest

STEP_S = 0.2


def wait_until(holds: Callable[[], object], within_s: float, otherwise: Callable[[], str]) -> None:
    """Return once `holds()` is true; fail with the text of `otherwise` when that takes too long."""
    deadline = time.monotonic() + within_s
    while not holds():
        if time.monotonic() > deadline:
            pytest.fail(otherwise())
        time.sleep(STEP_S)
