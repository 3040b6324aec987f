"""The limits that an operator may set for fusion, and the checks that they do not contradict each other.

A policy is a file for `callbox policy apply`, then a record in the log. It is in force from its offset on, and every
alert carries its version.
"""

from typing import Any

import msgspec

from schemas.enums import Grade
from schemas.fusion_log import PolicyRecord
from schemas.ids import fingerprint
from schemas.units import DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS


class Window(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How long a fact joins an open incident; both limits are inclusive.

    Attributes:
        rolling_ms: Counted from the incident's last fact, milliseconds.
        at_most_ms: Counted from the incident's first fact, milliseconds.
    """

    rolling_ms: int
    at_most_ms: int


class Windows(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Duplicate windows by grade (docs/requirements.md, default times)."""

    red: Window = Window(rolling_ms=120 * SECOND_MS, at_most_ms=15 * MINUTE_MS)
    yellow: Window = Window(rolling_ms=300 * SECOND_MS, at_most_ms=30 * MINUTE_MS)
    blue: Window = Window(rolling_ms=30 * MINUTE_MS, at_most_ms=24 * HOUR_MS)

    def of(self, grade: Grade) -> Window:
        """The window of a grade; an unknown grade has red's."""
        if grade is Grade.YELLOW:
            return self.yellow
        return self.blue if grade is Grade.BLUE else self.red


class ByGrade(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A time for each grade, milliseconds."""

    red: int
    yellow: int
    blue: int

    def of(self, grade: Grade) -> int:
        """The time of a grade; an unknown grade has red's."""
        if grade is Grade.YELLOW:
            return self.yellow
        return self.blue if grade is Grade.BLUE else self.red


class Ring(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The target response time within a distance of the nearest response point.

    Attributes:
        within_m: The ring's outer limit, metres, inclusive.
        response_s: The target response time inside it, seconds.
    """

    within_m: int
    response_s: int


class Grades(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The grade of one fact of a hazard.

    Attributes:
        emergency_call: Always red (requirements 1 and 7).
        fire: A fire that one camera alone reports.
        maintenance: Always blue (requirements 4 and 13).
    """

    emergency_call: Grade = Grade.RED
    fire: Grade = Grade.YELLOW
    maintenance: Grade = Grade.BLUE


RINGS = (
    Ring(within_m=500, response_s=60),
    Ring(within_m=1_500, response_s=180),
    Ring(within_m=2_500, response_s=300),
)
"""Rings of 1, 3 and 5 minutes (docs/requirements.md). The distances are our own proposal: 30 km/h on the road, of
which the straight line is about two thirds."""


class FusionPolicy(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Limits that an operator may set for fusion. Source of the defaults: docs/requirements.md, default times.

    Attributes:
        bounce_ms: Presses of one pillar this close together are one press (requirement 1).
        reach_m: Facts of one hazard family this close together are one incident (docs/requirements.md: a 200 m grid).
        windows: How long a fact joins an open incident of the grade.
        late_after_ms: A fact that is received later than this after it happened is late (SIA DC-09: -40 s).
        expire_after_ms: An incident that nobody updates ends after this long (docs/requirements.md: stale after 24 h).
        pillar_reach_m: How far from a pillar the caller may be.
        camera_reach_m: How far from a camera the scene that it shows may be.
        grades: The grade of each hazard.
        hold_ms: How long a first alert is held back, by grade; a red is never held.
        acknowledge_ms: Somebody must acknowledge within this time, or the next tier is asked.
        notify_ms: The interval of reminders while nobody has acknowledged.
        stale_ms: An acknowledgement that no progress follows no longer counts after this time.
        resolve_ms: An incident that is cleared and acknowledged closes by itself after this time.
        shelve_ms: The longest time for which an incident may be shelved; 0 forbids it.
        out_of_service_ms: The longest time for which a blue incident may be out of service.
        ack_too_old_ms: An acknowledgement that took longer than this to arrive is rejected.
        rings: Target response times, nearest ring first. No target is given beyond the last ring.
        stuck_ms: A button that is held for longer is stuck (requirement 2).
        site_misses: This many silent devices behind one gateway are one silent site (requirement 3).
        feed_silent_ms: A feed whose worker reports nothing for longer is silent.
        flap_cycles: A condition that clears this many times within `flap_within_ms` is flapping (requirement 14).
        flap_within_ms: The time within which a condition that clears `flap_cycles` times is flapping (requirement 14).
        grade_changes: An incident whose grade changes more often than this within `grade_changes_within_ms` is
            flapping (requirement 14).
        grade_changes_within_ms: The time within which an incident whose grade changes more often than `grade_changes`
            is flapping (requirement 14).
        slow_returns: A condition that comes back more often than this within `slow_within_ms` is flapping (F19).
        slow_within_ms: The time within which a condition that comes back more often than `slow_returns` is flapping.
        reminders_when_over: How often somebody is reminded of what is over and not acknowledged, before it is once a
            day (F16).
        still_there_ms: A fault that a person has closed and that goes on is told again after this time (F10).
        area_devices: This many devices of a zone with one fault within `area_within_ms` are one incident (F17).
        area_percent: So are this many of each hundred devices of a zone, but never fewer than `area_at_least`.
        area_at_least: The fewest devices that are one incident of the area.
        area_within_ms: The time within which devices get a fault together; an area is judged anew once in this time.
        exercise_ms: An exercise ends by itself after this time (F21).
        more_records_ms: Further dead letters that may be presses, and further losses of one `feed_broken`, are told
            after this time at the earliest (F20).
        clock_apart_ms: Clocks that are further apart than this differ (F12).
        clock_for_ms: A clock is told of that has differed for this time.
        require_signatures: A record of the log counts only as that of the writer whose signature it bears
            (docs/guides/sign-the-log.md). A press is heard all the same.
        second_person_to_cancel: A person's `cancel` of a red waits until a second one says the same. Leave it off
            where one person is alone at night.
        second_person_to_close: The same for `close`.
        second_person_ms: For how long the second person is waited for; then it lapses.
    """

    bounce_ms: int = 3 * SECOND_MS
    reach_m: int = 200
    windows: Windows = Windows()
    late_after_ms: int = 40 * SECOND_MS
    expire_after_ms: int = DAY_MS
    pillar_reach_m: int = 10
    camera_reach_m: int = 300
    grades: Grades = Grades()
    hold_ms: ByGrade = ByGrade(red=0, yellow=10 * SECOND_MS, blue=30 * SECOND_MS)
    acknowledge_ms: ByGrade = ByGrade(red=30 * SECOND_MS, yellow=120 * SECOND_MS, blue=600 * SECOND_MS)
    notify_ms: ByGrade = ByGrade(red=60 * SECOND_MS, yellow=5 * MINUTE_MS, blue=30 * MINUTE_MS)
    stale_ms: ByGrade = ByGrade(red=5 * MINUTE_MS, yellow=15 * MINUTE_MS, blue=4 * HOUR_MS)
    resolve_ms: ByGrade = ByGrade(red=15 * MINUTE_MS, yellow=15 * MINUTE_MS, blue=10 * MINUTE_MS)
    shelve_ms: ByGrade = ByGrade(red=0, yellow=30 * MINUTE_MS, blue=8 * HOUR_MS)
    out_of_service_ms: int = 30 * DAY_MS
    ack_too_old_ms: int = 10 * MINUTE_MS
    rings: tuple[Ring, ...] = RINGS
    stuck_ms: int = 60 * SECOND_MS
    site_misses: int = 3
    feed_silent_ms: int = 30 * SECOND_MS
    flap_cycles: int = 3
    flap_within_ms: int = 60 * SECOND_MS
    grade_changes: int = 2
    grade_changes_within_ms: int = 30 * MINUTE_MS
    slow_returns: int = 5
    slow_within_ms: int = HOUR_MS
    reminders_when_over: int = 3
    still_there_ms: int = DAY_MS
    area_devices: int = 20
    area_percent: int = 5
    area_at_least: int = 5
    area_within_ms: int = MINUTE_MS
    exercise_ms: int = 4 * HOUR_MS
    more_records_ms: int = MINUTE_MS
    clock_apart_ms: int = 5 * SECOND_MS
    clock_for_ms: int = 30 * SECOND_MS
    require_signatures: bool = False
    second_person_to_cancel: bool = False
    second_person_to_close: bool = False
    second_person_ms: int = 60 * SECOND_MS


LIMITS: dict[str, tuple[int, int]] = {
    "bounce_ms": (0, MINUTE_MS),
    "reach_m": (0, 1_000),
    "late_after_ms": (SECOND_MS, DAY_MS),
    "expire_after_ms": (MINUTE_MS, 30 * DAY_MS),
    "pillar_reach_m": (0, 1_000),
    "camera_reach_m": (0, 10_000),
    "hold_ms.red": (0, 0),
    "hold_ms.yellow": (0, 10 * MINUTE_MS),
    "hold_ms.blue": (0, HOUR_MS),
    **{f"acknowledge_ms.{grade}": (SECOND_MS, DAY_MS) for grade in ("red", "yellow", "blue")},
    **{f"notify_ms.{grade}": (5 * SECOND_MS, DAY_MS) for grade in ("red", "yellow", "blue")},
    **{f"stale_ms.{grade}": (10 * SECOND_MS, 7 * DAY_MS) for grade in ("red", "yellow", "blue")},
    **{f"resolve_ms.{grade}": (0, DAY_MS) for grade in ("red", "yellow", "blue")},
    "shelve_ms.red": (0, 0),
    "shelve_ms.yellow": (0, DAY_MS),
    "shelve_ms.blue": (0, 30 * DAY_MS),
    "out_of_service_ms": (0, 365 * DAY_MS),
    "ack_too_old_ms": (MINUTE_MS, DAY_MS),
    "stuck_ms": (5 * SECOND_MS, HOUR_MS),
    "site_misses": (2, 1_000),
    "feed_silent_ms": (5 * SECOND_MS, HOUR_MS),
    "flap_cycles": (2, 100),
    "flap_within_ms": (SECOND_MS, DAY_MS),
    "grade_changes": (1, 100),
    "grade_changes_within_ms": (SECOND_MS, DAY_MS),
    "slow_returns": (1, 100),
    "slow_within_ms": (MINUTE_MS, DAY_MS),
    "reminders_when_over": (0, 100),
    "still_there_ms": (MINUTE_MS, 30 * DAY_MS),
    "area_devices": (2, 10_000),
    "area_percent": (1, 100),
    "area_at_least": (2, 10_000),
    "area_within_ms": (SECOND_MS, HOUR_MS),
    "exercise_ms": (MINUTE_MS, DAY_MS),
    "more_records_ms": (SECOND_MS, DAY_MS),
    "clock_apart_ms": (SECOND_MS, HOUR_MS),
    "clock_for_ms": (SECOND_MS, HOUR_MS),
    "second_person_ms": (10 * SECOND_MS, 10 * MINUTE_MS),
}
"""Lowest and highest allowed value, both inclusive. A dot in a name leads into a table of the policy file."""

GRADES_ALLOWED: dict[str, tuple[Grade, ...]] = {
    "emergency_call": (Grade.RED,),
    "fire": (Grade.RED, Grade.YELLOW),
    "maintenance": (Grade.BLUE,),
}
"""An operator can change neither that a press is red nor that a fault for a technician is blue."""

MAX_RINGS = 10


def validate(policy: FusionPolicy) -> list[str]:
    """The problems of a policy, one line each; empty when it may be activated."""
    problems = []
    for path, (lowest, highest) in LIMITS.items():
        value: Any = policy
        for name in path.split("."):
            value = getattr(value, name)
        if not lowest <= value <= highest:
            problems.append(f"{path} is {value}, allowed are {lowest} to {highest}")
    for name, allowed in GRADES_ALLOWED.items():
        grade: Grade = getattr(policy.grades, name)
        if grade not in allowed:
            problems.append(f"grades.{name} is {grade}, allowed are {', '.join(allowed)}")
    for grade in (Grade.RED, Grade.YELLOW, Grade.BLUE):
        problems += _window_problems(policy, grade)
        problems += _timing_problems(policy, grade)
    if policy.area_at_least > policy.area_devices:
        problems.append(
            f"area_at_least ({policy.area_at_least}) is more than area_devices ({policy.area_devices})"
        )
    return problems + _ring_problems(policy.rings)


def _window_problems(policy: FusionPolicy, grade: Grade) -> list[str]:
    window = policy.windows.of(grade)
    path = f"windows.{grade}"
    problems = []
    if window.rolling_ms < 0:
        problems.append(f"{path}.rolling_ms is {window.rolling_ms}, allowed are 0 and above")
    if window.rolling_ms > window.at_most_ms:
        problems.append(
            f"{path}.rolling_ms ({window.rolling_ms}) is longer than {path}.at_most_ms ({window.at_most_ms})"
        )
    if window.at_most_ms > policy.expire_after_ms:
        problems.append(
            f"{path}.at_most_ms ({window.at_most_ms}) is longer than expire_after_ms ({policy.expire_after_ms}): "
            "the incident would end first"
        )
    if grade is Grade.RED and policy.bounce_ms > window.rolling_ms:
        problems.append(
            f"bounce_ms ({policy.bounce_ms}) is longer than {path}.rolling_ms ({window.rolling_ms})"
        )
    return problems


def _timing_problems(policy: FusionPolicy, grade: Grade) -> list[str]:
    """Pairs of times of which one would make the other ineffective."""
    hold, window = policy.hold_ms.of(grade), policy.windows.of(grade)
    problems = []
    if hold > window.rolling_ms:
        problems.append(
            f"hold_ms.{grade} ({hold}) is longer than windows.{grade}.rolling_ms ({window.rolling_ms}): "
            "facts would stop joining before it is raised"
        )
    for name in ("acknowledge_ms", "notify_ms", "stale_ms", "resolve_ms", "shelve_ms"):
        value = getattr(policy, name).of(grade)
        if value >= policy.expire_after_ms:
            problems.append(
                f"{name}.{grade} ({value}) is not shorter than expire_after_ms ({policy.expire_after_ms}): "
                "the incident would end first"
            )
    return problems


def _ring_problems(rings: tuple[Ring, ...]) -> list[str]:
    if len(rings) > MAX_RINGS:
        return [f"rings has {len(rings)} entries, allowed are {MAX_RINGS}"]
    problems = []
    for number, ring in enumerate(rings):
        if ring.within_m < 1 or ring.response_s < 1:
            problems.append(
                f"rings[{number}]: within_m is {ring.within_m} and response_s is {ring.response_s}, "
                "allowed are 1 and above"
            )
        if number and (ring.within_m <= rings[number - 1].within_m):
            problems.append(
                f"rings[{number}].within_m is {ring.within_m}, allowed is more than {rings[number - 1].within_m}"
            )
        if number and (ring.response_s < rings[number - 1].response_s):
            problems.append(
                f"rings[{number}].response_s is {ring.response_s}, "
                f"allowed are {rings[number - 1].response_s} and above"
            )
    return problems


def policy_record(policy: FusionPolicy, revision: int) -> PolicyRecord:
    """The record that `callbox policy apply` writes into the log.

    Args:
        policy: A valid policy.
        revision: Higher than that of every earlier policy.

    Returns:
        The record. Its content is JSON with sorted keys, so that equal policies have equal versions.
    """
    content = msgspec.json.encode(policy, order="sorted")
    return PolicyRecord(version=version_of(content), revision=revision, content=content)


def read_policy(record: PolicyRecord) -> FusionPolicy:
    """Read the policy of a record.

    Raises:
        ValueError: The content is not a policy, contradicts itself, or does not match its version. The message says
            where.
    """
    try:
        policy = msgspec.json.decode(record.content, type=FusionPolicy)
        version = version_of(record.content)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ValueError(f"policy: {error}") from error
    problems = validate(policy)
    if version != record.version:
        problems.append(f"its version is {version}, its record says otherwise")
    if problems:
        raise ValueError("policy: " + "; ".join(problems))
    return policy


def version_of(content: bytes) -> str:
    """The version of a policy: a fingerprint of its content."""
    return fingerprint("policy", content.decode())


DEFAULT_VERSION = policy_record(FusionPolicy(), 0).version
"""The version of the policy that is in force until the log brings another."""
