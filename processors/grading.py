"""How bad a hazard is, and who is asked first: tables, read by the rules.

Grades belong to incidents, never to persons, addresses or groups. A grade may rise by itself; lowering one needs a
person (domain.md 11), so nothing here lowers one.
"""

from collections.abc import Mapping

import msgspec

from schemas.enums import Category, Family, Grade, Hazard, Tier, Urgency
from schemas.site import ChainLink, RegistryDevice


class Assessment(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What one fact of a hazard amounts to.

    Attributes:
        family: What it may be held together with.
        grade: How bad.
        categories: CAP categories.
        verification_level: 0 no dispatch, 1 unverified (domain.md 12); a second feed makes it 2.
    """

    family: Family
    grade: Grade
    categories: tuple[Category, ...]
    verification_level: int


ASSESSMENTS: Mapping[Hazard, Assessment] = {
    Hazard.EMERGENCY_CALL: Assessment(
        family=Family.CALL,
        grade=Grade.RED,
        categories=(Category.RESCUE, Category.SECURITY),
        verification_level=1,
    ),
    Hazard.FIRE: Assessment(
        family=Family.FIRE, grade=Grade.YELLOW, categories=(Category.FIRE,), verification_level=1
    ),
    Hazard.FEED_FAULT: Assessment(
        family=Family.MAINTENANCE, grade=Grade.BLUE, categories=(Category.INFRA,), verification_level=0
    ),
}
"""A press is red on its first fact; a camera alone is yellow (domain.md, requirements 1 and 13)."""

URGENCIES: Mapping[Grade, Urgency] = {
    Grade.RED: Urgency.IMMEDIATE,
    Grade.YELLOW: Urgency.EXPECTED,
    Grade.BLUE: Urgency.FUTURE,
}

CONTROL_ROOM = (ChainLink(tier=Tier.COUNTY, unit="control-room"),)
"""Who is asked where no registry names anybody (domain.md 8a)."""


def chain_of(site: RegistryDevice | None) -> tuple[ChainLink, ...]:
    """Who is responsible for a device, first tier first; the control room for a stranger or a removed one."""
    return site.chain if site is not None and site.chain and not site.removed else CONTROL_ROOM
