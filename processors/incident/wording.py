"""What every text of an alert is made of: a sentence in both languages, and a time for people."""

from datetime import UTC, datetime, timedelta

import msgspec

from processors.state.times import LATEST_MS
from schemas.units import EpochMs

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Wording(msgspec.Struct, frozen=True):
    """One sentence in both languages.

    It may contain `{device}`, `{place}`, `{zone}`, `{count}`, `{unit}`, `{loss}`, `{asked}`, `{until}`; one about
    records that were never read `{topic}`, `{partition}`, `{count}`, `{since}`, `{client}`.
    """

    en: str
    zh: str


def moment(at: EpochMs) -> str:
    """A time for people, UTC."""
    kept = max(0, min(at, LATEST_MS))
    return f"{EPOCH + timedelta(milliseconds=kept):%Y-%m-%d %H:%M:%S} UTC"
