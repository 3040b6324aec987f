import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from processors.plates.grammar import ALPHABET, MAX_PLATE_CHARACTERS, SEPARATORS, normalise_plate_text
from schemas.errors import Cause, DecodeError

plates = st.text(alphabet=ALPHABET, min_size=1, max_size=MAX_PLATE_CHARACTERS)


@given(st.text(max_size=40))
def test_any_text_is_normalised_or_refused_and_nothing_else(raw: str) -> None:
    try:
        text = normalise_plate_text(raw)
    except DecodeError:
        return
    assert 0 < len(text) <= MAX_PLATE_CHARACTERS
    assert not set(text) & set(SEPARATORS)
    assert not any(unicodedata.category(character).startswith("C") for character in text)


@given(st.text(max_size=40))
def test_normalising_twice_is_normalising_once(raw: str) -> None:
    try:
        text = normalise_plate_text(raw)
    except DecodeError:
        return
    assert normalise_plate_text(text) == text


@given(plates)
def test_a_plate_is_already_normal(text: str) -> None:
    assert normalise_plate_text(text) == text


@given(
    plates, st.lists(st.tuples(st.integers(0, MAX_PLATE_CHARACTERS), st.sampled_from(SEPARATORS)), max_size=9)
)
def test_separators_anywhere_change_nothing(text: str, marks: list[tuple[int, str]]) -> None:
    raw = text.lower()
    for place, mark in marks:
        raw = raw[:place] + mark + raw[place:]
    assert normalise_plate_text(raw) == text


@given(plates, plates)
def test_different_plates_stay_different(one: str, other: str) -> None:
    assert (normalise_plate_text(one) == normalise_plate_text(other)) == (one == other)


@given(st.text(max_size=20), st.characters(categories=["Cc", "Cf"]), st.integers(0, 20))
def test_a_control_character_anywhere_is_refused(text: str, control: str, place: int) -> None:
    with pytest.raises(DecodeError) as refused:
        normalise_plate_text(text[:place] + control + text[place:])
    assert refused.value.cause is Cause.PLATE_TEXT_INVALID
