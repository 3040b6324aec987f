"""Presses of devices that no registry names: each is told, and many of them are few incidents (8a, F17)."""

from collections.abc import Iterator
from typing import NamedTuple

from schemas.alert import Alert
from schemas.enums import Action, Grade, PillarKind, Reason, Status
from schemas.fusion_log import PillarFact, Tick
from schemas.registry import UNASSIGNED_ZONE
from tests.reference.drive import Entry
from tests.reference.limits import MINUTE, SECOND
from tests.reference.view import View

ALONE = 20
"""Devices within a minute that have an incident each; all others share one."""

TOLD_WITHIN_MS = 12 * SECOND
"""Ten seconds, and a tick."""

SILENT = (Reason.BOUNCE, Reason.DUPLICATE)


class Press(NamedTuple):
    """A press that has not been told yet."""

    device_id: str
    event_id: str


def is_unregistered_press(entry: Entry) -> bool:
    """Whether an entry is a press that came from a device of no registry."""
    record = entry.record
    is_press = isinstance(record, PillarFact) and record.kind is PillarKind.PRESS
    return is_press and entry.zone == UNASSIGNED_ZONE


class Crowds:
    """Waits for each such press to be named or counted by a red, and counts what they raise."""

    rule = "crowd"

    def __init__(self) -> None:
        self._waiting: dict[Press, int] = {}
        self._alone: dict[tuple[Status, str], int] = {}

    def check(self, entry: Entry, view: View) -> Iterator[str]:
        record = entry.record
        is_new = is_unregistered_press(entry) and entry.decisions[0].reason not in SILENT
        if is_new and isinstance(record, PillarFact):
            self._waiting.setdefault(Press(record.device_id, record.event_id), view.now)
        for alert in entry.alerts:
            if alert.zone == UNASSIGNED_ZONE and alert.grade is Grade.RED:
                self._tell(alert)
                yield from self._raise(alert)
        if isinstance(record, Tick):
            yield from self._overdue(view)

    def _tell(self, alert: Alert) -> None:
        for source in alert.sources:
            self._waiting.pop(Press(source.device_id, source.event_id), None)
        if alert.source_count > len(alert.sources):
            self._waiting.clear()  # it counts more than it can list

    def _raise(self, alert: Alert) -> Iterator[str]:
        if alert.action is not Action.RAISE or alert.reason is not Reason.UNREGISTERED_DEVICE:
            return
        self._alone = {key: at for key, at in self._alone.items() if alert.sent - at < MINUTE}
        self._alone[alert.status, alert.sources[0].device_id] = alert.sent
        count = sum(status is alert.status for status, _ in self._alone)
        if count > ALONE:
            yield f"{count} unregistered devices have an incident each within a minute (F17)"

    def _overdue(self, view: View) -> Iterator[str]:
        late = [press for press, at in self._waiting.items() if view.now - at > TOLD_WITHIN_MS]
        for press in late:
            del self._waiting[press]
            yield f"the press {press.event_id} of {press.device_id} is told to nobody (8a)"
