from operator import attrgetter

import msgspec
import pytest

from processors.state.policy import (
    DEFAULT_VERSION,
    LIMITS,
    ByGrade,
    FusionPolicy,
    Grades,
    Ring,
    Window,
    Windows,
    policy_record,
    read_policy,
    validate,
)
from schemas.enums import Grade


def test_the_default_policy_contradicts_itself_nowhere() -> None:
    assert validate(FusionPolicy()) == []


def test_the_default_windows_are_those_of_the_table_in_the_requirements() -> None:
    told = [(w.rolling_ms, w.at_most_ms) for w in map(Windows().of, (Grade.RED, Grade.YELLOW, Grade.BLUE))]
    assert told == [(120_000, 900_000), (300_000, 1_800_000), (1_800_000, 86_400_000)]


def test_an_unknown_grade_has_the_window_of_red() -> None:
    assert Windows().of(Grade.UNKNOWN) == Windows().red


def test_the_default_times_are_those_of_the_table_in_the_requirements() -> None:
    policy = FusionPolicy()
    assert [
        [times.of(grade) // 1_000 for grade in (Grade.RED, Grade.YELLOW, Grade.BLUE)]
        for times in (
            policy.hold_ms,
            policy.acknowledge_ms,
            policy.notify_ms,
            policy.stale_ms,
            policy.shelve_ms,
        )
    ] == [
        [0, 10, 30],
        [30, 120, 600],
        [60, 300, 1_800],
        [300, 900, 14_400],
        [0, 1_800, 28_800],
    ]
    assert [ring.response_s for ring in policy.rings] == [60, 180, 300]


def test_an_unknown_grade_has_the_times_of_red() -> None:
    assert FusionPolicy().acknowledge_ms.of(Grade.UNKNOWN) == FusionPolicy().acknowledge_ms.red


def test_every_limit_names_a_value_of_the_policy_and_the_defaults_are_within() -> None:
    for path, (lowest, highest) in LIMITS.items():
        value = attrgetter(path)(FusionPolicy())
        assert lowest <= value <= highest, path


def by_grade(red: int = 0, yellow: int = 5_000, blue: int = 6_000) -> ByGrade:
    return ByGrade(red=red, yellow=yellow, blue=blue)


@pytest.mark.parametrize(
    ("policy", "problem"),
    [
        (
            FusionPolicy(windows=Windows(yellow=Window(rolling_ms=2, at_most_ms=1))),
            "windows.yellow.rolling_ms (2) is longer than windows.yellow.at_most_ms (1)",
        ),
        (
            FusionPolicy(
                windows=Windows(red=Window(rolling_ms=-1, at_most_ms=1), blue=Windows().yellow), bounce_ms=0
            ),
            "windows.red.rolling_ms is -1",
        ),
        (
            FusionPolicy(expire_after_ms=3_600_000),
            "windows.blue.at_most_ms (86400000) is longer than expire_after_ms",
        ),
        (
            FusionPolicy(windows=Windows(red=Window(rolling_ms=2_000, at_most_ms=900_000))),
            "bounce_ms (3000) is longer than windows.red.rolling_ms (2000)",
        ),
        (FusionPolicy(reach_m=1_001), "reach_m is 1001, allowed are 0 to 1000"),
        (FusionPolicy(hold_ms=by_grade(red=1)), "hold_ms.red is 1, allowed are 0 to 0"),
        (FusionPolicy(shelve_ms=by_grade(red=1)), "shelve_ms.red is 1, allowed are 0 to 0"),
        (FusionPolicy(acknowledge_ms=by_grade(red=999)), "acknowledge_ms.red is 999, allowed are 1000 to"),
        (FusionPolicy(notify_ms=by_grade(blue=4_999)), "notify_ms.blue is 4999, allowed are 5000 to"),
        (FusionPolicy(site_misses=1), "site_misses is 1, allowed are 2 to 1000"),
        (FusionPolicy(flap_cycles=1), "flap_cycles is 1, allowed are 2 to 100"),
        (FusionPolicy(grades=Grades(emergency_call=Grade.YELLOW)), "grades.emergency_call is yellow"),
        (FusionPolicy(grades=Grades(fire=Grade.BLUE)), "grades.fire is blue, allowed are red, yellow"),
        (FusionPolicy(grades=Grades(maintenance=Grade.RED)), "grades.maintenance is red, allowed are blue"),
        (
            FusionPolicy(hold_ms=by_grade(yellow=300_001)),
            "hold_ms.yellow (300001) is longer than windows.yellow.rolling_ms (300000)",
        ),
        (
            FusionPolicy(stale_ms=by_grade(red=86_400_000)),
            "stale_ms.red (86400000) is not shorter than expire_after_ms (86400000)",
        ),
        (
            FusionPolicy(shelve_ms=by_grade(blue=86_400_000)),
            "shelve_ms.blue (86400000) is not shorter than expire_after_ms",
        ),
        (
            FusionPolicy(rings=(Ring(within_m=500, response_s=60), Ring(within_m=500, response_s=60))),
            "rings[1].within_m is 500, allowed is more than 500",
        ),
        (
            FusionPolicy(rings=(Ring(within_m=500, response_s=60), Ring(within_m=501, response_s=59))),
            "rings[1].response_s is 59, allowed are 60 and above",
        ),
        (
            FusionPolicy(rings=(Ring(within_m=0, response_s=60),)),
            "rings[0]: within_m is 0 and response_s is 60, allowed are 1 and above",
        ),
        (
            FusionPolicy(rings=tuple(Ring(within_m=n, response_s=n) for n in range(1, 12))),
            "rings has 11 entries, allowed are 10",
        ),
    ],
)
def test_the_problems_of_a_policy_name_where_it_contradicts_itself(
    policy: FusionPolicy, problem: str
) -> None:
    assert any(problem in line for line in validate(policy))


def test_equal_policies_have_equal_versions_and_others_have_others() -> None:
    assert (
        policy_record(FusionPolicy(), 1).version
        == policy_record(FusionPolicy(), 9).version
        == DEFAULT_VERSION
    )
    assert policy_record(FusionPolicy(bounce_ms=2_000), 1).version != DEFAULT_VERSION


def test_a_policy_is_read_back_from_its_record() -> None:
    policy = FusionPolicy(bounce_ms=2_000, windows=Windows(red=Window(rolling_ms=60_000, at_most_ms=120_000)))
    assert read_policy(policy_record(policy, 3)) == policy


def test_a_mistyped_key_is_named_with_its_path() -> None:
    record = policy_record(FusionPolicy(), 1)
    content = record.content.replace(b'"rolling_ms"', b'"roling_ms"', 1)
    with pytest.raises(ValueError, match=r"roling_ms.*windows"):
        read_policy(msgspec.structs.replace(record, content=content))


def test_a_policy_under_a_false_version_is_refused() -> None:
    record = msgspec.structs.replace(policy_record(FusionPolicy(), 1), version="another")
    with pytest.raises(ValueError, match="its record says otherwise"):
        read_policy(record)


def test_a_policy_of_bytes_that_are_no_text_is_refused() -> None:
    record = msgspec.structs.replace(policy_record(FusionPolicy(), 1), content=b"\xff\xfe")
    with pytest.raises(ValueError, match="policy"):
        read_policy(record)
