"""A shorter log that still shows the same fault: whatever can be left out is left out, greedily."""

from collections.abc import Callable, Sequence

from tests.reference.steps import Step

TRIES = 1_500
"""How often a log is tried while it is shrunk."""


def shrink(
    steps: Sequence[Step],
    is_wrong: Callable[[list[Step]], bool],
    stays: Callable[[Step], bool] = lambda _: False,
    tries: int = TRIES,
) -> list[Step]:
    """Leave out halves, then quarters, down to single steps, as long as the log stays wrong.

    Args:
        steps: A log that is wrong.
        is_wrong: Whether a shorter one still is.
        stays: Steps that are never left out.
        tries: How many logs are tried at most.
    """
    best = list(steps)
    size = max(1, len(best) // 2)
    while size and tries > 0:
        at = 0
        while at < len(best) and tries > 0:
            kept = [step for step in best[at : at + size] if stays(step)]
            shorter = [*best[:at], *kept, *best[at + size :]]
            if shorter and len(shorter) < len(best):
                tries -= 1
                if is_wrong(shorter):
                    best = shorter
                    continue
            at += size
        size //= 2
    return best
