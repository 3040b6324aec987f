"""A run in numbers: for the page and for what is printed at the end."""

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from callbox.demo.result import Story
from schemas.topics import EVIDENCE, VERIFICATION_REQUESTS


class Total(NamedTuple):
    """So many of a kind; `words` name the kind, one a column."""

    words: tuple[str, ...]
    records: int


def went_in(story: Story) -> list[Total]:
    """Records by topic."""
    return _totals(Counter((record.place.topic,) for record in story.sent))


def came_out(story: Story) -> list[Total]:
    """Alerts by topic, grade, action and reason; questions and pictures by topic."""
    found: Counter[tuple[str, ...]] = Counter(
        (placed.topic, placed.alert.grade, placed.alert.action, placed.alert.reason)
        for placed in story.found.alerts
    )
    for request in story.found.requests:
        found[VERIFICATION_REQUESTS, "-", "verify", request.purpose] += 1
    found[EVIDENCE, "-", "picture", "redacted"] += len(story.found.evidence)
    return _totals(found)


def given_up(story: Story) -> list[Total]:
    """Dead letters by topic, cause and worker."""
    return _totals(Counter((letter.topic, letter.cause, letter.worker) for letter in story.found.letters))


def latency_text(story: Story) -> str:
    """From press to alert, for people."""
    found = story.latency
    if found is None:
        return "no press"
    return f"p50 {found.p50_ms:.0f} ms, max {found.max_ms} ms over {found.presses} presses"


def _totals(counted: Counter[tuple[str, ...]]) -> list[Total]:
    return [Total(tuple(map(str, words)), count) for words, count in sorted(counted.items()) if count]


def as_columns(totals: Sequence[Total]) -> list[str]:
    """Lines with the words in columns."""
    columns = max((len(total.words) for total in totals), default=0)
    widths = [max(len(total.words[at]) for total in totals if at < len(total.words)) for at in range(columns)]
    return [
        f"{total.records:6}  "
        + "  ".join(word.ljust(width) for word, width in zip(total.words, widths, strict=False)).rstrip()
        for total in totals
    ]
