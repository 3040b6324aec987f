"""Builders of an incident of each grade, with a chain of four tiers."""

import pytest
from msgspec.structs import replace

from processors.state.policy import ByGrade, FusionPolicy
from schemas.alert import Alert
from schemas.enums import (
    Action,
    Grade,
    PillarKind,
    Tier,
)
from schemas.registry import ChainLink
from tests.support.expect import once
from tests.support.log_records import camera, device, flame
from tests.support.timeline import Timeline

FOUR_TIERS = tuple(
    ChainLink(tier=tier, unit=f"{tier}-unit")
    for tier in (Tier.VILLAGE, Tier.TOWNSHIP, Tier.COUNTY, Tier.MULTI_AGENCY)
)
GRADES = (Grade.RED, Grade.YELLOW, Grade.BLUE)
ACKNOWLEDGE_S = {Grade.RED: 30, Grade.YELLOW: 120, Grade.BLUE: 600}
every_grade = pytest.mark.parametrize("grade", GRADES)

UNHELD = FusionPolicy(hold_ms=ByGrade(red=0, yellow=0, blue=0))
"""The defaults without holds: an incident is raised in the second of its first fact, so times are counted from it."""


def site(*, chain: tuple[ChainLink, ...] = FOUR_TIERS) -> Timeline:
    """A pillar that never reports a release, and a camera beside it."""
    return Timeline(device(chain=chain, reports_release=False), replace(camera(), chain=chain))


def begin(line: Timeline, grade: Grade, second: float, number: int = 0) -> None:
    """Push a fact whose incident has the given grade."""
    if grade is Grade.RED:
        line.press(second)
    elif grade is Grade.YELLOW:
        line.push(flame(at_s=second, event_id=f"flame-{number}"), at_s=second)
    else:
        line.pillar(PillarKind.BATTERY, second)


def begin_beside(line: Timeline, grade: Grade, second: float, number: int = 0) -> None:
    """Push a fact of another device at the same place: a device's own facts join its incident at any time."""
    name = f"beside-{number}"
    if grade is Grade.RED:
        line.push(device(name, chain=FOUR_TIERS, reports_release=False), at_s=second)
        line.press(second, name)
    else:
        line.push(replace(camera(name), chain=FOUR_TIERS), at_s=second)
        line.push(flame(name, at_s=second, event_id="flame"), at_s=second)


def raised(line: Timeline, grade: Grade) -> Alert:
    """Raise an incident of a grade in second 0; returns its first alert."""
    line.policy(UNHELD)
    begin(line, grade, 0)
    return once(line, 0, 0, action=Action.RAISE, grade=grade)
