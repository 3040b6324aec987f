"""Readiness: what is missing is named, and nothing but what is missing."""

from types import SimpleNamespace
from typing import TYPE_CHECKING, cast

import pytest

from streams.worker.agent import Hooks
from streams.worker.probes import Health

if TYPE_CHECKING:
    from streams.worker.lag import LagMonitor


def health(
    *,
    warm: bool = True,
    joined: bool = True,
    silent_s: float = 0.0,
    started: bool = True,
    restored: bool = True,
    agree: bool = True,
    stalled_s: float = 0.0,
) -> Health:
    lag = cast(
        "LagMonitor",
        SimpleNamespace(joined=joined, stalled_for_s=lambda: stalled_s, unanswered_for_s=lambda: silent_s),
    )
    hooks = Hooks(is_ready=lambda: restored, clocks_agree=lambda: agree)
    return Health(lag, hooks, 30, delivery_warm=warm, agent_started=started)


def test_a_worker_that_lacks_nothing_is_ready() -> None:
    assert health().missing() == []


@pytest.mark.parametrize(
    ("found", "missing"),
    [
        (health(warm=False), "producer not warm"),
        (health(joined=False), "no partitions assigned yet"),
        (health(silent_s=5), "no answer of the broker for 5 s"),
        (health(started=False), "agent not restored"),
        (health(restored=False), "agent not restored"),
        (health(agree=False), "this machine's clock and the broker's differ"),
        (health(stalled_s=30), "no commit for 30 s while records wait"),
    ],
)
def test_what_is_missing_is_named(found: Health, missing: str) -> None:
    assert found.missing() == [missing]


def test_a_worker_below_the_stall_limit_is_ready() -> None:
    assert health(stalled_s=29.9).missing() == []


def test_everything_that_is_missing_is_named() -> None:
    lacking = health(warm=False, joined=False, silent_s=99, restored=False, agree=False, stalled_s=99)
    assert len(lacking.missing()) == 6


def test_a_broker_that_has_answered_within_seconds_is_no_silent_one() -> None:
    assert health(silent_s=4.9).missing() == []
