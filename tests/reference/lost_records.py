"""Records that were never read: each partition and cause is told at once, with how many and since when (F22)."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import NamedTuple

from schemas.enums import Action, Grade, Hazard, Reason
from schemas.errors import Cause
from schemas.fusion_log import FeedBrokenNotice
from tests.reference.drive import Entry
from tests.reference.view import View

Subject = tuple[str, int, Cause]
"""Topic, partition and cause."""


class Told(NamedTuple):
    """What has been said of one subject since its incident began.

    Attributes:
        incident_id: Its incident.
        offsets: The offsets that are missing, each with the topic that had it.
        is_exact: Every notice has said how many.
        since: The earliest time from which on records are missing, or None.
    """

    incident_id: str
    offsets: set[tuple[str, int]]
    is_exact: bool
    since: int | None


class LostRecords:
    """Checks that a loss of each partition and cause has an incident of its own, which says what was lost."""

    rule = "lost_records"

    def __init__(self) -> None:
        self._told: dict[Subject, Told] = {}
        self._seen: set[tuple[object, ...]] = set()

    def check(self, entry: Entry, view: View) -> Iterator[str]:
        record = entry.record
        told = [alert for alert in entry.alerts if alert.hazard is Hazard.FEED_BROKEN]
        if any(alert.grade is not Grade.BLUE for alert in told):
            yield "lost records are no blue"
        if isinstance(record, FeedBrokenNotice):
            yield from self._notice(record, entry, view)
        for known in self._told.values():
            for alert in told:
                says_it = alert.reason in (Reason.FEED_BROKEN, Reason.MORE_RECORDS)
                if alert.incident_id == known.incident_id and says_it:
                    yield from _text(known, alert.texts[0].description)

    def _notice(self, record: FeedBrokenNotice, entry: Entry, view: View) -> Iterator[str]:
        subject = (record.topic, record.partition, record.cause)
        place = (*subject, record.topic_id, record.expected, record.found, record.client)
        raised = [alert for alert in entry.alerts if alert.action is Action.RAISE]
        if place in self._seen:
            if entry.alerts:
                yield "the copy of a notice of lost records is told again"
            return
        self._seen.add(place)
        before = self._told.get(subject)
        incident = None if before is None else view.incidents.get(before.incident_id)
        if before is None or incident is None or not incident.is_open:
            if not raised:
                yield f"lost records ({record.cause.value}) are told to nobody (F22)"
                return
            before = Told(raised[0].incident_id, set(), is_exact=True, since=None)
            if any(before.incident_id == other.incident_id for other in self._told.values()):
                yield "lost records are told in the incident of another partition or cause (F22)"
            for name in (record.topic, f"partition {record.partition}"):
                if name not in raised[0].texts[0].description:
                    yield f"the text of lost records does not name {name} (F22)"
        elif raised:
            yield "lost records that go on missing are a second incident (F22)"
        self._told[subject] = _with(before, record)


def _with(before: Told, record: FeedBrokenNotice) -> Told:
    missing = {(record.topic_id, offset) for offset in range(record.expected, record.found)}
    times = [int(at) for at in (before.since, record.since) if at is not None]
    return Told(
        before.incident_id,
        before.offsets | (missing if record.records is not None else set()),
        before.is_exact and record.records is not None,
        min(times, default=None),
    )


def _text(known: Told, text: str) -> Iterator[str]:
    """What is wrong with a text that says how many, and since when."""
    count = str(len(known.offsets))
    if not known.is_exact:
        count = f"at least {count}" if known.offsets else "an unknown number"
    since = "a time that is not known"
    if known.since is not None:
        since = f"{datetime.fromtimestamp(known.since // 1_000, UTC):%Y-%m-%d %H:%M:%S} UTC"
    if f": {count}, since {since}." not in text:
        yield f"the text does not say {count} since {since}: {text} (F22)"
