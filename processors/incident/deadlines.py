"""Which timers run in which state of an incident, and when each is due.

A due time stands in the incident. The heap of timers only says when to look: a timer that finds its due time moved
or gone is moved or gone itself (processors/rules/timers.py).
"""

from collections.abc import Callable, Mapping
from operator import attrgetter

from msgspec.structs import replace

from processors.state.entities import Incident, TimerKind
from processors.state.policy import FusionPolicy
from schemas.enums import Grade, IncidentState
from schemas.units import EpochMs

DueOf = Callable[[Incident], EpochMs | None]

DUE: Mapping[TimerKind, DueOf] = {
    TimerKind.CALM: attrgetter("calm_at"),
    TimerKind.ESCALATE: attrgetter("escalate_at"),
    TimerKind.EXPIRE: attrgetter("expires_at"),
    TimerKind.HOLD: attrgetter("hold_until"),
    TimerKind.NOTIFY: attrgetter("notify_at"),
    TimerKind.RESOLVE: attrgetter("resolve_at"),
    TimerKind.STALE: attrgetter("stale_at"),
    TimerKind.UNSHELVE: attrgetter("shelved_until"),
}
"""Where an incident says when a timer is due; None while it does not run."""


def extend_expiry(incident: Incident, at: EpochMs, policy: FusionPolicy) -> Incident:
    """Somebody or something has spoken of it: it does not expire so soon."""
    return replace(incident, expires_at=EpochMs(at + policy.expire_after_ms))


def enter(incident: Incident, to: IncidentState, at: EpochMs, policy: FusionPolicy) -> Incident:
    """The incident in a state, with the timers that run there, from now on.

    A timer of the state before that does not run any more is gone. Expiry and calm are not touched: they run
    in every state.
    """
    grade = incident.grade
    ack_by = escalate_at = notify_at = None
    if to is IncidentState.RAISED:
        ack_by = EpochMs(at + policy.acknowledge_ms.of(grade))
        escalate_at = ack_by if has_next_tier(incident) else None
        notify_at = EpochMs(at + policy.notify_ms.of(grade))
    elif to is IncidentState.REJECTED:  # the next tier is asked with the next tick
        ack_by = escalate_at = at if has_next_tier(incident) else None
        notify_at = EpochMs(at + policy.notify_ms.of(grade))
    elif to is IncidentState.CLEARED_UNACKED:
        ack_by = EpochMs(at + policy.acknowledge_ms.of(grade))
        notify_at = EpochMs(at + policy.notify_ms.of(grade))
    return replace(
        incident,
        state=to,
        ack_by=ack_by,
        escalate_at=escalate_at,
        notify_at=notify_at,
        hold_until=_if(to is IncidentState.CANDIDATE, at, policy.hold_ms.of(grade)),
        stale_at=_if(to is IncidentState.ACKED, at, policy.stale_ms.of(grade)),
        resolve_at=_if(to is IncidentState.CLEARED, at, policy.resolve_ms.of(grade)),
        shelved_until=None,
    )


def has_next_tier(incident: Incident) -> bool:
    """Whether there is somebody left to ask."""
    return incident.tier + 1 < len(incident.chain)


def hold_ms(policy: FusionPolicy, grade: Grade) -> int:
    """How long a first fact of a grade waits; only yellow and blue ever do."""
    return policy.hold_ms.of(grade) if grade in {Grade.YELLOW, Grade.BLUE} else 0


def _if(runs: bool, at: EpochMs, delay_ms: int) -> EpochMs | None:
    return EpochMs(at + delay_ms) if runs else None
