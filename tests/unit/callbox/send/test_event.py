"""The events that `callbox send` makes, and the alerts that it recognises as theirs."""

from typing import Any

import pytest
from msgspec.structs import replace

from callbox.send.event import (
    FAULT_KINDS,
    alert_topics,
    consequence,
    describe,
    names_event,
    pillar_event,
    real_after_all,
    unregistered_warning,
)
from processors.intake.pillar_event import intake
from processors.rules.device_event import FAULTS
from schemas.enums import PillarKind
from schemas.feeds import PillarEvent
from schemas.ids import ID_LENGTH
from schemas.topics import ALERTS, MAINTENANCE, TEST_ALERTS
from tests.support.log_records import ms
from tests.support.timeline import Timeline

REAL = [kind for kind in PillarKind if kind is not PillarKind.UNKNOWN]


def event(kind: PillarKind = PillarKind.PRESS, at_s: float = 0, **content: Any) -> PillarEvent:
    return pillar_event("P1", kind=kind, at=ms(at_s), **content)


def test_an_event_happened_when_it_was_received_unless_it_says_otherwise() -> None:
    assert (event(at_s=1).occurred_at, event(at_s=1).received_at) == (ms(1), ms(1))
    assert event(at_s=9, occurred_at=ms(2)).occurred_at == ms(2)


def test_the_id_that_is_made_shows_that_a_person_sent_it_and_names_all_that_tells_two_events_apart() -> None:
    made = [event(), event(PillarKind.TEST), event(at_s=1), event(exercise=True), event(active=False)]
    ids = {each.event_id for each in made}
    assert len(ids) == len(made)
    assert all(name is not None and name.startswith("callbox-send-") for name in ids)
    assert all(len(name or "") <= ID_LENGTH for name in ids)


def test_an_event_with_a_counter_gets_its_id_from_intake_and_one_with_an_id_keeps_it() -> None:
    assert event(sequence=7).event_id is None
    assert event(sequence=7, event_id="mine").event_id == "mine"
    assert intake(event(event_id="mine"), ms(0)).event_id == "mine"


@pytest.mark.parametrize("kind", REAL)
def test_the_alert_of_an_event_is_looked_for_where_it_goes(kind: PillarKind) -> None:
    wanted = {PillarKind.PRESS: (ALERTS,), PillarKind.TEST: (TEST_ALERTS,)}
    wanted |= dict.fromkeys(FAULTS, (MAINTENANCE,))
    assert alert_topics(event(kind)) == wanted.get(kind, ())
    exercise = {PillarKind.PRESS: (TEST_ALERTS, ALERTS), PillarKind.TEST: (TEST_ALERTS,)}
    assert alert_topics(event(kind, exercise=True)) == exercise.get(kind, ())


def test_a_marked_press_that_has_raised_a_real_alert_is_said_to_be_real() -> None:
    assert real_after_all(event(), ALERTS) is None
    assert real_after_all(event(exercise=True), TEST_ALERTS) is None
    assert "this press counts as real" in (real_after_all(event(exercise=True), ALERTS) or "")


def test_the_end_of_a_fault_is_named_by_no_alert() -> None:
    assert set(FAULT_KINDS) == FAULTS.keys()
    assert {alert_topics(event(kind, active=False)) for kind in FAULT_KINDS} == {()}


def test_an_alert_names_an_event_by_device_and_id_or_without_an_id_by_its_receipt() -> None:
    timeline = Timeline()
    timeline.press(5, event_id="mine")
    (alert,) = timeline.alerts
    (source,) = alert.sources
    mine = replace(event(event_id="mine"), device_id=source.device_id)
    assert names_event(alert, mine)
    assert not names_event(alert, replace(mine, event_id="another"))
    assert not names_event(alert, replace(mine, device_id="another"))
    counted = replace(mine, event_id=None, sequence=7)
    assert names_event(alert, replace(counted, received_at=source.received_at))
    assert not names_event(alert, replace(counted, received_at=ms(6)))


def test_what_reaches_the_control_room_is_asked_about_and_nothing_else() -> None:
    asked = [kind for kind in REAL if consequence(event(kind)) is not None]
    assert asked == [PillarKind.PRESS, PillarKind.CANCEL]
    assert not any(consequence(event(kind, exercise=True)) for kind in REAL)


def test_an_event_is_described_in_words_that_cannot_move_the_cursor() -> None:
    assert describe(event()) == "press of P1"
    assert describe(event(exercise=True)) == "press of P1 (exercise)"
    assert describe(event(PillarKind.TAMPER, active=False)) == "end of tamper of P1"
    assert "\x1b" not in describe(replace(event(), device_id="P\x1b[2J"))


@pytest.mark.parametrize("kind", REAL)
def test_the_warning_says_what_becomes_of_an_event_of_an_unregistered_device(kind: PillarKind) -> None:
    warning = unregistered_warning(event(kind))
    assert ("unassigned" in warning) is (kind is PillarKind.PRESS)
    assert ("unknown_device" in warning) is (kind is not PillarKind.PRESS)
