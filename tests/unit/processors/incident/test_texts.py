"""Texts for every alert: each hazard, and each reason that can occur with it, in both languages."""

import pytest
from hypothesis import given, settings
from msgspec.structs import replace

from processors.incident.texts import DESCRIPTIONS, HEADLINES, INSTRUCTIONS, texts_for
from processors.state.geometry import Place
from schemas.alert import Alert
from schemas.enums import AckAction, AckReason, Grade, Hazard, PillarKind, Reason, Status
from schemas.units import DegE7, EpochMs
from tests.support.expect import within
from tests.support.fold_logs import Step, entries, folded, logs
from tests.support.log_records import device
from tests.support.timeline import Timeline

_CALL, _FIRE = Hazard.EMERGENCY_CALL, Hazard.FIRE
EMERGENCIES = {_CALL, _FIRE}
REPORTED = {Hazard.TAMPER, Hazard.BATTERY, Hazard.MAINS, Hazard.COMMS}
"""Faults that a device reports about itself."""

FOUND = {Hazard.COMM_FAIL, Hazard.SITE_COMM_FAIL, Hazard.STUCK_BUTTON, Hazard.TEST_MISSED}
"""Conditions of a device that callbox itself finds."""

FEEDS = {Hazard.FEED_SILENT, Hazard.FEED_STALE}
OF_PEOPLE = {Hazard.CLOCK_DIFFERS, Hazard.EXERCISE_OVERDUE}
"""What people have to set right themselves."""

HAPPENED = {Hazard.FEED_FAULT, Hazard.LOG_BROKEN, Hazard.FEED_BROKEN, Hazard.UNEXPECTED_SOURCE}
"""Occurrences, which do not persist."""

OF_AREA = REPORTED | {Hazard.COMM_FAIL, Hazard.TEST_MISSED}
"""Faults of which many devices of an area have one incident."""

OF_DEVICE = REPORTED | FOUND
GOES_ON = OF_DEVICE | FEEDS | OF_PEOPLE
MAINTENANCE = GOES_ON | HAPPENED
ANY = EMERGENCIES | MAINTENANCE

OCCURS: dict[Reason, set[Hazard]] = {
    Reason.FIRST_FACT: EMERGENCIES,
    Reason.UNREGISTERED_DEVICE: {_CALL},
    Reason.UNREGISTERED_GROUP: {_CALL},
    Reason.UNEXPECTED_SOURCE: EMERGENCIES | {Hazard.UNEXPECTED_SOURCE},
    Reason.PRESSED_AGAIN: EMERGENCIES,
    Reason.ANOTHER_SOURCE: EMERGENCIES,
    Reason.PICTURE_ADDED: {_FIRE},
    Reason.CANCEL_REQUESTED: EMERGENCIES,
    Reason.CANCELLED_BY_DEVICE: EMERGENCIES,
    Reason.DEVICE_TEST: {_CALL},
    Reason.CORROBORATED: {_FIRE},
    Reason.FOLD_ERROR: {_CALL},
    Reason.REGRADED: EMERGENCIES,
    Reason.SECOND_PERSON_WANTED: EMERGENCIES,
    Reason.SECOND_PERSON_LAPSED: EMERGENCIES,
    Reason.FEED_FAULT: {Hazard.FEED_FAULT},
    Reason.SKIPPED: {Hazard.FEED_FAULT},
    Reason.UNEXPECTED_WRITER: {Hazard.FEED_FAULT},
    Reason.LOG_BROKEN: {Hazard.LOG_BROKEN},
    Reason.FEED_BROKEN: {Hazard.FEED_BROKEN},
    Reason.SITE_SILENT: {Hazard.SITE_COMM_FAIL},
    Reason.INHIBITED: OF_AREA | {Hazard.SITE_COMM_FAIL},
    Reason.AREA_FAULT: OF_AREA,
    Reason.STILL_AFTER_AREA: OF_AREA,
    Reason.STILL_AFTER_WORK: GOES_ON,
    Reason.STILL_THERE: GOES_ON,
    Reason.MORE_RECORDS: HAPPENED,
    Reason.EXERCISE_OVER: {Hazard.EXERCISE_OVERDUE},
    Reason.DEVICE_MOVED: EMERGENCIES | OF_DEVICE,
    Reason.CONDITION_ACTIVE: EMERGENCIES | GOES_ON,
    Reason.CONDITION_BACK: EMERGENCIES | GOES_ON,
    Reason.CONDITION_OVER: EMERGENCIES | GOES_ON,
    Reason.FLAPPING: GOES_ON,
    Reason.DEVICE_LEFT: EMERGENCIES | OF_DEVICE,
    Reason.DEVICE_UPDATED: FOUND,
    Reason.OUT_OF_SERVICE: MAINTENANCE,
    Reason.IN_SERVICE: MAINTENANCE,
} | dict.fromkeys(
    (
        Reason.RELATED,
        Reason.ACCEPTED,
        Reason.REJECTED_BY_UNIT,
        Reason.EN_ROUTE,
        Reason.ON_SCENE,
        Reason.CLEARED,
        Reason.CLOSED,
        Reason.CANCELLED,
        Reason.SHELVED,
        Reason.UNSHELVED,
        Reason.NOBODY_ACKNOWLEDGED,
        Reason.STILL_UNACKNOWLEDGED,
        Reason.NO_PROGRESS,
        Reason.SHELVING_OVER,
        Reason.RESOLVED,
        Reason.EXPIRED,
        Reason.NOTED,
    ),
    ANY,
)
"""The hazards with which each reason can occur in an alert."""

