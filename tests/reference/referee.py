"""The referee: it reads a run from its first entry on and says what should not have been."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from random import Random
from typing import NamedTuple, Protocol

from processors.state.partition_state import State
from schemas.alert import Alert
from schemas.enums import Action
from schemas.units import EpochMs
from tests.reference.answers import Answers
from tests.reference.crowds import Crowds
from tests.reference.dead_letters import DeadLetters
from tests.reference.drive import Entry, drive, fold_all
from tests.reference.faults import Faults
from tests.reference.ids import Ids
from tests.reference.lost_records import LostRecords
from tests.reference.place import Places
from tests.reference.planned import Planned
from tests.reference.presses import Presses
from tests.reference.silence import Silence
from tests.reference.steps import Second, Step
from tests.reference.storms import Storms
from tests.reference.timers import Timers
from tests.reference.view import EMERGENCIES, View

Change = Callable[[State], None] | None
"""What a test does to the state before the first entry."""


class Violation(NamedTuple):
    """Something that should not have been.

    Attributes:
        rule: The oracle that says so.
        number: The step after which it says so.
        text: What it says.
    """

    rule: str
    number: int
    text: str


class Oracle(Protocol):
    """One model: it judges each entry with the view from before it."""

    rule: str

    def check(self, entry: Entry, view: View) -> Iterator[str]:
        """What is wrong with what came of an entry."""
        ...


def judge(entries: Sequence[Entry]) -> list[Violation]:
    """Judge a run with every model."""
    view = View()
    timers, places, silence, faults = Timers(), Places(), Silence(), Faults()
    oracles: list[Oracle] = [
        Presses(),
        Answers(),
        timers,
        Ids(),
        places,
        silence,
        faults,
        DeadLetters(),
        LostRecords(),
        Storms(),
        Crowds(),
        Planned(),
    ]
    late = (timers, places, silence, faults)
    found = []
    for number, entry in enumerate(entries):
        view.before(entry)
        for oracle in oracles:
            found += [Violation(oracle.rule, number, text) for text in oracle.check(entry, view)]
        view.after(entry)
        for oracle in late:
            found += [Violation(oracle.rule, number, text) for text in oracle.after(entry, view)]
    return found


def restarted(entries: Sequence[Entry], seed: int) -> list[Violation]:
    """Fold the log again with restarts anywhere: the same decisions must follow (10, 15)."""
    count = min(4, len(entries))
    cuts = frozenset(Random(seed).sample(range(len(entries)), count))
    again = fold_all([entry.given for entry in entries], cuts)
    for number, (entry, decisions) in enumerate(zip(entries, again, strict=True)):
        if entry.decisions != decisions:
            return [
                Violation("restart", number, f"after restarts at {sorted(cuts)} something else is decided")
            ]
    return []


def honest(steps: Sequence[Step]) -> list[Step]:
    """The same log without its wrong append time."""
    return [step if step.honest_at is None else _corrected(step, step.honest_at) for step in steps]


def _corrected(step: Step, at: EpochMs) -> Step:
    return Step(at, Second(at) if isinstance(step.what, Second) else step.what)


EDGE_MS = 5_000
"""The last seconds of a log are not compared: a tick whose append time lies may be taken for one a second later."""


def one_wrong_time(steps: Sequence[Step], entries: Sequence[Entry], change: Change) -> list[Violation]:
    """Fold the log without its wrong append time: the same people are told the same (F11)."""
    numbers = [number for number, step in enumerate(steps) if step.honest_at is not None]
    if not numbers or not all(_is_amid_ticks(steps, number) for number in numbers):
        return []
    lied, true = entries, drive(honest(steps), change)
    until = max(step.honest_at or step.at for step in steps) - EDGE_MS
    differing = _told(lied, steps, until), _told(true, steps, until)
    more, less = differing[0] - differing[1], differing[1] - differing[0]
    if not more and not less:
        return []
    text = "; ".join(
        f"{sign} {each}" for sign, group in (("+", more), ("-", less)) for each in list(group)[:3]
    )
    return [Violation("clock", numbers[0], f"one wrong append time changes who is told what: {text} (F11)")]


def _about(alert: Alert) -> str:
    """Whom an alert is about, equal with and without a wrong append time.

    The id of an incident names stream time where callbox itself has found what is wrong, such as a silence; a tick
    that lies may be taken for one some milliseconds earlier. Nobody is told anything else by that (F11).
    """
    if alert.hazard in EMERGENCIES or not alert.sources:
        return alert.incident_id[:12]
    return f"{alert.hazard.value} of {alert.sources[0].device_id}"


def _says(alert: Alert) -> str:
    """What an alert says. The tier of an update is where the incident stands: a second earlier it may be another.

    A tier that is asked at another time, or not at all, shows in the alert that asks it.
    """
    tier = "" if alert.action is Action.UPDATE else f" {alert.tier.value}"
    return f"{_about(alert)} {alert.action.value} {alert.reason.value}{tier} {alert.state.value}"


def _told(entries: Sequence[Entry], steps: Sequence[Step], until: int) -> Counter[str]:
    return Counter(
        _says(alert)
        for entry, step in zip(entries, steps, strict=True)
        if (step.honest_at or step.at) < until and (step.honest_at is None or isinstance(step.what, Second))
        for alert in entry.alerts
    )


def _is_amid_ticks(steps: Sequence[Step], number: int) -> bool:
    at = steps[number].honest_at or 0
    near = [
        step
        for step in (*steps[max(0, number - 12) : number], *steps[number + 1 : number + 12])
        if isinstance(step.what, Second) and abs(step.at - at) <= 2_000
    ]
    return any(step.at <= at for step in near) and any(step.at >= at for step in near)


def verdict(steps: Sequence[Step], seed: int, change: Change = None) -> list[Violation]:
    """Everything that is wrong with what the fold makes of a log."""
    entries = drive(steps, change)
    found = judge(entries)
    if change is None:
        found += restarted(entries, seed)
    found += one_wrong_time(steps, entries, change)
    return sorted(found, key=lambda violation: violation.number)


def alerts_of(entries: Sequence[Entry]) -> list[Alert]:
    return [alert for entry in entries for alert in entry.alerts]
