import pytest

from processors.texts import DESCRIPTIONS, HEADLINES, INSTRUCTIONS, texts_for
from schemas.enums import Hazard, Reason

PAIRS = [
    (Hazard.EMERGENCY_CALL, Reason.FIRST_FACT),
    (Hazard.EMERGENCY_CALL, Reason.UNREGISTERED_DEVICE),
    (Hazard.EMERGENCY_CALL, Reason.PRESSED_AGAIN),
    (Hazard.EMERGENCY_CALL, Reason.ANOTHER_SOURCE),
    (Hazard.EMERGENCY_CALL, Reason.CANCEL_REQUESTED),
    (Hazard.EMERGENCY_CALL, Reason.DEVICE_TEST),
    (Hazard.EMERGENCY_CALL, Reason.EXPIRED),
    (Hazard.EMERGENCY_CALL, Reason.FOLD_ERROR),
    (Hazard.FIRE, Reason.FIRST_FACT),
    (Hazard.FIRE, Reason.ANOTHER_SOURCE),
    (Hazard.FIRE, Reason.PICTURE_ADDED),
    (Hazard.FIRE, Reason.CANCELLED_BY_DEVICE),
    (Hazard.FIRE, Reason.EXPIRED),
    (Hazard.FEED_FAULT, Reason.FEED_FAULT),
    (Hazard.FEED_FAULT, Reason.EXPIRED),
]


@pytest.mark.parametrize(("hazard", "reason"), PAIRS)
def test_every_alert_that_goes_out_has_words_of_its_own_in_both_languages(
    hazard: Hazard, reason: Reason
) -> None:
    assert (hazard, reason) in DESCRIPTIONS or (None, reason) in DESCRIPTIONS
    english, chinese = texts_for(hazard, reason, zone="east", device_name="P1", count=2)
    assert (english.lang, chinese.lang) == ("en", "zh")
    for text in (english, chinese):
        assert text.headline
        assert text.description
        assert text.instruction
        assert "{" not in text.headline + text.description + text.instruction
    assert chinese.description != english.description


def test_every_hazard_has_a_headline_and_an_instruction() -> None:
    assert set(HEADLINES) == set(INSTRUCTIONS) == set(Hazard)


@pytest.mark.parametrize("reason", list(Reason))
@pytest.mark.parametrize("hazard", list(Hazard))
def test_no_pair_is_without_words(hazard: Hazard, reason: Reason) -> None:
    assert all(text.description for text in texts_for(hazard, reason, zone="{zone}"))


def test_a_zone_s_name_is_text_and_never_a_template() -> None:
    english, _ = texts_for(Hazard.EMERGENCY_CALL, Reason.FIRST_FACT, zone="{count}", device_name="{zone}")
    assert english.headline == "Emergency call in zone {count}"
    assert english.description == "Help point {zone} was pressed."
