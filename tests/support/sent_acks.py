"""Acknowledgements as they are sent: through intake, from the topic of an organisation or the plain one."""

from typing import Any

from processors.fold.reducer import Decision
from processors.intake.ack import NOBODY_VOUCHES, AckSender, ack_input
from schemas.ack import Acknowledgement, Actor
from schemas.enums import AckAction, AckReason
from tests.support.log_records import entry, ms
from tests.support.timeline import Timeline

VILLAGE = AckSender(organisation="village-7", units=("Village 7 committee",))
COUNTY = AckSender(organisation="county", units=("County control room", "control-room"))
ELSEWHERE = AckSender(organisation="village-9", units=("Village 9 committee",))
REFUSED = AckSender(is_refused=True)


def sent_ack(
    incident_id: str, action: AckAction = AckAction.ACCEPT, *, at_s: float = 0, **content: Any
) -> Acknowledgement:
    """An acknowledgement by Li of the county, as far as it says itself."""
    given = {
        "ack_id": f"{action}-{at_s:g}",
        "actor": Actor(name="Li", organisation="county"),
        "at": ms(at_s),
        "reason": AckReason.FALSE_ALARM if action is AckAction.CANCEL else None,
        **content,
    }
    return Acknowledgement(incident_id=incident_id, action=action, **given)


def say(
    line: Timeline,
    incident_id: str,
    action: AckAction = AckAction.ACCEPT,
    *,
    at_s: float,
    sender: AckSender = NOBODY_VOUCHES,
    name: str = "Li",
    received_s: float | None = None,
    **content: Any,
) -> Decision:
    """Let somebody say something of an incident, with the revision that is out unless a test says otherwise."""
    incident = line.state.incidents.get(incident_id)
    shown = {"revision": None if incident is None else incident.revision}
    actor = {"actor": Actor(name=name, organisation="county")}
    ack = sent_ack(incident_id, action, at_s=at_s, **shown | actor | content)
    given = ack_input(ack, ms(at_s if received_s is None else received_s), sender)
    return line.push_entry(entry(given, offset=line.state.offset, append_ms=ms(at_s)))[0]
