"""Intake of acknowledgements: the zone of the incident, bounded ids, and a bounded note."""

import pytest

from processors.intake.ack import ack_input, zone_of_incident
from schemas.ack import NOTE_LENGTH, AckFact, Acknowledgement, Actor
from schemas.codec import decode
from schemas.enums import AckAction, AckReason, InputKind
from schemas.ids import ID_LENGTH, fingerprint
from schemas.registry import UNASSIGNED_ZONE
from tests.support.log_records import ms

INCIDENT = f"east-{fingerprint('first fact')}"


def ack(
    action: AckAction = AckAction.ACCEPT,
    *,
    ack_id: str = "a1",
    incident_id: str = INCIDENT,
    name: str = "Operator 4",
    note: str | None = "The gate is locked.",
) -> Acknowledgement:
    return Acknowledgement(
        ack_id=ack_id,
        incident_id=incident_id,
        action=action,
        actor=Actor(name=name, organisation="County desk"),
        at=ms(5),
        revision=2,
        reason=AckReason.NO_UNIT_FREE,
        shelve_s=60,
        note=note,
    )


def fact_of(given: Acknowledgement) -> AckFact:
    return decode(ack_input(given, ms(7)).payload, AckFact)


@pytest.mark.parametrize("zone", ["east", "east-bank", "a-b-c", UNASSIGNED_ZONE, "e-" + "0" * 26])
def test_an_incident_s_id_begins_with_its_zone(zone: str) -> None:
    assert zone_of_incident(f"{zone}-{fingerprint('first fact')}") == zone


@pytest.mark.parametrize(
    "incident_id",
    ["", "east", "east-", "-" + "0" * 26, "east-" + "0" * 25, "east-" + "0" * 27, "east-" + "X" * 26],
)
def test_an_incident_id_of_another_form_goes_to_the_control_room_s_zone(incident_id: str) -> None:
    given = ack_input(ack(incident_id=incident_id), ms(0))
    assert given.zone == UNASSIGNED_ZONE
    assert decode(given.payload, AckFact).incident_id == incident_id


def test_every_field_of_an_acknowledgement_is_in_the_log_with_the_broker_s_time() -> None:
    given = ack_input(ack(), ms(7))
    fact = decode(given.payload, AckFact)
    assert (given.event_id, given.zone) == ("a1", "east")
    assert (fact.received_at, fact.at) == (ms(7), ms(5))
    said = {name: getattr(fact, name) for name in Acknowledgement.__struct_fields__}
    assert said == {name: getattr(ack(), name) for name in Acknowledgement.__struct_fields__}


@pytest.mark.parametrize("action", list(AckAction))
def test_actions_that_suppress_an_incident_have_a_kind_of_their_own(action: AckAction) -> None:
    is_shelving = action.value in {"shelve", "unshelve", "out_of_service", "in_service"}
    wanted = InputKind.SHELVING if is_shelving else InputKind.ACKNOWLEDGEMENT
    assert ack_input(ack(action), ms(0)).kind is wanted


def test_overlong_ids_of_an_acknowledgement_are_shortened() -> None:
    fact = fact_of(ack(ack_id="a" * 10_000, incident_id="i" * 10_000, name="n" * 10_000))
    assert max(map(len, (fact.ack_id, fact.incident_id, fact.actor.name))) <= ID_LENGTH
    assert fact == fact_of(ack(ack_id="a" * 10_000, incident_id="i" * 10_000, name="n" * 10_000))
    assert fact.ack_id != fact_of(ack(ack_id="a" * 10_001)).ack_id


@pytest.mark.parametrize(
    ("length", "kept"), [(0, 0), (NOTE_LENGTH, NOTE_LENGTH), (NOTE_LENGTH + 1, 501), (10_000, 501)]
)
def test_a_note_that_is_too_long_is_cut_to_one_character_more_than_the_fold_takes(
    length: int, kept: int
) -> None:
    fact = fact_of(ack(AckAction.NOTE, note="\u706b" * length))
    assert fact.note == "\u706b" * kept


def test_no_note_is_not_an_empty_one() -> None:
    assert fact_of(ack(note=None)).note is None


def test_a_resend_makes_the_same_fact_but_for_its_time() -> None:
    assert ack_input(ack(), ms(7)) == ack_input(ack(), ms(7))
    assert ack_input(ack(), ms(7)).event_id == ack_input(ack(), ms(9)).event_id
