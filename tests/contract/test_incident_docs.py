"""docs/incidents.md is true of the fold: states, transitions, timers, defaults, acknowledgements."""

import re

import pytest
from msgspec.structs import replace

from processors.incident.lifecycle import DUE, OPEN, TRANSITIONS, Transition, restarted
from processors.rules.ack import ACK_RULES
from processors.state.entities import TimerKind
from processors.state.policy import FusionPolicy
from schemas.enums import AckAction, Grade, Hazard, IncidentState, Reason
from schemas.units import HOUR_MS, MINUTE_MS, SECOND_MS, EpochMs
from tests.support.paths import ROOT
from tests.support.timeline import Timeline

PAGE = (ROOT / "docs/incidents.md").read_text("utf-8")
REJECTIONS = list(Reason)[list(Reason).index(Reason.UNKNOWN_INCIDENT) :]
UNITS = {"s": SECOND_MS, "min": MINUTE_MS, "h": HOUR_MS}
QUIET = (IncidentState.SHELVED, IncidentState.OUT_OF_SERVICE)


def tables(heading: str) -> list[list[list[str]]]:
    """The tables below a heading, the heading row left out."""
    text = re.split(r"^#+ ", PAGE.split(f"{heading}\n", 1)[1], maxsplit=1, flags=re.MULTILINE)[0]
    found = re.findall(r"^\|.*\|\n\|[-|]+\|\n((?:\|.*\|\n?)+)", text, re.MULTILINE)
    return [
        [[cell.strip() for cell in line.strip("|").split("|")] for line in table.splitlines()]
        for table in found
    ]


def names(cell: str) -> list[str]:
    return re.findall(r"`([^`]+)`", cell)


def states(cell: str) -> list[IncidentState | None]:
    return [None if name == "none" else IncidentState(name.strip("`")) for name in cell.split(", ")]


def ms_of(text: str) -> int:
    if text == "never":
        return 0
    number, unit = text.split()
    return int(number) * UNITS[unit]


def test_every_state_is_explained() -> None:
    (table,) = tables("## States")
    assert {row[0].strip("`") for row in table} == set(IncidentState) - {IncidentState.UNKNOWN}


def test_every_state_is_mapped_to_the_standard_that_it_is_derived_from() -> None:
    (table,) = tables("## States and ISA-18.2")
    assert {name for row in table for name in names(row[0])} == set(IncidentState) - {IncidentState.UNKNOWN}


def test_the_transitions_of_the_page_are_those_of_the_machine() -> None:
    found: dict[Transition, dict[IncidentState | None, IncidentState]] = {}
    for heading in ("### What the feeds do", "### What people do", "### What time does"):
        (table,) = tables(heading)
        for name, before, after in table:
            known = found.setdefault(Transition(name.strip("`")), {})
            for state in states(before):
                assert state not in known, (name, state)
                if after == "as before":
                    assert state is not None
                    known[state] = state
                else:
                    known[state] = IncidentState(after.strip("`"))
    assert found == TRANSITIONS


def test_the_timers_of_each_state_are_those_that_run() -> None:
    line = Timeline()
    line.press(0)
    (incident,) = line.state.incidents.values()
    (table,) = tables("## Timers")
    assert {row[0].strip("`") for row in table} == set(OPEN)
    for row in table:
        state = IncidentState(row[0].strip("`"))
        there = restarted(replace(incident, state=state), EpochMs(0), FusionPolicy())
        running = {kind for kind, due_of in DUE.items() if due_of(there) is not None} - {TimerKind.EXPIRE}
        if state in QUIET:  # for how long, a person says
            running.add(TimerKind.UNSHELVE)
        assert set(names(row[1])) == running, state


@pytest.mark.parametrize("row", tables("## Defaults by grade")[0], ids=lambda row: row[0].strip("`"))
def test_the_defaults_of_each_grade_are_those_of_the_policy(row: list[str]) -> None:
    path, _, *told = row
    name, _, part = path.strip("`").partition(".")
    limits = getattr(FusionPolicy(), name)
    for grade, text in zip((Grade.RED, Grade.YELLOW, Grade.BLUE), told, strict=True):
        limit = limits.of(grade)
        assert ms_of(text) == (getattr(limit, part) if part else limit), grade


def test_every_action_is_there_with_what_it_needs() -> None:
    actions, _ = tables("## Acknowledgements")
    assert [AckAction(row[0].strip("`")) for row in actions] == list(ACK_RULES)
    for name, needs, _ in actions:
        says = ACK_RULES[AckAction(name.strip("`"))]
        assert ("`reason`" in needs) is says.needs_reason, name
        assert ("the latest alarm" in needs) is says.needs_latest, name


def test_every_reason_to_reject_is_there() -> None:
    _, rejections = tables("## Acknowledgements")
    assert {row[0].strip("`") for row in rejections} == set(REJECTIONS)


def test_every_fault_is_there_with_its_beginning_and_its_end() -> None:
    (table,) = tables("## Supervision")
    told = {name for row in table for name in names(row[0])}
    assert told == set(Hazard) - {Hazard.UNKNOWN, Hazard.EMERGENCY_CALL, Hazard.FIRE}
