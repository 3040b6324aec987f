"""Where an incident is: at the place of a pillar that was pressed, as the registry has it now (F14)."""

from collections.abc import Iterator

from schemas.alert import Alert
from schemas.registry import UNASSIGNED_ZONE, RegistryDevice
from tests.reference.drive import Entry
from tests.reference.town import CAMERAS, place_of
from tests.reference.view import View


class Places:
    """Checks position and chain of each alert of a call."""

    rule = "place"

    def check(self, entry: Entry, view: View) -> Iterator[str]:
        """A change of a pillar reaches its open calls at once."""
        record = entry.record
        known = view.registry.get(record.device_id) if isinstance(record, RegistryDevice) else None
        if known is None or not isinstance(record, RegistryDevice) or record.revision <= known.revision:
            return
        is_changed = place_of(record) != place_of(known) or record.chain != known.chain
        if record.removed or known.removed or record.zone != known.zone or not is_changed:
            return
        told = {alert.incident_id for alert in entry.alerts}
        for incident in view.incidents.values():
            pillars = {name for _, name in incident.devices} - set(CAMERAS)
            is_its_call = incident.is_open and incident.press_count and pillars == {record.device_id}
            if is_its_call and incident.zone == record.zone and incident.incident_id not in told:
                yield f"{record.device_id} has another place or chain, and its open call does not say so (F14)"

    def after(self, entry: Entry, view: View) -> Iterator[str]:
        """What is told of a call names a place and a chain of its pillars, as the registry has them now."""
        for alert in entry.alerts:
            if alert.press_count and alert.zone != UNASSIGNED_ZONE:
                yield from _call(alert, view)


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
    for record in records:
        if record.removed:  # its last place is used
            wanted |= {
                (round(lat / 1e7, 5), round(lon / 1e7, 5)) for lat, lon in view.places[record.device_id]
            }
    if where not in wanted:
        yield f"a call is told at {where}, its pillars are at {sorted(wanted)} (F14)"
    chains = [record.chain for record in records if not record.removed]
    chains += [
        view.registry[name].chain for name in CAMERAS if any(each.device_id == name for each in alert.sources)
    ]
    if chains and alert.chain not in chains and not any(record.removed for record in records):
        yield "a call is told to units of a chain that none of its pillars has (F14)"
