"""What a chaos run has to show, and whether it does."""

from collections.abc import Sequence
from typing import Any

from benchmarks.chaos_account import Account
from benchmarks.chaos_faults import DRAIN_S
from benchmarks.chaos_schedule import Fault

AFTER_SESSION_MS = 2_000
ROLLING_MS = 2_000
TOLD_TO_LEAVE = frozenset({Fault.TERMINATE, Fault.JOIN_AND_LEAVE, Fault.FULL_DISK})


def bars(
    found: Account,
    reports: Sequence[dict[str, Any]],
    session_ms: int,
    drains_s: Sequence[float],
    *,
    with_gaps: bool,
) -> dict[str, dict[str, Any]]:
    """Each bar with its value and whether it holds.

    Args:
        found: The account.
        reports: Of each fault.
        session_ms: The session time-out of the run.
        drains_s: How long each SIGTERM took.
        with_gaps: Also how long a press waits: on one broker only, three of them share two cores.
    """
    drain = max(drains_s, default=0.0)
    gaps = {
        "gap_after_sigkill_ms": _bar(_slowest(reports, Fault.KILL), session_ms + AFTER_SESSION_MS),
        "gap_after_sigterm_ms": _bar(_slowest(reports, Fault.TERMINATE), ROLLING_MS),
    }
    return {
        "account": {"bar": "all 0, repeats aside", "value": found._asdict(), "holds": found.is_clean},
        **(gaps if with_gaps else {}),
        "drain_s": _bar(drain, DRAIN_S),
        "exit_codes": _ends(reports),
    }


def _ends(reports: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Who is told to leave ends with 0, also when its disk is full."""
    told = [report for report in reports if report["fault"] in TOLD_TO_LEAVE and "exit_code" in report]
    codes = sorted({str(report["exit_code"]) for report in told})
    return {"bar": "0 after each SIGTERM", "value": codes, "holds": codes in ([], ["0"])}


def _slowest(reports: Sequence[dict[str, Any]], fault: Fault) -> float | None:
    found = [report["gap_ms_max"] for report in reports if report["fault"] == fault]
    return max((gap for gap in found if gap is not None), default=None)


def _bar(value: float | None, most: float) -> dict[str, Any]:
    return {"bar": most, "value": value, "holds": value is None or value <= most}
