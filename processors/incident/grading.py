"""Tables that the rules read: the grade of a hazard, the responsible units, and the target response time.

Grades belong to incidents, never to persons, addresses or groups. A grade may rise by itself. Lowering one needs a
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
    """How one fact of a hazard is assessed.

    Attributes:
        family: The hazard family: facts of one family may join one incident.
        policy_name: The field of the policy's `grades` that holds its grade.
        categories: CAP categories.
        verification_level: 0 no dispatch, 1 unverified (requirement 12); a second feed raises it to 2.
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
        Hazard.FEED_BROKEN,
        Hazard.TAMPER,
        Hazard.BATTERY,
        Hazard.MAINS,
        Hazard.COMMS,
        Hazard.COMM_FAIL,
        Hazard.SITE_COMM_FAIL,
        Hazard.STUCK_BUTTON,
        Hazard.TEST_MISSED,
        Hazard.CLOCK_DIFFERS,
        Hazard.EXERCISE_OVERDUE,
        Hazard.UNEXPECTED_SOURCE,
    ),
    _FAULT,
)
"""The assessment of each hazard. By default a press is red on its first fact, a fire that one camera alone reports is
yellow, and a fault for a technician is blue."""

CORROBORATED = 2
"""The verification level of an incident that two feeds report (requirement 12)."""

URGENCIES: Mapping[Grade, Urgency] = {
    Grade.RED: Urgency.IMMEDIATE,
    Grade.YELLOW: Urgency.EXPECTED,
    Grade.BLUE: Urgency.FUTURE,
}

_RANK: Mapping[Grade, int] = {Grade.BLUE: 1, Grade.YELLOW: 2, Grade.RED: 3, Grade.UNKNOWN: 3}

CONTROL_ROOM = (ChainLink(tier=Tier.COUNTY, unit="control-room"),)
"""The chain of an incident for which no registry names a unit (requirement 8a)."""


def grade_of(policy: FusionPolicy, hazard: Hazard) -> Grade:
    """The grade of one fact of a hazard."""
    grade: Grade = getattr(policy.grades, ASSESSMENTS[hazard].policy_name)
    return grade


def worse(a: Grade, b: Grade) -> Grade:
    """The more severe of two grades; the first where they are equally severe."""
    return b if _RANK[b] > _RANK[a] else a


def verification_level(hazard: Hazard, feeds: tuple[Feed, ...]) -> int:
    """The verification level of an incident: a second feed corroborates it, more facts of the same feed do not."""
    level = ASSESSMENTS[hazard].verification_level
    return max(level, CORROBORATED) if level and len(feeds) > 1 else level


def categories_of(hazard: Hazard, *, is_call: bool) -> tuple[Category, ...]:
    """CAP categories; a fire at which somebody has called for help has those of both."""
    assessment = ASSESSMENTS.get(hazard)
    if assessment is None:
        return ()
    if is_call and hazard is not Hazard.EMERGENCY_CALL:
        return (*assessment.categories, *ASSESSMENTS[Hazard.EMERGENCY_CALL].categories)
    return assessment.categories


def chain_of(site: RegistryDevice | None) -> tuple[ChainLink, ...]:
    """The units responsible for a device, first tier first; the control room where the device is not registered."""
    return site.chain if site is not None and site.chain and not site.removed else CONTROL_ROOM


def nearest_help_mm(site: RegistryDevice, place: Place | None) -> Mm | None:
    """Distance from a place to the nearest response point, millimetres, or None where one of the two is not known."""
    if place is None:
        return None
    points = (Place(point.lon_e7, point.lat_e7, "") for point in site.response_points)  # the cell is not used
    return min((distance_mm(place, point) for point in points), default=None)


def target_response_s(rings: tuple[Ring, ...], help_mm: Mm | None) -> int | None:
    """The target response time, seconds, by the rings around the nearest response point.

    None where no response point is known, and beyond the last ring.
    """
    if help_mm is None:
        return None
    return next((ring.response_s for ring in rings if help_mm <= ring.within_m * 1_000), None)
