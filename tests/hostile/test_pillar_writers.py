"""What somebody can do who may write the pillar topic, and no more than that: any event of any device, at any time.

The credential is a gateway's: `alarm.pillar-event.v1` may be written with any device id, kind, id, time and flag. The
broker alone says when a record was appended. Whoever stands at a pillar and presses must be heard all the same.

`test_a_press_is_heard_whatever_anybody_has_written_before` is the law; it also lets the attacker acknowledge, and
write camera and feed facts, which needs further credentials.
"""

from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from processors.incident.lifecycle import OVER
from schemas.enums import (
    AckAction,
    Grade,
    PillarKind,
    Reason,
    Status,
)
from tests.support.hostile_site import (
    MANY,
    NEXT,
    Act,
    Site,
    acts,
    assert_heard,
    do,
)
from tests.support.log_records import ZONE


@pytest.mark.parametrize(
    "kind", [kind for kind in PillarKind if kind not in {PillarKind.UNKNOWN, PillarKind.PRESS}]
)
def test_events_20_s_ahead_drop_no_press(kind: PillarKind) -> None:
    site = Site()
    for number in range(70):
        site.write(kind, event_id=f"forged-{number}", ahead_ms=20_000)
    assert_heard(site, "honest")


@pytest.mark.parametrize("exercise", [False, True])
@pytest.mark.parametrize(
    "kind", [kind for kind in PillarKind if kind not in {PillarKind.UNKNOWN, PillarKind.PRESS}]
)
def test_an_event_with_the_id_of_the_next_press_makes_it_no_copy(kind: PillarKind, exercise: bool) -> None:
    site = Site()
    site.write(kind, event_id=NEXT, exercise=exercise)
    assert_heard(site, NEXT)


@pytest.mark.parametrize(
    ("forged", "honest"),
    [("a", "a"), ("a", "exercise:a"), ("exercise:a", "exercise:exercise:a"), ("real:a", "exercise:real:a")],
)
def test_a_press_of_an_exercise_makes_no_real_press_a_copy_whatever_the_ids(forged: str, honest: str) -> None:
    site = Site()
    site.write(event_id=forged, exercise=True)
    assert_heard(site, honest)


def test_a_press_whose_mark_somebody_else_has_set_for_its_site_is_real() -> None:
    site = Site()
    for name in ("P1", "P2", "G1"):
        site.write(PillarKind.TAMPER, name, exercise=True)
        site.write(device_id=name, exercise=True)
    assert_heard(site, "honest")


@pytest.mark.parametrize("after_ms", [4_000, 17_000, 20_000, 22_000])
def test_a_forged_press_from_the_future_makes_an_honest_one_no_bounce(after_ms: int) -> None:
    site = Site()
    site.write(event_id="forged", ahead_ms=20_000)
    site.wait(after_ms)
    assert_heard(site, "honest")


@pytest.mark.parametrize("after_ms", [17_500, 20_001, 22_500])
def test_a_forged_press_from_the_future_that_was_cancelled_makes_an_honest_one_no_copy(after_ms: int) -> None:
    site = Site()
    raised = site.write(event_id=NEXT, ahead_ms=20_000).alerts[0]
    site.wait(5_000)
    assert site.acknowledge(AckAction.CANCEL, raised).reason is Reason.CANCELLED
    site.wait(after_ms - 5_000)
    assert_heard(site, NEXT)


@settings(max_examples=MANY)
@given(acts(), st.sampled_from([0, 200, 4_000]))
def test_a_press_is_heard_whatever_anybody_has_written_before(before: Sequence[Act], after_ms: int) -> None:
    """Only a press of the same pillar in the same moment stands for it (requirement 1): that one has been told."""
    site = Site()
    for act in before:
        do(site, act)
    site.wait(after_ms)
    decision = site.write(event_id=NEXT)
    named = [alert for alert in decision.alerts if alert.sources[-1].event_id == NEXT]
    if named:
        assert (named[0].grade, named[0].status) == (Grade.RED, Status.ACTUAL)
        return
    pressed = site.state.devices[ZONE, "P1"]
    assert decision.reason is Reason.BOUNCE
    assert site.state.now - (pressed.press_seen_at or 0) <= site.state.policy.bounce_ms
    incident = site.state.incidents[pressed.press_incident or ""]
    assert (incident.grade, incident.status) == (Grade.RED, Status.ACTUAL)
    assert incident.revision
    assert incident.state not in OVER