PAIRS = sorted((hazard, reason) for reason, hazards in OCCURS.items() for hazard in hazards)


def test_the_table_of_this_test_covers_every_reason_of_an_alert() -> None:
    goes_out = list(Reason)[1 : list(Reason).index(Reason.FOLD_ERROR) + 1]
    assert set(goes_out) - set(OCCURS) == set()
    assert set(Hazard) - ANY == {Hazard.UNKNOWN}


@pytest.mark.parametrize(("hazard", "reason"), PAIRS)
def test_every_alert_has_texts_of_its_own_in_both_languages(hazard: Hazard, reason: Reason) -> None:
    assert (hazard, reason) in DESCRIPTIONS or (None, reason) in DESCRIPTIONS
    english, chinese = texts_for(hazard, reason, zone="east", device_name="P1", count=2, unit="town-1")
    assert (english.lang, chinese.lang) == ("en", "zh")
    for text in (english, chinese):
        assert text.headline
        assert text.description
        assert text.instruction
        assert "{" not in text.headline + text.description + text.instruction
    for written in ("headline", "description", "instruction"):
        assert getattr(chinese, written) != getattr(english, written)
        assert getattr(english, written).isascii()
        assert not getattr(chinese, written).isascii()


@settings(max_examples=50)
@given(logs())
def test_no_log_gives_an_alert_that_the_table_of_texts_lacks(steps: list[Step]) -> None:
    for decision in folded(entries(steps)):
        for alert in decision.alerts:
            assert alert.hazard in OCCURS[alert.reason], (alert.hazard, alert.reason)


def test_every_hazard_has_a_headline_and_an_instruction() -> None:
    assert set(HEADLINES) == set(INSTRUCTIONS) == set(Hazard)


def test_every_hazard_has_a_headline_of_its_own() -> None:
    assert len({wording.en for wording in HEADLINES.values()}) == len(Hazard)
    assert len({wording.zh for wording in HEADLINES.values()}) == len(Hazard)


@pytest.mark.parametrize("hazard", sorted(OCCURS[Reason.CONDITION_ACTIVE] - REPORTED))
def test_only_faults_that_a_device_reports_itself_are_described_as_its_report(hazard: Hazard) -> None:
    assert (hazard, Reason.CONDITION_ACTIVE) in DESCRIPTIONS


def described(alert: Alert) -> str:
    return alert.texts[0].description


def test_an_emergency_that_is_calm_again_is_not_called_a_fault() -> None:
    line = Timeline(device(reports_release=False))
    call = line.press(0).alerts[0].incident_id
    for second, grade in ((10, Grade.YELLOW), (20, Grade.RED), (30, Grade.YELLOW)):
        reason = AckReason.MORE_SERIOUS if grade is Grade.RED else AckReason.LESS_SERIOUS
        line.acknowledge(AckAction.REGRADE, call, second, grade=grade, reason=reason)
    line.run(31, 95)
    (calm,) = within(line, 90, 91)
    assert "fault" not in described(calm)


def test_the_text_of_a_rejection_does_not_name_the_rejecting_unit_as_asked() -> None:
    line = Timeline(device(reports_release=False))
    call = line.press(0).alerts[0].incident_id
    refused = line.acknowledge(AckAction.REJECT, call, 5, reason=AckReason.NOT_OURS).alerts[0]
    assert refused.responsible_unit not in described(refused)


