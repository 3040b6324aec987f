"""Many devices with one fault in one minute are a handful of alerts, and no press is lost in them (F17).

What one of them is told for because its fault comes and goes by itself is no part of the storm: each return is news of
that device, until it flaps (14, F19).
"""

from collections import defaultdict
from collections.abc import Iterator

from schemas.alert import Alert
from schemas.enums import Hazard, Reason, Status
from schemas.fusion_log import PillarFact
from tests.reference.drive import Entry
from tests.reference.faults import HAZARDS
from tests.reference.limits import MINUTE
from tests.reference.view import View

MANY = 25
"""Devices: more than the policy's 20, and more than 5 % of any zone of the town."""

FEW = 12
"""Alerts of one hazard in ten minutes: the flood limit of an operator is 10; two for what was told before."""


class Storms:
    """Counts what is told of one hazard after many devices have reported it."""

    rule = "storm"

    def __init__(self) -> None:
        self._began: dict[Hazard, dict[str, int]] = defaultdict(dict)
        self._storm_at: dict[Hazard, int] = {}
        self._told: dict[Hazard, int] = defaultdict(int)
        self._begins: dict[tuple[Hazard, str], int] = defaultdict(int)
        self._areas: set[str] = set()

    def check(self, entry: Entry, view: View) -> Iterator[str]:
        record = entry.record
        if (
            isinstance(record, PillarFact)
            and record.kind in HAZARDS
            and record.active
            and not record.exercise
        ):
            self._begin(HAZARDS[record.kind], record.device_id, view)
        for alert in entry.alerts:
            if alert.reason is Reason.AREA_FAULT:
                self._areas.add(alert.incident_id)
            began = self._storm_at.get(alert.hazard)
            if began is None or alert.status is not Status.ACTUAL or alert.ack_id is not None:
                continue
            if view.now > began + 10 * MINUTE or self._comes_and_goes(alert):
                continue
            self._told[alert.hazard] += 1
            if self._told[alert.hazard] == FEW + 1:
                yield f"more than {FEW} alerts of {alert.hazard.value} in one storm (F17)"

    def _comes_and_goes(self, alert: Alert) -> bool:
        """Whether an alert is about one device whose fault has come more than once."""
        is_one = alert.incident_id not in self._areas and bool(alert.sources)
        return is_one and self._begins[alert.hazard, alert.sources[0].device_id] > 1

    def _begin(self, hazard: Hazard, device_id: str, view: View) -> None:
        self._begins[hazard, device_id] += 1
        began = self._began[hazard]
        began[device_id] = view.now
        recent = [at for at in began.values() if view.now - at < MINUTE]
        if len(recent) >= MANY and hazard not in self._storm_at:
            self._storm_at[hazard] = min(recent)
