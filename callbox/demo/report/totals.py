"""The totals of a run: for the page and for what is printed at the end."""

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from callbox.demo.result import RunResult
from schemas.topics import EVIDENCE, VERIFICATION_REQUESTS


class Total(NamedTuple):
    """A number of records of one kind; `words` name the kind, one for each column."""

    words: tuple[str, ...]
    records: int


def went_in(result: RunResult) -> list[Total]:
    """Records by topic."""
    return _totals(Counter((record.place.topic,) for record in result.sent))


def came_out(result: RunResult) -> list[Total]:
    """Alerts by topic, grade, action and reason; verification requests and pictures by topic."""
    found: Counter[tuple[str, ...]] = Counter(
        (placed.topic, placed.alert.grade, placed.alert.action, placed.alert.reason)
        for placed in result.collected.alerts
    )
    for request in result.collected.requests:
        found[VERIFICATION_REQUESTS, "-", "verify", request.purpose] += 1
    found[EVIDENCE, "-", "picture", "redacted"] += len(result.collected.evidence)
    return _totals(found)


def dead_letters(result: RunResult) -> list[Total]:
    """Dead letters by topic, cause and worker."""
    return _totals(
        Counter(
            (dead_letter.topic, dead_letter.cause, dead_letter.worker)
            for dead_letter in result.collected.dead_letters
        )
    )


def latency_text(result: RunResult) -> str:
    """From press to alert, as a text."""
    found = result.latency
    if found is None:
        return "no press"
    return f"p50 {found.p50_ms:.0f} ms, max {found.max_ms} ms over {found.presses} presses"


def _totals(counted: Counter[tuple[str, ...]]) -> list[Total]:
    return [Total(tuple(map(str, words)), count) for words, count in sorted(counted.items()) if count]


def as_columns(totals: Sequence[Total]) -> list[str]:
    """A line for each total, with its words in columns."""
    columns = max((len(total.words) for total in totals), default=0)
    widths = [max(len(total.words[at]) for total in totals if at < len(total.words)) for at in range(columns)]
    return [
        f"{total.records:6}  "
        + "  ".join(word.ljust(width) for word, width in zip(total.words, widths, strict=False)).rstrip()
        for total in totals
    ]
