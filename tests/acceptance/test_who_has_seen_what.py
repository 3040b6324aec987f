"""Rules F4 to F6: who judges an incident has seen it, each caller is answered, and each answer is answered."""

import pytest
from msgspec.structs import replace

from schemas.ack import NOTE_LENGTH, Actor
from schemas.enums import AckAction, AckReason, Action, Disposition, Grade, IncidentState, Reason, Tier
from tests.support.expect import never, once, rejected
from tests.support.grades import FOUR_TIERS
from tests.support.log_records import LAT, ack, camera, device, flame
from tests.support.timeline import Timeline, only_alert


def two_pillars() -> Timeline:
    return Timeline(
        device("P1", chain=FOUR_TIERS, reports_release=False),
        device("P2", chain=FOUR_TIERS, reports_release=False, lat=LAT + 0.001),
        camera("C1", lat=LAT + 0.0005),
    )


JUDGEMENTS = {
    AckAction.CLOSE: {"disposition": Disposition.FOUNDED},
    AckAction.CANCEL: {"reason": AckReason.FALSE_ALARM},
    AckAction.CLEAR: {},
    AckAction.REGRADE: {"reason": AckReason.LESS_SERIOUS, "grade": Grade.YELLOW},
    AckAction.REJECT: {"reason": AckReason.NOT_OURS},
}


@pytest.mark.parametrize("action", JUDGEMENTS)
@pytest.mark.parametrize("joined", ["another pillar", "the same pillar", "a camera"])
def test_f04_who_has_not_seen_what_joined_cannot_judge(action: AckAction, joined: str) -> None:
    line = two_pillars()
    name = only_alert(line.press(0)).incident_id
    line.acknowledge(AckAction.ACCEPT, name, 5, revision=1)
    if joined == "a camera":
        line.push(flame("C1", at_s=10), at_s=10)
    else:
        line.press(10, "P2" if joined == "another pillar" else "P1")
    judged = line.acknowledge(action, name, 15, revision=2, **JUDGEMENTS[action])
    assert rejected(judged) is Reason.OUTDATED_REVISION
    seen = line.acknowledge(action, name, 16, revision=3, **JUDGEMENTS[action])
    assert len(seen.alerts) == 1


def test_f04_a_revision_that_is_not_out_and_an_empty_actor_are_refused() -> None:
    line = two_pillars()
    name = only_alert(line.press(0)).incident_id
    assert rejected(line.acknowledge(AckAction.ACCEPT, name, 5, revision=2)) is Reason.REVISION_NOT_OUT
    nobody = replace(ack(name, at_s=6, ack_id="n"), actor=Actor(name=" ", organisation="County"))
    assert rejected(line.push(nobody, at_s=6)) is Reason.ACTOR_MISSING


@pytest.mark.parametrize("unit", [AckAction.ACCEPT, AckAction.EN_ROUTE, AckAction.ON_SCENE])
def test_f05_another_caller_is_answered_or_the_next_tier_is_asked_whatever_is_done(
    unit: AckAction,
) -> None:
    line = two_pillars()
    name = only_alert(line.press(0)).incident_id
    line.acknowledge(unit, name, 5, revision=1)
    call = only_alert(line.press(10, "P2"))
    assert (call.incident_id, call.ack_by) == (name, call.sent + 30_000)
    line.run(11, 45)
    asked = once(line, 40, 41, action=Action.ESCALATE)
    assert asked.tier is Tier.TOWNSHIP
    assert asked.state is call.state  # the unit that was sent goes on
    assert line.acknowledge(AckAction.ACCEPT, name, 46).reason is Reason.ACCEPTED
    line.run(47, 200)
    never(line, 47, 200, action=Action.ESCALATE)


@pytest.mark.parametrize(("unit", "asks"), [(AckAction.ACCEPT, False), (AckAction.ON_SCENE, True)])
def test_f05_the_same_caller_asks_again_once_somebody_is_on_the_way_or_there(
    unit: AckAction, asks: bool
) -> None:
    line = two_pillars()
    name = only_alert(line.press(0)).incident_id
    line.acknowledge(unit, name, 5)
    again = only_alert(line.press(10))
    assert (again.ack_by is not None) is asks


def test_f05_an_answer_by_somebody_who_has_not_seen_the_other_caller_leaves_them_asking() -> None:
    line = two_pillars()
    name = only_alert(line.press(0)).incident_id
    line.acknowledge(AckAction.ACCEPT, name, 5, revision=1)
    line.press(10, "P2")
    onward = only_alert(line.acknowledge(AckAction.EN_ROUTE, name, 12, revision=2))
    assert (onward.state, onward.ack_by) == (IncidentState.ASSIGNED, onward.sent + 28_000)


def test_f06_a_note_alone_is_an_action_and_any_answer_may_carry_one() -> None:
    line = two_pillars()
    name = only_alert(line.press(0)).incident_id
    noted = only_alert(line.acknowledge(AckAction.NOTE, name, 5, note="The gate is locked."))
    assert (noted.note, noted.reason, noted.state) == (
        "The gate is locked.",
        Reason.NOTED,
        IncidentState.RAISED,
    )
    accepted = only_alert(line.acknowledge(AckAction.ACCEPT, name, 6, note="Unit 4 takes it."))
    assert accepted.note == "Unit 4 takes it."
    assert rejected(line.acknowledge(AckAction.NOTE, name, 7)) is Reason.NOTE_MISSING
    long = "x" * (NOTE_LENGTH + 1)
    assert rejected(line.acknowledge(AckAction.NOTE, name, 8, note=long)) is Reason.NOTE_TOO_LONG
    line.run(9, 40)
    never(line, 9, 40, action=Action.ESCALATE)
