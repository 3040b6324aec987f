"""The figures of the throughput bench: rates, medians, spread, equality of answers, bars."""

import hashlib
import statistics
from collections.abc import Iterable, Mapping, Sequence
from typing import Final, NamedTuple

RUNNERS: Final = ("default_faust", "callbox", "quix", "bytewax", "confluent_loop")

CHECKED: Final[Mapping[str, bool]] = {
    "default_faust": True,
    "callbox": True,
    "quix": True,
    "bytewax": False,
    "confluent_loop": True,
}
"""Whether a runner looks at the broker's answer to what it sent before it commits, as it runs here. Faust does
because the agent awaits each delivery, Quix since its checkpoint raises on a failed one, callbox and the loop by
design; Bytewax's sink flushes and looks at nothing (benchmarks/throughput/peers)."""

BARS: Final[Mapping[str, tuple[str, float]]] = {
    "default_faust": ("callbox >= 8 x default_faust", 8.0),
    "quix": ("callbox >= quix", 1.0),
}

OF_THE_LOOP: Final[Mapping[str, float]] = {"plates": 0.95, "pillars": 0.9}
"""What share of the loop's rate is asked of callbox, by topic."""


class Answered(NamedTuple):
    """One answer as the broker has it."""

    appended_ms: int
    key: bytes
    value: bytes


class Run(NamedTuple):
    """One round of one runner.

    Attributes:
        events_per_s: Input records a second.
        digest: Names the set of answers; equal sets have equal digests.
        answers: How many there were.
        cpu_us_per_event: The runner's own processor time for one record, microseconds.
        stolen: The share of processor time that the host gave to others, 0 to 1.
    """

    events_per_s: float
    digest: str
    answers: int
    cpu_us_per_event: float
    stolen: float


def rate(appended_ms: Sequence[int], records_per_answer: int) -> float:
    """Input records a second, by the broker's clock, from the first answers that were appended to the last.

    Start-up and joining the group lie before the first answer. What came with it is not counted: it was worked on
    before.

    Raises:
        ValueError: All answers have the same time: too few records to measure.
    """
    first, last = min(appended_ms), max(appended_ms)
    if first == last:
        raise ValueError("all answers came within a millisecond: take more records")
    later = sum(1 for at in appended_ms if at > first)
    return later * records_per_answer / ((last - first) / 1000)


def digest(answered: Iterable[Answered]) -> str:
    """A name of the set of answers, whatever their order."""
    found = hashlib.blake2b(digest_size=16)
    for key, value in sorted({(answer.key, answer.value) for answer in answered}):
        found.update(len(key).to_bytes(4, "big") + key + len(value).to_bytes(4, "big") + value)
    return found.hexdigest()


def figures(topic: str, runs: Mapping[str, Sequence[Run]]) -> dict[str, object]:
    """The report of all rounds: each runner, whether the answers were equal, and the bars.

    Args:
        topic: plates or pillars.
        runs: The rounds of each runner.
    """
    medians = {name: statistics.median(run.events_per_s for run in found) for name, found in runs.items()}
    report: dict[str, object] = {name: _runner(name, found) for name, found in runs.items()}
    every = [run for found in runs.values() for run in found]
    report["answers"] = {
        "each": sorted({run.answers for run in every}),
        "equal": len({(run.digest, run.answers) for run in every}) == 1,
    }
    report["stolen"] = round(max(run.stolen for run in every), 3)
    report["bars"] = bars(topic, medians)
    return report


def bars(topic: str, medians: Mapping[str, float]) -> dict[str, object]:
    """Each bar whose two runners ran: the ratio of their medians, and whether it is met."""
    ours = medians.get("callbox")
    if ours is None:
        return {}
    share = OF_THE_LOOP[topic]
    loop = f"callbox >= {share} x confluent_loop"
    return {
        text: {"ratio": round(ours / medians[peer], 2), "met": ours >= least * medians[peer]}
        for peer, (text, least) in {**BARS, "confluent_loop": (loop, share)}.items()
        if peer in medians
    }


def _runner(name: str, found: Sequence[Run]) -> dict[str, object]:
    rates = [run.events_per_s for run in found]
    return {
        "events_per_s": round(statistics.median(rates)),
        "spread": [round(min(rates)), round(max(rates))],
        "cpu_us_per_event": round(statistics.median(run.cpu_us_per_event for run in found), 1),
        "delivery_checked_before_commit": CHECKED[name],
    }
