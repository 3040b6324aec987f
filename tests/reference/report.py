"""A violation for people: the seed, what is wrong, and the shortest log that shows it."""

from collections.abc import Sequence

from tests.reference.generator import generate
from tests.reference.referee import Change, Violation, verdict
from tests.reference.shrink import shrink
from tests.reference.steps import Step, describe
from tests.support.log_records import START


def shortest(steps: Sequence[Step], seed: int, violation: Violation, change: Change = None) -> list[Step]:
    """The log without whatever the violation does not need."""
    kind = _kind(violation)

    def is_wrong(shorter: list[Step]) -> bool:
        return any(_kind(each) == kind for each in verdict(shorter, seed, change))

    cut = list(steps[: violation.number + 1])
    return shrink(cut if is_wrong(cut) else steps, is_wrong)


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
    lines.append(
        f"shortest log, wrong after step {again[0].number if again else '?'}: {again[0].text if again else ''}"
    )
    lines += [f"  {number:4} {describe(step, START)}" for number, step in enumerate(short)]
    return "\n".join(lines)
