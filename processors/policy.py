"""The limits that an operator may set for fusion, and what may contradict in them.

A policy is a file for `callbox policy apply`, then a record in the log: it is in force from its offset on, and its
version stands in every alert.
"""

import msgspec

from schemas.enums import Grade
from schemas.ids import fingerprint
from schemas.log import PolicyRecord
from schemas.units import DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS


class Window(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How long a fact joins an open incident, both ends included.

    Attributes:
        rolling_ms: Since the incident's last fact.
        at_most_ms: Since its first fact.
    """

    rolling_ms: int
    at_most_ms: int


class Windows(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Duplicate windows by grade (domain.md, the table of defaults)."""

    red: Window = Window(rolling_ms=120 * SECOND_MS, at_most_ms=15 * MINUTE_MS)
    yellow: Window = Window(rolling_ms=300 * SECOND_MS, at_most_ms=30 * MINUTE_MS)
    blue: Window = Window(rolling_ms=30 * MINUTE_MS, at_most_ms=24 * HOUR_MS)

    def of(self, grade: Grade) -> Window:
        """The window of a grade; an unknown grade has red's."""
        if grade is Grade.YELLOW:
            return self.yellow
        return self.blue if grade is Grade.BLUE else self.red


class FusionPolicy(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Limits an operator may set for fusion.

    Attributes:
        bounce_ms: Presses of one pillar this close together are one press (domain.md 1).
        reach_m: Facts of one hazard family this close together are one incident (domain.md: a 200 m grid).
        windows: How long facts join an incident, by grade.
        late_after_ms: A fact received later than this after it happened is late (SIA DC-09: -40 s).
        expire_after_ms: An incident that nobody touches ends after this long (domain.md: stale after 24 h).
        pillar_reach_m: How far from a pillar the caller may be.
        camera_reach_m: How far from a camera what it sees may be.
    """

    bounce_ms: int = 3 * SECOND_MS
    reach_m: int = 200
    windows: Windows = Windows()
    late_after_ms: int = 40 * SECOND_MS
    expire_after_ms: int = DAY_MS
    pillar_reach_m: int = 10
    camera_reach_m: int = 300


LIMITS: dict[str, tuple[int, int]] = {
    "bounce_ms": (0, MINUTE_MS),
    "reach_m": (0, 1_000),
    "late_after_ms": (SECOND_MS, DAY_MS),
    "expire_after_ms": (MINUTE_MS, 30 * DAY_MS),
    "pillar_reach_m": (0, 1_000),
    "camera_reach_m": (0, 10_000),
}
"""Lowest and highest allowed value, both included."""


def validate(policy: FusionPolicy) -> list[str]:
    """What is wrong with a policy, a line for each problem; empty when it may be activated."""
    problems = []
    for name, (lowest, highest) in LIMITS.items():
        value: int = getattr(policy, name)
        if not lowest <= value <= highest:
            problems.append(f"{name} is {value}, allowed are {lowest} to {highest}")
    for grade in (Grade.RED, Grade.YELLOW, Grade.BLUE):
        problems += _window_problems(policy, grade)
    return problems


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


def policy_record(policy: FusionPolicy, revision: int) -> PolicyRecord:
    """What `callbox policy apply` writes into the log.

    Args:
        policy: A valid policy.
        revision: Higher than that of every policy before.

    Returns:
        Its content as JSON with sorted keys, so that equal policies have equal versions.
    """
    content = msgspec.json.encode(policy, order="sorted")
    return PolicyRecord(version=version_of(content), revision=revision, content=content)


def read_policy(record: PolicyRecord) -> FusionPolicy:
    """The policy of a record.

    Raises:
        ValueError: It is not a policy, contradicts itself, or is not what its version names. The text says where.
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
    """Name a policy by its content."""
    return fingerprint("policy", content.decode())


DEFAULT_VERSION = policy_record(FusionPolicy(), 0).version
"""Of the policy that is in force until the log brings another."""
