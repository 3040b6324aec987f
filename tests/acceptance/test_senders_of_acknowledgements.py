"""Who may say what of an incident: the organisation that the broker vouches for is in its chain, and two people."""

import msgspec
import pytest
from msgspec.structs import replace

from processors.incident.wording import moment
from processors.intake.ack import AckSender
from processors.state.policy import FusionPolicy
from schemas.enums import (
    AckAction,
    AckOutcome,
    AckReason,
    Action,
    Disposition,
    Grade,
    Reason,
    Tier,
)
from schemas.registry import ChainLink
from schemas.units import EpochMs
from tests.support.expect import never, once, rejected, result_of
from tests.support.log_records import LAT, device
from tests.support.sent_acks import COUNTY, ELSEWHERE, REFUSED, VILLAGE, say
from tests.support.timeline import Timeline, only_alert

CHAIN = (
    ChainLink(tier=Tier.VILLAGE, unit="Village 7 committee"),
    ChainLink(tier=Tier.COUNTY, unit="County control room"),
)
OTHER_CHAIN = (ChainLink(tier=Tier.VILLAGE, unit="Village 9 committee"), CHAIN[1])
TWO = FusionPolicy(second_person_to_cancel=True, second_person_to_close=True)


def called(policy: FusionPolicy | None = None) -> tuple[Timeline, str]:
    """A town of two pillars in which somebody has pressed one."""
    line = Timeline(device("P1", chain=CHAIN), device("P2", chain=CHAIN, lat=LAT + 0.001))
    if policy is not None:
        line.policy(policy)
    return line, only_alert(line.press(0)).incident_id


# --- the organisation -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("sender", [VILLAGE, COUNTY])
def test_an_organisation_of_the_chain_acts_and_is_named_whatever_the_record_says(sender: AckSender) -> None:
    line, call = called()
    alert = only_alert(done := say(line, call, at_s=5, sender=sender))
    assert alert.actor is not None
    assert (alert.actor.organisation, alert.vouched_organisation) == (sender.organisation,) * 2
    assert result_of(done).vouched_organisation == sender.organisation


@pytest.mark.parametrize("action", [each for each in AckAction if each is not AckAction.UNKNOWN])
def test_an_organisation_that_is_not_asked_is_answered_and_changes_nothing(action: AckAction) -> None:
    line, call = called()
    before = line.state.incidents[call]
    assert rejected(say(line, call, action, at_s=5, sender=ELSEWHERE, note="x")) is Reason.NOT_IN_CHAIN
    assert line.state.incidents[call] is before


def test_after_the_incident_has_got_another_chain_the_former_unit_is_not_asked_any_more() -> None:
    line, call = called()
    line.push(device("P1", chain=OTHER_CHAIN, revision=2), at_s=3)
    assert rejected(say(line, call, at_s=5, sender=VILLAGE)) is Reason.NOT_IN_CHAIN
    assert say(line, call, at_s=6, sender=ELSEWHERE).reason is Reason.ACCEPTED


def test_nobody_but_the_control_room_answers_for_a_device_that_no_registry_names() -> None:
    line = Timeline(zone="unassigned")
    call = only_alert(line.press(0, "nobody-knows")).incident_id
    assert rejected(say(line, call, at_s=5, sender=VILLAGE)) is Reason.NOT_IN_CHAIN
    assert say(line, call, at_s=6, sender=COUNTY).reason is Reason.ACCEPTED


def test_where_organisations_have_topics_the_plain_one_is_answered_and_counts_for_nothing() -> None:
    line, call = called()
    assert rejected(say(line, call, at_s=5, sender=REFUSED)) is Reason.ORGANISATION_NOT_VOUCHED
    assert rejected(say(line, f"east-{0:026x}", at_s=6, sender=REFUSED)) is Reason.ORGANISATION_NOT_VOUCHED


def test_on_the_plain_topic_of_a_site_without_organisations_nobody_is_vouched_for() -> None:
    line, call = called()
    alert = only_alert(say(line, call, at_s=5))
    assert alert.actor is not None
    assert (alert.actor.organisation, alert.vouched_organisation) == ("county", None)


