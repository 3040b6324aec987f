"""What could not be read: the first dead letter of each cause is told at once, whatever else is open (8a, F20)."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from schemas.enums import Feed, Grade, Hazard
from schemas.fusion_log import DeadLetterNotice
from tests.reference.drive import Entry
from tests.reference.view import View

if TYPE_CHECKING:
    from schemas.errors import Cause


class DeadLetters:
    """Checks that each cause of dead letters of the pillars' feed has an incident of its own."""

    rule = "dead_letter"

    def __init__(self) -> None:
        self._incident_of: dict[Cause, str] = {}
        self._seen: set[tuple[str, int, int]] = set()

    def check(self, entry: Entry, view: View) -> Iterator[str]:
        record = entry.record
        if not isinstance(record, DeadLetterNotice) or record.feed is not Feed.PILLARS:
            return
        place = (record.topic, record.partition, record.offset)
        is_copy = place in self._seen
        self._seen.add(place)
        told = [alert for alert in entry.alerts if alert.hazard is Hazard.FEED_FAULT]
        if is_copy:
            if told:
                yield "the copy of a notice of a dead letter is told again"
            return
        known = view.incidents.get(self._incident_of.get(record.cause, ""))
        if known is None or not known.is_open:
            yield from self._first(record, told[0].incident_id if told else "", view)
        if any(alert.grade is not Grade.BLUE for alert in told):
            yield "a dead letter is no blue"

    def _first(self, record: DeadLetterNotice, name: str, view: View) -> Iterator[str]:
        if not name:
            yield f"a dead letter ({record.cause.value}) is told to nobody (8a, F20)"
            return
        if name in self._incident_of.values() and view.incidents[name].is_open:
            yield f"a dead letter ({record.cause.value}) is told in the incident of another cause (F20)"
        self._incident_of[record.cause] = name
