import msgspec
import pytest

from processors.policy import (
    DEFAULT_VERSION,
    FusionPolicy,
    Window,
    Windows,
    policy_record,
    read_policy,
    validate,
)
from schemas.enums import Grade


def test_the_default_policy_contradicts_itself_nowhere() -> None:
    assert validate(FusionPolicy()) == []


def test_the_default_windows_are_those_of_the_table_in_domain_md() -> None:
    told = [(w.rolling_ms, w.at_most_ms) for w in map(Windows().of, (Grade.RED, Grade.YELLOW, Grade.BLUE))]
    assert told == [(120_000, 900_000), (300_000, 1_800_000), (1_800_000, 86_400_000)]


def test_an_unknown_grade_has_the_window_of_red() -> None:
    assert Windows().of(Grade.UNKNOWN) == Windows().red


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
    ],
)
def test_a_policy_that_contradicts_itself_is_told_where(policy: FusionPolicy, problem: str) -> None:
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
