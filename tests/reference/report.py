"""A violation for people: the seed, what is wrong, and the shortest log that shows it."""

from collections.abc import Iterator, Sequence

from schemas.fusion_log import FeedWatermark
from tests.reference.generator import generate
from tests.reference.referee import Change, Violation, verdict
from tests.reference.shrink import shrink
from tests.reference.steps import Fact, Second, Step, describe
from tests.support.log_records import START

TIMELESS = ("press", "answer", "id", "place", "dead_letter", "lost_records")
"""Models that need no clock: of what they say the shortest log has no more ticks than it needs."""


def shortest(steps: Sequence[Step], seed: int, violation: Violation, change: Change = None) -> list[Step]:
    """The log without whatever the violation does not need. Ticks and watermarks stay where time is what is wrong."""
    kind = _kind(violation)

    def is_wrong(shorter: list[Step]) -> bool:
        return any(_kind(each) == kind for each in verdict(shorter, seed, change))

    cut = list(steps[: violation.number + 1])
    start = cut if is_wrong(cut) else list(steps)
    return shrink(start, is_wrong, lambda step: violation.rule not in TIMELESS and is_clockwork(step))


def is_clockwork(step: Step) -> bool:
    """Whether a step is an honest tick, or a watermark."""
    what = step.what
    return step.honest_at is None and (
        isinstance(what, Second) or (isinstance(what, Fact) and isinstance(what.record, FeedWatermark))
    )


def _kind(violation: Violation) -> tuple[str, str]:
    """The rule, and the text without its numbers: a shorter log may say it of another second."""
    return violation.rule, "".join(letter for letter in violation.text if not letter.isdigit())[:40]


def explain(seed: int, change: Change = None) -> str:
    """What is wrong with the log of a seed, and the shortest log that shows the first violation."""
    steps = generate(seed)
    found = verdict(steps, seed, change)
    if not found:
        return f"seed {seed}: {len(steps)} steps, nothing is wrong"
    short = shortest(steps, seed, found[0], change)
    again = [each for each in verdict(short, seed, change) if _kind(each) == _kind(found[0])]
    lines = [f"seed {seed}: {len(found)} violations in {len(steps)} steps"]
    lines += [f"  {each.rule}: {each.text} (step {each.number})" for each in found[:5]]
    lines += [f"shortest log, wrong after step {each.number}: {each.text}" for each in again[:1]]
    return "\n".join([*lines, *told(short)])


def told(steps: Sequence[Step]) -> Iterator[str]:
    """A line for each step; ticks and watermarks in a row are one line."""
    skipped = 0
    for number, step in enumerate(steps):
        if is_clockwork(step):
            skipped += 1
            continue
        if skipped:
            yield f"       ... {skipped} ticks and watermarks"
        skipped = 0
        yield f"  {number:4} {describe(step, START)}"
    if skipped:
        yield f"       ... {skipped} ticks and watermarks, the last at {describe(steps[-1], START).split()[0]} s"