def test_nobody_uses_up_the_ack_id_of_another_organisation() -> None:
    line, call = called()
    for sender in (ELSEWHERE, COUNTY, REFUSED):
        say(line, call, AckAction.NOTE, at_s=4, sender=sender, note="mine", ack_id="shared")
    done = say(line, call, at_s=5, sender=VILLAGE, ack_id="shared")
    assert done.reason is Reason.ACCEPTED
    assert say(line, call, at_s=6, sender=VILLAGE, ack_id="shared").result is None  # its own resend is silent


def test_a_flood_of_one_organisation_makes_nothing_of_another_a_copy() -> None:
    line, call = called()
    say(line, call, AckAction.NOTE, at_s=1, sender=VILLAGE, note="first")
    for number in range(200):
        say(line, call, AckAction.NOTE, at_s=20, sender=COUNTY, note="flood", ack_id=f"n{number}")
    late = say(line, call, at_s=21, sender=VILLAGE, received_s=2)
    assert late.reason is Reason.ACCEPTED


def test_a_copy_of_what_an_organisation_has_said_is_silent_after_the_end_too() -> None:
    line, call = called()
    say(line, call, AckAction.CANCEL, at_s=5, sender=COUNTY, ack_id="c")
    assert call not in line.state.incidents
    assert say(line, call, AckAction.CANCEL, at_s=6, sender=COUNTY, ack_id="c").result is None
    assert (
        rejected(say(line, call, AckAction.CANCEL, at_s=7, sender=VILLAGE, ack_id="c"))
        is Reason.INCIDENT_OVER
    )


# --- the revision ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("revision", [None, 0, -1, -(2**63)])
@pytest.mark.parametrize("action", [each for each in AckAction if each is not AckAction.UNKNOWN])
def test_f04_all_but_a_note_says_which_revision_was_shown(action: AckAction, revision: int | None) -> None:
    line, call = called()
    done = say(line, call, action, at_s=5, revision=revision, note="The gate is locked.")
    if action is AckAction.NOTE:
        assert done.reason is Reason.NOTED
    else:
        assert rejected(done) is Reason.REVISION_MISSING


# --- the second person ----------------------------------------------------------------------------------------------

ENDS = {
    AckAction.CANCEL: Reason.CANCELLED,
    AckAction.CLOSE: Reason.CLOSED,
}


def asks(line: Timeline, call: str, action: AckAction, at_s: float, name: str, **content: object) -> Reason:
    more = {"disposition": Disposition.UNFOUNDED} if action is AckAction.CLOSE else {}
    return say(line, call, action, at_s=at_s, name=name, **more | content).reason


def accepted(policy: FusionPolicy | None = TWO) -> tuple[Timeline, str]:
    line, call = called(policy)
    say(line, call, at_s=1)
    return line, call


@pytest.mark.parametrize("action", ENDS)
def test_the_end_of_a_red_waits_for_a_second_person_who_is_told_of_it(action: AckAction) -> None:
    line, call = accepted()
    before = line.state.incidents[call]
    assert asks(line, call, action, 10, "Li") is Reason.SECOND_PERSON_WANTED
    told = line.alerts[-1]
    assert (told.action, told.reason, told.state) == (
        Action.UPDATE,
        Reason.SECOND_PERSON_WANTED,
        before.state,
    )
    assert told.actor is not None
    assert told.actor.name == "Li"
    assert str(action) in told.texts[0].description
    assert moment(EpochMs(told.sent + 60_000)) in told.texts[0].description
    assert result_of(line.decisions[-1]).outcome is AckOutcome.ACCEPTED
    assert asks(line, call, action, 70, "Wang") is ENDS[action]
    assert call not in line.state.incidents


@pytest.mark.parametrize("same", ["Li", " li ", "LI", "L i", "\uff2c\uff49", "li.", "L\u200bi", "L\u0000i"])
def test_the_same_person_under_the_same_name_is_no_second_one(same: str) -> None:
    line, call = accepted()
    asks(line, call, AckAction.CANCEL, 10, "Li")
    assert asks(line, call, AckAction.CANCEL, 20, same) is Reason.SECOND_PERSON_WANTED
    assert call in line.state.incidents
    assert (
        asks(line, call, AckAction.CANCEL, 75, "Wang") is Reason.CANCELLED
    )  # within 60 s of the second time


