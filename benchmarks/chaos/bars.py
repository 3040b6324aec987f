"""The bars of a chaos run, each with its value and whether it holds."""

from collections.abc import Sequence
from typing import Any

from benchmarks.chaos.account import Account
from benchmarks.chaos.faults import DRAIN_S
from benchmarks.chaos.schedule import Fault

AFTER_SESSION_MS = 2_000
ROLLING_MS = 2_000


def bars(
    found: Account,
    reports: Sequence[dict[str, Any]],
    session_ms: int,
    drains_s: Sequence[float],
    codes: Sequence[int | None],
    *,
    with_gaps: bool,
) -> dict[str, dict[str, Any]]:
    """Each bar with its value and whether it holds.

    Args:
        found: The account.
        reports: Of each fault.
        session_ms: The session time-out of the run.
        drains_s: How long each SIGTERM took.
        codes: The exit code after each of them.
        with_gaps: Whether the gaps have bars: with one broker only, because three share two cores.
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
        "exit_codes": {
            "bar": "0 after each SIGTERM",
            "value": sorted({str(code) for code in codes}),
            "holds": all(code == 0 for code in codes),
        },
    }


def _slowest(reports: Sequence[dict[str, Any]], fault: Fault) -> float | None:
    found = [report["gap_ms_max"] for report in reports if report["fault"] == fault]
    return max((gap for gap in found if gap is not None), default=None)


def _bar(value: float | None, most: float) -> dict[str, Any]:
    return {"bar": most, "value": value, "holds": value is None or value <= most}
