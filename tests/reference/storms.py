"""Many devices with one fault in one minute are a handful of alerts, and no press is lost in them (F17)."""

from collections import defaultdict
from collections.abc import Iterator

from schemas.enums import Hazard, Status
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
            began = self._storm_at.get(alert.hazard)
            if began is None or alert.status is not Status.ACTUAL or alert.ack_id is not None:
                continue
            if view.now > began + 10 * MINUTE:
                continue
            self._told[alert.hazard] += 1
            if self._told[alert.hazard] == FEW + 1:
                yield f"more than {FEW} alerts of {alert.hazard.value} in one storm (F17)"

    def _begin(self, hazard: Hazard, device_id: str, view: View) -> None:
        began = self._began[hazard]
        began[device_id] = view.now
        recent = [at for at in began.values() if view.now - at < MINUTE]
        if len(recent) >= MANY and hazard not in self._storm_at:
            self._storm_at[hazard] = min(recent)
