"""How bad a hazard is, who is asked first, and how soon somebody should be there: tables, read by the rules.

Grades belong to incidents, never to persons, addresses or groups. A grade may rise by itself; lowering one needs a
person (requirement 11), so nothing here lowers one.
"""

from collections.abc import Mapping

import msgspec

from processors.state.geometry import Place, distance_mm
from processors.state.policy import FusionPolicy, Ring
from schemas.enums import Category, Family, Feed, Grade, Hazard, Tier, Urgency
from schemas.registry import ChainLink, RegistryDevice
from schemas.units import Mm


class Assessment(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What one fact of a hazard amounts to.

    Attributes:
        family: What it may be held together with.
        policy_name: Where the policy says how bad it is.
        categories: CAP categories.
        verification_level: 0 no dispatch, 1 unverified (requirement 12); a second feed makes it 2.
    """

    family: Family
    policy_name: str
    categories: tuple[Category, ...]
    verification_level: int


_FAULT = Assessment(
    family=Family.MAINTENANCE,
    policy_name="maintenance",
    categories=(Category.INFRA,),
    verification_level=0,
)

ASSESSMENTS: Mapping[Hazard, Assessment] = {
    Hazard.EMERGENCY_CALL: Assessment(
        family=Family.EMERGENCY,
        policy_name="emergency_call",
        categories=(Category.RESCUE, Category.SECURITY),
        verification_level=1,
    ),
    Hazard.FIRE: Assessment(
        family=Family.EMERGENCY, policy_name="fire", categories=(Category.FIRE,), verification_level=1
    ),
} | dict.fromkeys(
    (
        Hazard.FEED_FAULT,
        Hazard.FEED_SILENT,
        Hazard.FEED_STALE,
        Hazard.LOG_BROKEN,
        Hazard.TAMPER,
        Hazard.BATTERY,
        Hazard.MAINS,
        Hazard.COMMS,
        Hazard.COMM_FAIL,
        Hazard.SITE_COMM_FAIL,
        Hazard.STUCK_BUTTON,
        Hazard.TEST_MISSED,
    ),
    _FAULT,
)
"""A press is red on its first fact; a camera alone is what the policy says; what a technician mends is blue."""

CORROBORATED = 2
"""The verification level of what two feeds tell of (requirement 12)."""

URGENCIES: Mapping[Grade, Urgency] = {
    Grade.RED: Urgency.IMMEDIATE,
    Grade.YELLOW: Urgency.EXPECTED,
    Grade.BLUE: Urgency.FUTURE,
}

_RANK: Mapping[Grade, int] = {Grade.BLUE: 1, Grade.YELLOW: 2, Grade.RED: 3, Grade.UNKNOWN: 3}

CONTROL_ROOM = (ChainLink(tier=Tier.COUNTY, unit="control-room"),)
"""Who is asked where no registry names anybody (requirement 8a)."""


def grade_of(policy: FusionPolicy, hazard: Hazard) -> Grade:
    """How bad one fact of a hazard is."""
    grade: Grade = getattr(policy.grades, ASSESSMENTS[hazard].policy_name)
    return grade


def worse(a: Grade, b: Grade) -> Grade:
    """The worse of two grades, the first where they are equal."""
    return b if _RANK[b] > _RANK[a] else a


def verification_level(hazard: Hazard, feeds: tuple[Feed, ...]) -> int:
    """How sure one may be: a second feed corroborates, more of the same feed does not."""
    level = ASSESSMENTS[hazard].verification_level
    return max(level, CORROBORATED) if level and len(feeds) > 1 else level


def categories_of(hazard: Hazard, *, is_call: bool) -> tuple[Category, ...]:
    """CAP categories; a fire at which somebody has called for help is both."""
    assessment = ASSESSMENTS.get(hazard)
    if assessment is None:
        return ()
    if is_call and hazard is not Hazard.EMERGENCY_CALL:
        return (*assessment.categories, *ASSESSMENTS[Hazard.EMERGENCY_CALL].categories)
    return assessment.categories


def chain_of(site: RegistryDevice | None) -> tuple[ChainLink, ...]:
    """Who is responsible for a device, first tier first; the control room for a stranger or a removed one."""
    return site.chain if site is not None and site.chain and not site.removed else CONTROL_ROOM


def nearest_help_mm(site: RegistryDevice, place: Place | None) -> Mm | None:
    """How far the nearest response point is from a place, or None where one of the two is not known."""
    if place is None:
        return None
    points = (Place(point.lon_e7, point.lat_e7, "") for point in site.response_points)  # no cell is asked for
    return min((distance_mm(place, point) for point in points), default=None)


def target_response_s(rings: tuple[Ring, ...], help_mm: Mm | None) -> int | None:
    """How soon somebody should be there, seconds: by the ring round the nearest response point.

    None where no response point is known, and beyond the last ring.
    """
    if help_mm is None:
        return None
    return next((ring.response_s for ring in rings if help_mm <= ring.within_m * 1_000), None)