def test_what_waits_lapses_after_a_minute_and_everybody_is_told_once() -> None:
    line, call = accepted()
    asks(line, call, AckAction.CANCEL, 10, "Li")
    line.run(11, 70)
    never(line, 11, 70, reason=Reason.SECOND_PERSON_LAPSED)
    line.run(71, 90)
    once(line, 71, 72, reason=Reason.SECOND_PERSON_LAPSED)
    never(line, 73, 90, reason=Reason.SECOND_PERSON_LAPSED)
    assert line.state.incidents[call].pending == ()
    assert asks(line, call, AckAction.CANCEL, 91, "Wang") is Reason.SECOND_PERSON_WANTED


def test_without_a_tick_it_has_lapsed_all_the_same() -> None:
    line, call = accepted()
    asks(line, call, AckAction.CANCEL, 10, "Li")
    assert asks(line, call, AckAction.CANCEL, 70.001, "Wang") is Reason.SECOND_PERSON_WANTED


@pytest.mark.parametrize("joins", ["P1", "P2"])
def test_what_joins_meanwhile_makes_it_void(joins: str) -> None:
    line, call = accepted()
    asks(line, call, AckAction.CANCEL, 10, "Li")
    line.press(20, joins)
    assert asks(line, call, AckAction.CANCEL, 30, "Wang") is Reason.SECOND_PERSON_WANTED
    assert asks(line, call, AckAction.CANCEL, 35, "Li") is Reason.CANCELLED


def test_a_second_person_who_has_not_seen_what_joined_is_refused() -> None:
    line, call = accepted()
    asks(line, call, AckAction.CANCEL, 10, "Li")
    shown = line.state.incidents[call].revision
    line.press(20, "P2")
    assert asks(line, call, AckAction.CANCEL, 30, "Wang", revision=shown) is Reason.OUTDATED_REVISION


def test_another_action_of_another_person_is_no_second_one() -> None:
    line, call = accepted()
    asks(line, call, AckAction.CANCEL, 10, "Li")
    assert asks(line, call, AckAction.CLOSE, 20, "Wang") is Reason.SECOND_PERSON_WANTED
    assert asks(line, call, AckAction.CANCEL, 30, "Wang") is Reason.CANCELLED


def test_each_key_of_the_policy_is_for_its_own_action() -> None:
    line, call = accepted(FusionPolicy(second_person_to_cancel=True))
    assert asks(line, call, AckAction.CLOSE, 10, "Li") is Reason.CLOSED
    line, call = accepted(FusionPolicy(second_person_to_close=True))
    assert asks(line, call, AckAction.CANCEL, 10, "Li") is Reason.CANCELLED
    line, call = accepted(None)
    assert asks(line, call, AckAction.CANCEL, 10, "Li") is Reason.CANCELLED


def test_who_lowers_a_red_does_not_end_it_alone_by_that() -> None:
    line, call = accepted()
    lower = {"grade": Grade.YELLOW, "reason": AckReason.LESS_SERIOUS}
    assert say(line, call, AckAction.REGRADE, at_s=5, **lower).reason is Reason.REGRADED
    assert asks(line, call, AckAction.CANCEL, 10, "Li") is Reason.SECOND_PERSON_WANTED


def test_the_first_person_s_organisation_must_still_be_asked() -> None:
    line, call = called(TWO)
    asks(line, call, AckAction.CANCEL, 10, "Li", sender=VILLAGE)
    line.push(device("P1", chain=OTHER_CHAIN, revision=2), at_s=12)
    assert asks(line, call, AckAction.CANCEL, 20, "Wang", sender=COUNTY) is Reason.SECOND_PERSON_WANTED
    assert asks(line, call, AckAction.CANCEL, 30, "Li", sender=ELSEWHERE) is Reason.CANCELLED


def test_a_red_that_waits_for_a_second_person_still_escalates() -> None:
    line, call = called(TWO)
    asks(line, call, AckAction.CANCEL, 10, "Li")
    line.run(11, 31)
    once(line, 30, 31, action=Action.ESCALATE, incident_id=call)


def test_a_policy_without_the_keys_reads_as_before() -> None:
    old = {
        name: value
        for name, value in msgspec.to_builtins(FusionPolicy()).items()
        if not name.startswith("second_person")
    }
    assert msgspec.convert(old, FusionPolicy) == FusionPolicy()
    assert replace(TWO, second_person_to_cancel=False, second_person_to_close=False) == FusionPolicy()