def test_the_text_of_an_escalation_names_the_unit_that_is_asked_now() -> None:
    line = Timeline(device(reports_release=False))
    line.press(0)
    line.run(1, 31)
    (asked,) = within(line, 30, 31)
    assert asked.responsible_unit in described(asked)


@pytest.mark.parametrize("kind", [PillarKind.PRESS, PillarKind.TAMPER])
def test_a_registered_device_is_named(kind: PillarKind) -> None:
    line = Timeline(replace(device("pillar-07"), zone="east"))
    line.pillar(kind, 0, "pillar-07")
    line.run(1, 31)
    assert all("pillar-07" in text.description for text in line.alerts[0].texts)


@pytest.mark.parametrize("reason", list(Reason))
@pytest.mark.parametrize("hazard", list(Hazard))
def test_every_pair_of_hazard_and_reason_has_texts(hazard: Hazard, reason: Reason) -> None:
    assert all(text.description for text in texts_for(hazard, reason, zone="{zone}"))


@pytest.mark.parametrize("status", [Status.TEST, Status.EXERCISE])
@pytest.mark.parametrize("hazard", list(Hazard))
def test_headlines_of_tests_and_exercises_begin_with_that_word(hazard: Hazard, status: Status) -> None:
    real = texts_for(hazard, Reason.FIRST_FACT, zone="east")
    told = texts_for(hazard, Reason.FIRST_FACT, zone="east", status=status)
    for ours, theirs in zip(told, real, strict=True):
        assert ours.headline.endswith(theirs.headline)
        assert ours.headline != theirs.headline


def test_a_zone_s_name_is_text_and_never_a_template() -> None:
    english, _ = texts_for(Hazard.EMERGENCY_CALL, Reason.FIRST_FACT, zone="{count}", device_name="{zone}")
    assert english.headline == "Emergency call in zone {count}"
    assert english.description == "Help point {zone} at a place that is not known was pressed."


def test_a_place_is_said_in_degrees_north_south_east_and_west() -> None:
    place = Place(lon_e7=DegE7(-1_200_000_000), lat_e7=DegE7(-300_012_340), cell="")
    for text in texts_for(Hazard.EMERGENCY_CALL, Reason.FIRST_FACT, zone="east", place=place):
        assert "30.00123S 120.00000W" in text.description


@pytest.mark.parametrize("reason", [Reason.FIRST_FACT, Reason.CORROBORATED, Reason.PRESSED_AGAIN])
def test_a_fact_that_came_late_is_said_with_when_it_happened_and_when_it_arrived(reason: Reason) -> None:
    times = (EpochMs(1_760_000_000_000), EpochMs(1_760_010_800_000))
    for text in texts_for(Hazard.EMERGENCY_CALL, reason, zone="east", late=times):
        assert "2025-10-09 08:53:20 UTC" in text.description
        assert "2025-10-09 11:53:20 UTC" in text.description


@pytest.mark.parametrize("at", [-(2**63), 0, 2**63 - 1])
def test_no_time_is_too_absurd_for_a_text(at: int) -> None:
    times = (EpochMs(at), EpochMs(at))
    assert texts_for(Hazard.EMERGENCY_CALL, Reason.FIRST_FACT, zone="east", late=times)[0].description


@pytest.mark.parametrize("hazard", sorted(OF_AREA))
def test_the_text_of_an_area_says_how_many_devices_have_it_and_names_some(hazard: Hazard) -> None:
    for text in texts_for(hazard, Reason.AREA_FAULT, zone="east", device_name="P1, P2", count=630):
        assert "630" in text.description
        assert "P1, P2" in text.description


@pytest.mark.parametrize("hazard", sorted(REPORTED))
def test_a_fault_that_an_area_speaks_for_is_not_called_a_silent_site(hazard: Hazard) -> None:
    (text, _) = texts_for(hazard, Reason.INHIBITED, zone="east", device_name="P1")
    assert "silent" not in text.description


def test_a_name_that_anybody_has_made_up_is_printable() -> None:
    (text, _) = texts_for(Hazard.TAMPER, Reason.CONDITION_ACTIVE, zone="east", device_name="P\n1\x1b")
    assert text.description == "P 1\N{REPLACEMENT CHARACTER} reports a fault."
