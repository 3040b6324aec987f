"""Where an incident is: at the place of a pillar that was pressed, as the registry has it now (F14)."""

from collections.abc import Iterator

from schemas.alert import Alert
from schemas.enums import Reason
from schemas.registry import UNASSIGNED_ZONE
from tests.reference.drive import Entry
from tests.reference.town import CAMERAS, place_of
from tests.reference.view import View


class Places:
    """Checks position and chain of each alert of a call."""

    rule = "place"

    def check(self, entry: Entry, view: View) -> Iterator[str]:
        for alert in entry.alerts:
            if alert.press_count and alert.zone != UNASSIGNED_ZONE and alert.reason is not Reason.DEVICE_MOVED:
                yield from _call(alert, view)

    def after(self, entry: Entry, view: View) -> Iterator[str]:
        """A change of a device reaches its open calls: the alert goes out with it."""
        del entry, view
        return iter(())


def _call(alert: Alert, view: View) -> Iterator[str]:
    pillars = {source.device_id for source in alert.sources} - set(CAMERAS)
    records = [view.registry[name] for name in pillars if name in view.registry]
    if not records or alert.source_count > len(alert.sources):
        return
    if alert.position is None:
        yield "a call of a registered pillar has no place"
        return
    where = (round(alert.position.lat, 5), round(alert.position.lon, 5))
    wanted = {(round(place.lat, 5), round(place.lon, 5)) for place in map(place_of, records)}
    if where not in wanted:
        yield f"a call is told at {where}, its pillars are at {sorted(wanted)} (F14)"
    chains = [record.chain for record in records if not record.removed]
    if chains and alert.chain not in chains and not any(record.removed for record in records):
        yield "a call is told to units of a chain that none of its pillars has (F14)"
