"""An alert as it is published: it fits its topic, whatever is in it."""

import pytest
from msgspec.structs import replace

from processors.fold.output import FEW, MAX_BYTES, encode_alert
from schemas.alert import Alert
from schemas.codec import decode, encode
from schemas.enums import Grade
from tests.support.timeline import Timeline, only_alert


def alert() -> Alert:
    return only_alert(Timeline().press(1))


def test_an_alert_that_fits_goes_out_as_it_is() -> None:
    assert encode_alert(alert()) == encode(alert())


def test_one_that_is_too_large_goes_out_with_fewer_sources() -> None:
    (source,) = alert().sources
    # Within its bounds each source is small: only their number can be too large.
    many = tuple(replace(source, event_id=f"{number}" + "求" * 120) for number in range(5_000))
    told = decode(encode_alert(replace(alert(), sources=many, source_count=5_000)), Alert)
    assert [source.event_id for source in told.sources] == [
        source.event_id for source in (many[0], *many[1 - FEW :])
    ]
    assert told.source_count == 5_000
    assert told.texts == alert().texts


def test_a_large_text_is_cut_before_a_source_is_left_out() -> None:
    (first, *others) = alert().texts
    told = decode(
        encode_alert(replace(alert(), texts=(replace(first, description="x" * MAX_BYTES), *others))), Alert
    )
    assert told.sources == alert().sources
    assert told.grade is Grade.RED


@pytest.mark.parametrize("number", [2**63, -(2**63) - 1, 2**80])
def test_a_number_that_cannot_be_encoded_is_held_to_its_bounds(number: int) -> None:
    told = decode(encode_alert(replace(alert(), expires=number, press_count=number)), Alert)
    assert told.alert_id == alert().alert_id
    assert told.grade is Grade.RED


def test_what_cannot_be_encoded_at_all_says_so() -> None:
    with pytest.raises(ValueError, match=r"."):
        encode_alert(replace(alert(), position="nowhere"))
