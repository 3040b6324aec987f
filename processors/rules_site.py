"""What the log tells of the site: devices come, move and go, and a policy comes into force."""

from msgspec.structs import replace

from processors.changes import Outcome, PutDevice, PutPolicy
from processors.decisions import Decision
from processors.geometry import place_of
from processors.policy import read_policy
from processors.state import State, device_at
from schemas.enums import Reason
from schemas.log import FusionInput, PolicyRecord
from schemas.site import RegistryDevice


def device_record(state: State, envelope: FusionInput, site: RegistryDevice) -> Outcome:
    """Take over what the registry says of a device, unless it is older than what is known.

    A removed device stays, with what it said: a copy of an old press must find it there.
    """
    if site.zone != envelope.zone:
        return Decision(reason=Reason.MISROUTED, event_id=envelope.event_id), ()
    device = device_at(state, (site.zone, site.device_id))
    if device.site is not None and site.revision <= device.site.revision:
        return Decision(reason=Reason.DUPLICATE, event_id=envelope.event_id), ()
    place = None if site.removed else place_of(site.lon_e7, site.lat_e7)
    reason = Reason.DEVICE_REMOVED if site.removed else Reason.DEVICE_UPDATED
    decision = Decision(reason=reason, event_id=envelope.event_id)
    return decision, (PutDevice(replace(device, site=site, place=place)),)


def policy_record(state: State, envelope: FusionInput, record: PolicyRecord) -> Outcome:
    """Put a policy into force, unless it is older than the one in force or contradicts itself."""
    if record.revision <= state.policy_revision:
        return Decision(reason=Reason.DUPLICATE, event_id=envelope.event_id), ()
    try:
        policy = read_policy(record)
    except ValueError as error:
        return Decision(reason=Reason.POLICY_REFUSED, event_id=envelope.event_id, detail=str(error)), ()
    decision = Decision(reason=Reason.POLICY_ACTIVATED, event_id=envelope.event_id)
    return decision, (PutPolicy(policy, record.version, record.revision),)
