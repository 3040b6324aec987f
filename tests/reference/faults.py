"""What a technician mends: a fault is open while its latest report says so, once a device (4, 14, F9)."""

from collections.abc import Iterator
from dataclasses import dataclass

from schemas.enums import Grade, Hazard, PillarKind, Reason
from schemas.fusion_log import PillarFact, Tick
from schemas.registry import RegistryDevice
from tests.reference.drive import Entry
from tests.reference.limits import SECOND
from tests.reference.view import ANSWERED, ASKING, OVER, Incident, View

HAZARDS = {
    PillarKind.TAMPER: Hazard.TAMPER,
    PillarKind.BATTERY: Hazard.BATTERY,
    PillarKind.MAINS: Hazard.MAINS,
    PillarKind.COMMS: Hazard.COMMS,
}

SETTLED_MS, CALM_MS = 4 * SECOND, 65 * SECOND
"""A fault that was reported once or twice is told after its hold; what comes and goes may flap for a minute."""


HOLD_MS = 30 * SECOND
"""A fault that was reported under the first policy is held for as long as that says."""

WRONG_CLOCK_MS = 60 * SECOND
"""A gateway whose clock is further off than this may have set it meanwhile."""


@dataclass
class Truth:
    """What a device has said of one fault: the report with the latest received_at holds (F9)."""

    received: int
    active: bool
    arrived: int
    count: int = 1
    is_unsure: bool = False


class Faults:
    """Checks that what is told of a fault is what its device said last."""

    rule = "fault"

    def __init__(self) -> None:
        self._truth: dict[tuple[str, Hazard], Truth] = {}
        self._wrong: set[tuple[str, Hazard]] = set()
        self._flapping: dict[str, bool] = {}

    def check(self, entry: Entry, view: View) -> Iterator[str]:
        for alert in entry.alerts:
            if alert.reason is Reason.FLAPPING and self._flapping.get(alert.incident_id):
                yield "flapping is told twice (14)"
            self._flapping[alert.incident_id] = alert.flapping
            if alert.hazard in HAZARDS.values() and alert.grade.value != "blue":
                yield f"a fault is {alert.grade.value} (4)"

    def after(self, entry: Entry, view: View) -> Iterator[str]:
        record = entry.record
        if isinstance(record, PillarFact) and record.kind in HAZARDS and not record.exercise:
            self._take(record, view)
        elif isinstance(record, RegistryDevice):
            for key in [key for key in self._truth if key[0] == record.device_id]:
                self._truth[key].is_unsure = True
        elif isinstance(record, Tick):
            for key, truth in self._truth.items():
                if not truth.is_unsure and key not in self._wrong:
                    yield from self._settled(key, truth, view)

    def _take(self, record: PillarFact, view: View) -> None:
        key = (record.device_id, HAZARDS[record.kind])
        known = self._truth.get(key)
        self._wrong.discard(key)
        is_registered = record.device_id in view.registry and not view.registry[record.device_id].removed
        if known is None:
            truth = Truth(int(record.received_at), record.active, view.now, is_unsure=not is_registered)
            self._truth[key] = truth
            return
        known.count += 1
        if abs(record.received_at - view.now) > WRONG_CLOCK_MS:
            known.is_unsure = True  # which of its reports are newer cannot be said
        if record.received_at == known.received and record.active is not known.active:
            known.is_unsure = True
        elif record.received_at > known.received:
            known.received, known.active = int(record.received_at), record.active
            known.is_unsure = not is_registered
        known.arrived = view.now

    def _settled(self, key: tuple[str, Hazard], truth: Truth, view: View) -> Iterator[str]:
        device_id, hazard = key
        hold_ms = max(HOLD_MS, view.limits.of_grade("hold_ms", Grade.BLUE))
        since = view.listening_since()
        calm_ms = CALM_MS if truth.count > 2 else SETTLED_MS
        begins = (truth.arrived, since or view.now, view.covered_until(device_id))
        quiet_from = max(begins) + hold_ms + calm_ms
        if since is None or view.now < quiet_from or hazard in view.area_hazards:
            return
        about = [each for each in view.incidents.values() if each.hazard is hazard and each.names(device_id)]
        if any(each.touched_by_person_at or each.flapping or each.is_unsure for each in about):
            return
        yield from self._compare(key, truth, [each for each in about if each.is_open])

    def _compare(self, key: tuple[str, Hazard], truth: Truth, open_: list[Incident]) -> Iterator[str]:
        device_id, hazard = key
        if len(open_) > 1:
            self._wrong.add(key)
            yield f"{hazard.value} of {device_id} is {len(open_)} incidents"
        elif truth.active and not [each for each in open_ if each.state not in OVER]:
            self._wrong.add(key)
            states = ", ".join(each.state.value for each in open_) or "not open"
            yield f"{hazard.value} of {device_id} goes on, but is {states} (F9)"
        elif not truth.active and [each for each in open_ if each.state in (*ASKING, *ANSWERED)]:
            self._wrong.add(key)
            yield f"{hazard.value} of {device_id} is over, but still {open_[0].state.value} (F9)"
