"""The devices and the policies of the logs that Hypothesis generates."""

from msgspec.structs import replace

from processors.state.policy import ByGrade, FusionPolicy, Grades, Window, Windows, policy_record
from schemas.enums import DeviceKind, Grade, Tier
from schemas.registry import ChainLink
from schemas.units import DAY_MS
from tests.support.log_records import LAT, camera, device

FOUR_TIERS = tuple(
    ChainLink(tier=tier, unit=tier.value)
    for tier in (Tier.VILLAGE, Tier.TOWNSHIP, Tier.COUNTY, Tier.MULTI_AGENCY)
)

SITE = {
    "P1": device("P1"),
    "P2": device("P2", lat=LAT + 0.001, heartbeat_s=20, reports_release=False),
    "P3": device("P3", lat=LAT + 1.0, chain=FOUR_TIERS, test_every_s=60),
    "C1": camera("C1"),
    "C2": replace(camera("C2", lat=LAT + 0.001), heartbeat_s=30),
    "G1": device("G1", kind=DeviceKind.GATEWAY, heartbeat_s=30, lat=LAT + 2.0),
    "B1": device("B1", lat=LAT + 2.0, heartbeat_s=20, gateway="G1"),
    "B2": device("B2", lat=LAT + 0.0005, heartbeat_s=20, gateway="G1"),
    "B3": device("B3", lat=LAT + 2.001, heartbeat_s=60, gateway="G1"),
}
"""P2 is 111 m from P1, B2 is between them, P3 is far away; three devices report through a gateway."""

QUICK = FusionPolicy(
    bounce_ms=1_000,
    windows=Windows(
        red=Window(rolling_ms=10_000, at_most_ms=20_000),
        yellow=Window(rolling_ms=10_000, at_most_ms=20_000),
        blue=Window(rolling_ms=60_000, at_most_ms=60_000),
    ),
    expire_after_ms=60_000,
    hold_ms=ByGrade(red=0, yellow=500, blue=1_000),
    acknowledge_ms=ByGrade(red=1_000, yellow=1_000, blue=2_000),
    notify_ms=ByGrade(red=5_000, yellow=5_000, blue=6_000),
    stale_ms=ByGrade(red=10_000, yellow=10_000, blue=10_000),
    resolve_ms=ByGrade(red=0, yellow=1_000, blue=2_000),
    shelve_ms=ByGrade(red=0, yellow=10_000, blue=20_000),
    out_of_service_ms=20_000,
    stuck_ms=5_000,
    site_misses=2,
    feed_silent_ms=5_000,
    flap_cycles=2,
    grade_changes=1,
    slow_returns=2,
    reminders_when_over=1,
    still_there_ms=60_000,
    area_devices=3,
    area_at_least=2,
    area_within_ms=5_000,
    exercise_ms=60_000,
    more_records_ms=2_000,
    clock_apart_ms=1_000,
    clock_for_ms=1_000,
)
"""A policy under which every timer fires within a minute."""

POLICIES = tuple(
    policy_record(policy, revision)
    for revision, policy in enumerate(
        (
            QUICK,
            FusionPolicy(
                windows=Windows(red=Window(rolling_ms=10_000, at_most_ms=20_000)),
                reach_m=50,
                grades=Grades(fire=Grade.RED),
            ),
            FusionPolicy(
                hold_ms=ByGrade(red=0, yellow=0, blue=0), shelve_ms=ByGrade(red=0, yellow=0, blue=DAY_MS - 1)
            ),
            FusionPolicy(bounce_ms=70_000, windows=Windows(red=Window(rolling_ms=1, at_most_ms=1))),
        ),
        start=1,
    )
)
"""The last policy contradicts itself."""
