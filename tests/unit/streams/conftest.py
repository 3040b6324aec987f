"""What tests of a worker process share."""

import sys
from collections.abc import Iterator

import pytest

from tests.support.worker_parts import Ended


@pytest.fixture
def ends(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The codes with which the process would have ended; ending raises `Ended`."""
    codes: list[int] = []

    def end(code: int) -> None:
        codes.append(code)
        raise Ended(code)

    monkeypatch.setattr("os._exit", end)
    return codes


@pytest.fixture
def short_switches() -> Iterator[None]:
    """Threads take turns as often as they can."""
    usual = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(usual)
