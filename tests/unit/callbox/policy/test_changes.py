"""What a new policy changes, and a policy as the file that an operator edits."""

from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callbox.commands.policy import read_policy_file
from callbox.policy.changes import as_toml, policy_changes
from processors.state.policy import ByGrade, FusionPolicy, Grades, Ring, Window, Windows
from schemas.enums import Grade
from schemas.errors import FileRefused


def told(old: FusionPolicy, new: FusionPolicy) -> list[str]:
    return [str(change) for change in policy_changes(old, new)]


def refused(text: str) -> str:
    with pytest.raises(FileRefused) as caught:
        read_policy_file(text, "policy.toml")
    return str(caught.value)


def test_a_policy_differs_nowhere_from_itself() -> None:
    assert told(FusionPolicy(), FusionPolicy()) == []


def test_every_value_that_changes_is_named_by_its_path_with_before_and_after() -> None:
    new = FusionPolicy(
        reach_m=150,
        windows=Windows(yellow=Window(rolling_ms=60_000, at_most_ms=1_800_000)),
        hold_ms=ByGrade(red=0, yellow=0, blue=30_000),
        grades=Grades(fire=Grade.RED),
    )
    assert told(FusionPolicy(), new) == [
        "reach_m: 200 -> 150",
        "windows.yellow.rolling_ms: 300000 -> 60000",
        'grades.fire: "yellow" -> "red"',
        "hold_ms.yellow: 10000 -> 0",
    ]


def test_what_comes_and_what_goes_is_told() -> None:
    one, two = Ring(within_m=500, response_s=60), Ring(within_m=900, response_s=90)
    longer, shorter = FusionPolicy(rings=(one, two)), FusionPolicy(rings=(one,))
    assert told(shorter, longer) == [
        "rings[1].within_m: nothing -> 900",
        "rings[1].response_s: nothing -> 90",
    ]
    assert told(longer, FusionPolicy(rings=())) == [
        "rings[0].within_m: 500 -> nothing",
        "rings[0].response_s: 60 -> nothing",
        "rings[1].within_m: 900 -> nothing",
        "rings[1].response_s: 90 -> nothing",
        "rings: nothing -> []",
    ]


policies = st.builds(
    FusionPolicy,
    reach_m=st.integers(0, 1_000),
    camera_reach_m=st.integers(0, 10_000),
    grades=st.builds(Grades, fire=st.sampled_from((Grade.RED, Grade.YELLOW))),
    notify_ms=st.builds(
        ByGrade, **{grade: st.integers(5_000, 1_000_000) for grade in ("red", "yellow", "blue")}
    ),
    rings=st.integers(0, 3).map(
        lambda count: tuple(Ring(within_m=100 * number + 1, response_s=60) for number in range(count))
    ),
)


@given(policies)
def test_a_policy_that_is_shown_can_be_applied(policy: FusionPolicy) -> None:
    assert read_policy_file(as_toml(policy), "policy.toml") == policy


@given(policies, policies)
def test_there_is_a_difference_exactly_where_two_policies_are_not_equal(
    old: FusionPolicy, new: FusionPolicy
) -> None:
    assert bool(policy_changes(old, new)) is (old != new)


@dataclass(frozen=True)
class Wrong:
    """A file, and what the refusal must name: path, what was found, what is allowed."""

    text: str
    names: tuple[str, ...]


@pytest.mark.parametrize(
    "wrong",
    [
        Wrong("reach_m = 5000", ("reach_m is 5000", "allowed are 0 to 1000")),
        Wrong('reach_m = "far"', ("reach_m: found 'far'", "expected `int`")),
        Wrong("reach = 3", ("reach: unknown key", "allowed are bounce_ms, reach_m")),
        Wrong("[hold_ms]\nred = 5\nyellow = 0\nblue = 0", ("hold_ms.red is 5", "allowed are 0 to 0")),
        Wrong("[hold_ms]\nred = 0\nyellow = 0\nblu = 0", ("hold_ms.blu: unknown key", "red, yellow, blue")),
        Wrong("[hold_ms]\nred = 0", ("hold_ms.yellow: missing",)),
        Wrong('[grades]\nemergency_call = "blue"', ("grades.emergency_call is blue", "allowed are red")),
        Wrong('[grades]\nfire = "pink"', ("grades.fire: 'pink' is none of red, yellow, blue",)),
        Wrong(
            "[windows.yellow]\nrolling_ms = 2\nat_most_ms = 1",
            ("windows.yellow.rolling_ms (2) is longer than windows.yellow.at_most_ms (1)",),
        ),
        Wrong(
            "[[rings]]\nwithin_m = 500\nresponse_s = 60\n[[rings]]\nwithin_m = 400\nresponse_s = 90",
            ("rings[1].within_m is 400", "allowed is more than 500"),
        ),
    ],
    ids=lambda wrong: wrong.names[0],
)
def test_a_refused_policy_is_told_where_what_and_what_is_allowed(wrong: Wrong) -> None:
    said = refused(wrong.text)
    assert said.startswith("policy.toml: ")
    for name in wrong.names:
        assert name in said


def test_every_contradiction_is_named_at_once() -> None:
    said = refused("reach_m = 5000\nbounce_ms = -1")
    assert said.splitlines()[0] == "policy.toml: 2 problems:"
