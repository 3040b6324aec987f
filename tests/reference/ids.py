"""Whose name is whose: incident ids, alert ids, event ids, revisions (F1, F3)."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from schemas.enums import IncidentState, Reason
from schemas.fusion_log import PillarFact
from tests.reference.drive import Entry
from tests.reference.presses import Same, same_of
from tests.reference.steps import Report
from tests.reference.view import View

if TYPE_CHECKING:
    from schemas.alert import Alert


class Ids:
    """Checks that no id ever names two things."""

    rule = "id"

    def __init__(self) -> None:
        self._contents: dict[str, Alert] = {}
        self._events: dict[tuple[str, str], Same] = {}

    def check(self, entry: Entry, view: View) -> Iterator[str]:
        yield from self._event(entry)
        for decision in entry.decisions:
            if decision.reason is Reason.FOLD_ERROR:
                yield f"a rule fails: {decision.detail}"
        if entry.alerts:
            yield from self._alerts(entry, view)

    def _alerts(self, entry: Entry, view: View) -> Iterator[str]:
        revisions = {name: known.revision for name, known in view.incidents.items()}
        ended = {name for name, known in view.incidents.items() if not known.is_open}
        for alert in entry.alerts:
            if self._contents.setdefault(alert.alert_id, alert) != alert:
                yield "an alert_id names two contents (F3)"
            name = alert.incident_id
            if name in ended:
                yield f"an incident that has ended speaks again: {alert.reason.value} (F3)"
            wanted = revisions.get(name, 0) + 1
            if alert.revision != wanted:
                yield f"revision {alert.revision} follows {wanted - 1}"
            revisions[name] = alert.revision
            if alert.state in (IncidentState.CLOSED, IncidentState.CANCELLED):
                ended.add(name)
            if not name.startswith(f"{alert.zone}-"):
                yield "the incident's id does not begin with its zone"

    def _event(self, entry: Entry) -> Iterator[str]:
        """Two reports of one device that differ have two ids, unless their source gives them one (F1)."""
        record, report = entry.record, entry.step.what
        if not isinstance(record, PillarFact) or not isinstance(report, Report) or report.event_id:
            return
        same = same_of(report, record)
        if self._events.setdefault((record.device_id, record.event_id), same) != same:
            yield f"two reports of {record.device_id} have one derived id (F1)"
