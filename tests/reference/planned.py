"""Planned work: what it causes is told only if it still holds at its end (F21).

An area has a cause of its own and names some of its devices as examples (F17), so it may be told while somebody works
on one of them, but not where all that it names is being worked on.
"""

from collections.abc import Iterator

from schemas.enums import Hazard, Reason, Status
from schemas.fusion_log import MaintenanceWindow
from tests.reference.drive import Entry
from tests.reference.faults import HAZARDS
from tests.reference.limits import SECOND
from tests.reference.view import View

COVERED = (
    *HAZARDS.values(),
    Hazard.COMM_FAIL,
    Hazard.SITE_COMM_FAIL,
    Hazard.STUCK_BUTTON,
    Hazard.TEST_MISSED,
)
BEGINS = (Reason.CONDITION_ACTIVE, Reason.CONDITION_BACK, Reason.SITE_SILENT)


class Planned:
    """Checks that nobody is told of what planned work causes while it goes on."""

    rule = "planned"

    def check(self, entry: Entry, view: View) -> Iterator[str]:
        for alert in entry.alerts:
            is_new = alert.revision == 1 or alert.reason in BEGINS
            if not is_new or alert.hazard not in COVERED or alert.status is not Status.ACTUAL:
                continue
            if isinstance(entry.record, MaintenanceWindow) or not alert.sources:
                continue
            named = alert.sources if alert.reason is Reason.AREA_FAULT else alert.sources[:1]
            began = alert.sources[-1].received_at - SECOND  # what was there before was not caused by the work
            moments = (began, view.now - SECOND, view.now + SECOND)
            if all(view.is_covered(source.device_id, at) for source in named for at in moments):
                device_id = alert.sources[0].device_id
                yield f"{alert.hazard.value} of {device_id} is told during planned work (F21)"
