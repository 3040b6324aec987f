"""The hotlist: exact text, same jurisdiction, not expired, in order; anything else never matches."""

import pytest
from msgspec.structs import replace

from processors.plates.hotlist import (
    MAX_LIFETIME_MS,
    STALE_AFTER_MS,
    VehicleRead,
    index,
    is_stale,
    match,
    problems,
)
from schemas.enums import PlateClass, PlateColour, Purpose, ReviewReason
from schemas.hotlist import HotlistEntry
from schemas.units import DAY_MS, EpochMs
from tests.support.fakes import entry_of
from tests.support.log_records import START, ms


def vehicle(
    plate_text: str = "ABC1234",
    *,
    jurisdiction: str | None = "CN",
    plate_class: PlateClass = PlateClass.UNKNOWN,
    plate_colour: PlateColour = PlateColour.UNKNOWN,
    is_certain: bool = True,
) -> VehicleRead:
    return VehicleRead(plate_text, jurisdiction, plate_class, plate_colour, is_certain)


def reasons(read: VehicleRead, entry: HotlistEntry | None = None) -> tuple[ReviewReason, ...]:
    (found,) = match(read, index([entry or entry_of()]), START)
    return found.review_reasons


def test_the_same_text_of_the_same_jurisdiction_matches() -> None:
    assert reasons(vehicle()) == ()


@pytest.mark.parametrize("text", ["ABC1235", "ABC123", "ABC12340", "abc1234", "ABC 1234", ""])
def test_nothing_but_the_same_text_matches(text: str) -> None:
    assert match(vehicle(text), index([entry_of()]), START) == ()


@pytest.mark.parametrize("jurisdiction", ["US-CO", "CN-11", "cn", ""])
def test_another_jurisdiction_never_matches(jurisdiction: str) -> None:
    assert match(vehicle(jurisdiction=jurisdiction), index([entry_of()]), START) == ()


def test_an_unknown_jurisdiction_is_for_a_person_to_look_at() -> None:
    assert reasons(vehicle(jurisdiction=None)) == (ReviewReason.JURISDICTION_UNKNOWN,)


@pytest.mark.parametrize(("at_s", "matches"), [(99.999, True), (100, False), (101, False)])
def test_an_entry_matches_until_it_expires(at_s: float, matches: bool) -> None:
    entries = index([entry_of(expires_s=100)])
    assert bool(match(vehicle(), entries, ms(at_s))) is matches


def test_a_contradicting_class_or_colour_is_for_a_person_to_look_at() -> None:
    entry = replace(entry_of(), plate_class=PlateClass.LARGE, plate_colour=PlateColour.YELLOW)
    seen = vehicle(plate_class=PlateClass.STANDARD, plate_colour=PlateColour.BLUE)
    assert reasons(seen, entry) == (ReviewReason.CLASS_DIFFERS, ReviewReason.COLOUR_DIFFERS)


def test_a_class_or_colour_that_one_side_does_not_know_contradicts_nothing() -> None:
    entry = replace(entry_of(), plate_class=PlateClass.LARGE)
    assert reasons(vehicle(plate_colour=PlateColour.BLUE), entry) == ()


def test_an_uncertain_read_is_for_a_person_to_look_at() -> None:
    assert reasons(vehicle(is_certain=False)) == (ReviewReason.READ_UNCERTAIN,)


def test_entries_of_one_text_come_in_the_order_of_their_ids() -> None:
    entries = [entry_of(entry_id=name) for name in ("c", "a", "b")]
    found = match(vehicle(), index(entries), START)
    assert [hit.entry.entry_id for hit in found] == ["a", "b", "c"]


def test_one_expired_entry_does_not_hide_another() -> None:
    entries = [entry_of(entry_id="old", expires_s=0), entry_of(entry_id="new", expires_s=10)]
    assert [hit.entry.entry_id for hit in match(vehicle(), index(entries), ms(5))] == ["new"]


@pytest.mark.parametrize("purpose", list(MAX_LIFETIME_MS))
def test_an_entry_in_order_has_no_problems(purpose: Purpose) -> None:
    at_most = replace(entry_of(purpose=purpose), expires_at=EpochMs(START + MAX_LIFETIME_MS[purpose]))
    assert problems(at_most, START) == []


@pytest.mark.parametrize("purpose", list(MAX_LIFETIME_MS))
def test_a_life_that_is_too_long_is_a_problem(purpose: Purpose) -> None:
    too_long = replace(entry_of(purpose=purpose), expires_at=EpochMs(START + MAX_LIFETIME_MS[purpose] + 1))
    (problem,) = problems(too_long, START)
    assert "expires_at" in problem
    assert str(MAX_LIFETIME_MS[purpose] // DAY_MS) in problem


@pytest.mark.parametrize(
    "field", ["entry_id", "plate_text", "jurisdiction", "authority", "case_ref", "entered_by"]
)
def test_an_empty_field_is_a_problem(field: str) -> None:
    assert problems(replace(entry_of(), **{field: "  "}), START) == [f"{field} is empty"]


def test_a_purpose_that_is_not_on_the_closed_list_is_a_problem() -> None:
    (problem,) = problems(entry_of(purpose=Purpose.UNKNOWN), START)
    assert all(purpose.value in problem for purpose in MAX_LIFETIME_MS)


def test_a_problem_never_quotes_the_plate() -> None:
    broken = replace(entry_of("B12345"), authority="", purpose=Purpose.UNKNOWN)
    assert "B12345" not in "".join(problems(broken, START))


def test_every_purpose_but_the_unknown_one_has_a_longest_life() -> None:
    assert set(MAX_LIFETIME_MS) == set(Purpose) - {Purpose.UNKNOWN}


@pytest.mark.parametrize(
    ("age_ms", "stale"), [(0, False), (STALE_AFTER_MS, False), (STALE_AFTER_MS + 1, True)]
)
def test_a_list_is_stale_after_four_hours(age_ms: int, stale: bool) -> None:
    assert is_stale(START, EpochMs(START + age_ms)) is stale


def test_a_list_that_was_never_read_is_stale() -> None:
    assert is_stale(EpochMs(0), START)
