"""A shorter log that still shows the same fault: whatever can be left out is left out, greedily."""

from collections.abc import Callable, Sequence

from tests.reference.steps import Step

TRIES = 1_500
"""How often a log is tried while it is shrunk."""


def shrink(steps: Sequence[Step], is_wrong: Callable[[list[Step]], bool], tries: int = TRIES) -> list[Step]:
    """Leave out halves, then quarters, down to single steps, as long as the log stays wrong."""
    best, size = list(steps), max(1, len(steps) // 2)
    while size and tries > 0:
        at = 0
        while at < len(best) and tries > 0:
            shorter = best[:at] + best[at + size :]
            tries -= 1
            if shorter and is_wrong(shorter):
                best = shorter
            else:
                at += size
        size //= 2
    return best
