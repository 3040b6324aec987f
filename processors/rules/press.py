"""A press raises without a hold, joins an emergency, or is a bounce (requirements 1, 2, 7, 8a and 9).

Nothing in this module suppresses a press, except a bounce whose incident is still open. The check for duplicates has
been made before (processors/rules/device_event.py).
"""

from msgspec.structs import replace

from processors.incident.lifecycle import OVER
from processors.incident.merge import Report, apply_report
from processors.incident.sign_of_life import in_order, set_back_ms
from processors.incident.unregistered_group import report_unregistered
from processors.state.effect import Change, Effect, PutDevice, SetTimer
from processors.state.entities import Device, Incident, Timer, TimerKind, device_subject
from processors.state.partition_state import State
from schemas.alert import Source
from schemas.enums import Feed, Hazard, Reason, Status
from schemas.fusion_log import PillarFact
from schemas.units import MINUTE_MS, EpochMs


def press(state: State, device: Device, fact: PillarFact) -> Effect:
    """Decide about a press that is no duplicate.

    Args:
        state: Read only.
        device: The device that was pressed, with this event in its window already.
        fact: The press.
    """
    closed_at, watch = _contact(state, device, fact)
    if _is_bounce(state, device, fact):
        return Effect(Reason.BOUNCE, (), (PutDevice(replace(device, closed_at=closed_at)), *watch))
    incident, effect = _reported(state, device, report_of(state, device, fact))
    pressed = replace(
        device,
        press_at=in_order(state, device.key, fact.received_at),
        press_incident=incident.incident_id,
        press_seen_at=state.now,
        press_occurred_at=None if fact.clock_suspect else fact.occurred_at,
        closed_at=closed_at,
    )
    return replace(effect, changes=(PutDevice(pressed), *effect.changes, *watch))


def _reported(state: State, device: Device, report: Report) -> tuple[Incident, Effect]:
    """The incident of a press: that of its place, its device's own, or the group of unregistered devices (F17)."""
    if device.site is not None:
        return apply_report(state, device, report)
    grouped = report_unregistered(state, device, report)
    if not isinstance(grouped, Effect):
        return grouped
    incident, effect = apply_report(state, device, report)
    return incident, effect.after(*grouped.changes)


def _contact(state: State, device: Device, fact: PillarFact) -> tuple[EpochMs | None, tuple[Change, ...]]:
    """Since when the contact is closed, and the timer that checks whether it is stuck.

    A contact that is closed is supervised already, so a panel that repeats a held button changes nothing. A contact is
    not supervised during an exercise, nor where the device never reports a release.
    """
    site = device.site
    is_watched = site is not None and not site.removed and site.reports_release and not fact.exercise
    if not is_watched or device.closed_at is not None:
        return device.closed_at, ()
    due = EpochMs(state.now + state.policy.stuck_ms)
    return state.now, (SetTimer(Timer(due, device_subject(device.key), TimerKind.STUCK)),)


def _is_bounce(state: State, device: Device, fact: PillarFact) -> bool:
    """Whether this is a bounce of the last press; a series of bounces is measured from its first press.

    Both must have come into the log together as well, since the clock of a gateway may stand still or be ahead: only
    for as long as this press was on its way may the other one have come earlier. They must not have happened apart,
    since a gateway that empties its buffer may give all of it one time. It is no bounce after a cancel, since the
    caller has changed their mind. Nor is it one if the incident of the last press is over, or if one of the two
    presses belongs to an exercise and the other does not.
    """
    if device.press_at is None or device.press_incident is None:
        return False
    incident = state.incidents.get(device.press_incident)
    seen_ms = 0 if device.press_seen_at is None else state.now - device.press_seen_at
    # Not `in_order`, which ends at stream time: that stands still while no tick comes, and so would the presses.
    received_at = fact.received_at + set_back_ms(state, device.key)
    bounce_ms = state.policy.bounce_ms
    return (
        abs(received_at - device.press_at) <= bounce_ms
        and seen_ms <= min(state.policy.late_after_ms, bounce_ms + max(0, state.now - received_at))
        and not _happened_apart(state, device, fact)
        and incident is not None
        and incident.state not in OVER
        and incident.status is status_of(fact)
        and device.device_id not in incident.cancel_requested
    )


def _happened_apart(state: State, device: Device, fact: PillarFact) -> bool:
    """Whether the pillar's own clock says that two presses which were received together happened apart."""
    if device.press_occurred_at is None or device.press_at is None or fact.clock_suspect:
        return False
    apart_ms = abs(fact.occurred_at - device.press_occurred_at)
    if apart_ms <= state.policy.late_after_ms:
        return False
    minute = max(fact.occurred_at, device.press_occurred_at)
    first, last = sorted((device.press_at, in_order(state, device.key, fact.received_at)))
    # Presses a second apart are a minute apart on a clock of minutes if a minute begins between them (F1).
    is_one_moment = apart_ms == MINUTE_MS and minute % MINUTE_MS == 0 and first < minute <= last
    return not is_one_moment


def status_of(fact: PillarFact) -> Status:
    """The status of a fact: Exercise or Actual."""
    return Status.EXERCISE if fact.exercise else Status.ACTUAL


def report_of(state: State, device: Device, fact: PillarFact) -> Report:
    """A press as a report of an emergency."""
    return Report(
        first_reason=Reason.FIRST_FACT if device.is_registered else Reason.UNREGISTERED_DEVICE,
        hazard=Hazard.EMERGENCY_CALL,
        source=source_of(fact),
        repeat_reason=Reason.PRESSED_AGAIN,
        status=status_of(fact),
        is_press=True,
        reach_m=state.policy.pillar_reach_m,
        late=is_late(state, fact),
        clock_suspect=fact.clock_suspect,
    )


def is_late(state: State, fact: PillarFact) -> bool:
    """Whether a fact came into the log later after it happened than the policy's `late_after_ms`: the whole way."""
    return state.now - fact.occurred_at > state.policy.late_after_ms


def source_of(fact: PillarFact) -> Source:
    """The fact as alerts list it."""
    return Source(
        feed=Feed.PILLARS,
        device_id=fact.device_id,
        event_id=fact.event_id,
        occurred_at=fact.occurred_at,
        received_at=fact.received_at,
    )
