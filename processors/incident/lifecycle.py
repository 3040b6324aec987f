"""The life cycle of an incident: every transition, and the timers of every state.

    ─ HELD ─► CANDIDATE ─ HOLD_OVER ─┐         ┌──────────── STALE, REALARM ────────────┐
                                     ▼         ▼                                         │
    ─ FACT ───────────────────────► RAISED ─ ACCEPT ─► ACKED ─ EN_ROUTE ─► ASSIGNED ─ ON_SCENE ─► ON_SCENE
                    ESCALATE ▲       │  │ └ REJECT ─► REJECTED                 │                     │
                             └───────┘  │                                      └─────── CLEAR ───────┤
                                        └ CLEAR ─► CLEARED_UNACKED ─ ACCEPT ─► CLEARED ◄─────────────┘
                                                                                  └─ CLOSE, RESOLVE ─► CLOSED

Not drawn: CANCELLED, and SHELVED and OUT_OF_SERVICE, in which a person has suppressed the incident. Every open state
has the transitions CANCEL, EXPIRY and REMOVE. An arrow is a `Transition`; an arrow that comes from no state opens an
incident. TRANSITIONS is the whole machine; docs/reference/lifecycle.md is drawn from it. TIMERS says which timers run
in which state. Time is stream time.

States are derived from ISA-18.2; docs/incidents.md has the mapping. A new fact about a cleared incident raises it
again, and so does a grade that has risen (REALARM), except where somebody is on scene already. A device's cancel never
ends a red: it becomes CANCEL_ASKED, which leaves the incident open (requirement 6).

The incident holds its due times. The heap of timers only says when to check them: a timer whose due time has moved is
set again, and one whose due time is gone is dropped (processors/rules/timers.py).
"""

from collections.abc import Callable, Mapping
from enum import StrEnum
from operator import attrgetter

from msgspec.structs import replace

from processors.state.entities import Incident, TimerKind
from processors.state.policy import ByGrade, FusionPolicy
from schemas.enums import Grade, IncidentState
from schemas.ids import fingerprint
from schemas.units import EpochMs

_S = IncidentState


class Transition(StrEnum):
    """What can happen to an incident."""

    # Caused by the feeds
    FACT = "fact"
    HELD = "held"
    REALARM = "realarm"
    CANCEL_ASKED = "cancel_asked"
    CONDITION_OVER = "condition_over"
    TEST = "test"
    REMOVE = "remove"
    # Caused by people
    ACCEPT = "accept"
    REJECT = "reject"
    EN_ROUTE = "en_route"
    ON_SCENE = "on_scene"
    CLEAR = "clear"
    CLOSE = "close"
    CANCEL = "cancel"
    REGRADE = "regrade"
    SHELVE = "shelve"
    UNSHELVE = "unshelve"
    OUT_OF_SERVICE = "out_of_service"
    IN_SERVICE = "in_service"
    NOTE = "note"
    # Caused by timers
    HOLD_OVER = "hold_over"
    ESCALATE = "escalate"
    STALE = "stale"
    RESOLVE = "resolve"
    EXPIRY = "expiry"


OPEN = (
    _S.CANDIDATE,
    _S.RAISED,
    _S.ACKED,
    _S.ASSIGNED,
    _S.ON_SCENE,
    _S.CLEARED,
    _S.CLEARED_UNACKED,
    _S.REJECTED,
    _S.SHELVED,
    _S.OUT_OF_SERVICE,
)
"""States of an incident that may still change."""

ATTENDED = (_S.ACKED, _S.ASSIGNED, _S.ON_SCENE)
"""States in which somebody looks after it."""

_QUIET = (_S.SHELVED, _S.OUT_OF_SERVICE)


def _all(states: tuple[IncidentState, ...], to: IncidentState) -> dict[IncidentState | None, IncidentState]:
    return dict.fromkeys(states, to)


def _same(*states: IncidentState) -> dict[IncidentState | None, IncidentState]:
    return {state: state for state in states}


TRANSITIONS: Mapping[Transition, Mapping[IncidentState | None, IncidentState]] = {
    Transition.FACT: {
        None: _S.RAISED,
        _S.CANDIDATE: _S.RAISED,
        **_same(_S.RAISED, *ATTENDED, _S.REJECTED, *_QUIET),
        _S.CLEARED: _S.RAISED,
        _S.CLEARED_UNACKED: _S.RAISED,
    },
    Transition.HELD: {None: _S.CANDIDATE, _S.CANDIDATE: _S.CANDIDATE},
    Transition.REALARM: {**_all(OPEN, _S.RAISED), _S.ON_SCENE: _S.ON_SCENE},
    Transition.CANCEL_ASKED: _same(*OPEN),
    Transition.CONDITION_OVER: {
        _S.CANDIDATE: _S.CANDIDATE,
        _S.RAISED: _S.CLEARED_UNACKED,
        _S.REJECTED: _S.CLEARED_UNACKED,
        **_all(ATTENDED, _S.CLEARED),
        **_same(*_QUIET, _S.CLEARED, _S.CLEARED_UNACKED),
    },
    Transition.TEST: {None: _S.CLOSED},
    Transition.REMOVE: _all(OPEN, _S.CLOSED),
    Transition.ACCEPT: {
        _S.RAISED: _S.ACKED,
        _S.REJECTED: _S.ACKED,
        _S.CLEARED_UNACKED: _S.CLEARED,
        **_same(*ATTENDED),
    },
    Transition.REJECT: _all((_S.RAISED, _S.ACKED), _S.REJECTED),
    Transition.EN_ROUTE: {
        **_all((_S.RAISED, _S.REJECTED, _S.ACKED, _S.ASSIGNED), _S.ASSIGNED),
        _S.ON_SCENE: _S.ON_SCENE,
    },
    Transition.ON_SCENE: _all((_S.RAISED, _S.REJECTED, *ATTENDED), _S.ON_SCENE),
    Transition.CLEAR: {
        _S.RAISED: _S.CLEARED_UNACKED,
        _S.REJECTED: _S.CLEARED_UNACKED,
        **_all((*ATTENDED, _S.SHELVED), _S.CLEARED),
    },
    Transition.CLOSE: _all((*ATTENDED, _S.CLEARED, *_QUIET), _S.CLOSED),
    Transition.CANCEL: _all(OPEN, _S.CANCELLED),
    Transition.REGRADE: _same(_S.RAISED, *ATTENDED, _S.REJECTED, _S.CLEARED, _S.CLEARED_UNACKED),
    Transition.SHELVE: _all((_S.RAISED, _S.REJECTED, _S.ACKED, _S.CLEARED_UNACKED, _S.SHELVED), _S.SHELVED),
    Transition.UNSHELVE: {_S.SHELVED: _S.RAISED},
    Transition.OUT_OF_SERVICE: _all((_S.RAISED, _S.REJECTED, *ATTENDED, _S.SHELVED), _S.OUT_OF_SERVICE),
    Transition.IN_SERVICE: {_S.OUT_OF_SERVICE: _S.RAISED},
    Transition.NOTE: _same(*(state for state in OPEN if state is not _S.CANDIDATE)),
    Transition.HOLD_OVER: {_S.CANDIDATE: _S.RAISED},
    Transition.ESCALATE: {**_all((_S.RAISED, _S.REJECTED), _S.RAISED), **_same(*ATTENDED)},
    Transition.STALE: {_S.ACKED: _S.RAISED},
    Transition.RESOLVE: {_S.CLEARED: _S.CLOSED},
    Transition.EXPIRY: _all(OPEN, _S.CLOSED),
}
"""Transition, state before (None: there is no incident yet), state after. No other transition is possible."""

UNACKNOWLEDGED = (_S.RAISED, _S.REJECTED, _S.CLEARED_UNACKED)
"""States in which somebody must still answer."""

QUIET = _QUIET
"""States in which a person has suppressed the incident: only a grade that rises is reported."""

OVER = (_S.CLEARED, _S.CLEARED_UNACKED)
"""States in which the condition is over: a new fact raises the incident again."""

DueOf = Callable[[Incident], EpochMs | None]


def pending_due(incident: Incident) -> EpochMs | None:
    """When the first action that waits for a second person has lapsed; None where none waits."""
    if not incident.pending:
        return None
    return EpochMs(min(waiting.until for waiting in incident.pending) + 1)  # it counts to the end of its time


DUE: Mapping[TimerKind, DueOf] = {
    TimerKind.CALM: attrgetter("calm_at"),
    TimerKind.ESCALATE: attrgetter("escalate_at"),
    TimerKind.EXPIRE: attrgetter("expires_at"),
    TimerKind.HOLD: attrgetter("hold_until"),
    TimerKind.NOTIFY: attrgetter("notify_at"),
    TimerKind.RESOLVE: attrgetter("resolve_at"),
    TimerKind.SECOND_PERSON: pending_due,
    TimerKind.STALE: attrgetter("stale_at"),
    TimerKind.UNSHELVE: attrgetter("shelved_until"),
}
"""The field of an incident that holds the due time of a timer; None while the timer does not run."""

TIMERS: Mapping[IncidentState, frozenset[TimerKind]] = {
    _S.CANDIDATE: frozenset({TimerKind.HOLD}),
    _S.RAISED: frozenset({TimerKind.ESCALATE, TimerKind.NOTIFY}),
    _S.REJECTED: frozenset({TimerKind.ESCALATE, TimerKind.NOTIFY}),
    _S.CLEARED_UNACKED: frozenset({TimerKind.NOTIFY}),
    _S.ACKED: frozenset({TimerKind.STALE}),
    _S.CLEARED: frozenset({TimerKind.RESOLVE}),
    _S.SHELVED: frozenset({TimerKind.UNSHELVE}),
    _S.OUT_OF_SERVICE: frozenset({TimerKind.UNSHELVE}),
}
"""Which timers run in a state. EXPIRE, CALM and SECOND_PERSON run in every state, and a transition leaves them as they
are. The acknowledgement says how long an incident is shelved, so processors/rules/ack.py sets the due time of
UNSHELVE."""

_DELAYS: Mapping[TimerKind, Callable[[FusionPolicy], ByGrade]] = {
    TimerKind.NOTIFY: attrgetter("notify_ms"),
    TimerKind.HOLD: attrgetter("hold_ms"),
    TimerKind.STALE: attrgetter("stale_ms"),
    TimerKind.RESOLVE: attrgetter("resolve_ms"),
}
"""The policy's delay from the start of a state to each of its timers."""


def next_state(state: IncidentState | None, transition: Transition) -> IncidentState:
    """The state after a transition.

    Raises:
        KeyError: The machine has no such arrow.
    """
    return TRANSITIONS[transition][state]


def is_possible(state: IncidentState | None, transition: Transition) -> bool:
    """Whether a transition is possible."""
    return state in TRANSITIONS[transition]


def opened(incident: Incident, transition: Transition, at: EpochMs, policy: FusionPolicy) -> Incident:
    """A new incident in its first state, FACT or HELD or TEST, with the timers of that state."""
    return _enter(incident, next_state(None, transition), at, policy)


def restarted(incident: Incident, at: EpochMs, policy: FusionPolicy) -> Incident:
    """An incident of a snapshot that was written before there were timers: those of its state start now."""
    return _enter(incident, incident.state, at, policy)


def advance(
    incident: Incident, transition: Transition, at: EpochMs, policy: FusionPolicy, *, restart: bool = True
) -> Incident:
    """The incident after a transition, with the timers of its new state.

    Args:
        incident: The incident before the transition.
        transition: What happens to it.
        at: Stream time.
        policy: The policy in force.
        restart: Whether the timers start again where the state stays the same; False leaves them as they are.

    Raises:
        KeyError: The machine has no such arrow.
    """
    to = next_state(incident.state, transition)
    return incident if to is incident.state and not restart else _enter(incident, to, at, policy)


def bring_back(incident: Incident, transition: Transition, at: EpochMs, policy: FusionPolicy) -> Incident:
    """The incident after UNSHELVE or IN_SERVICE: raised again, or cleared where its condition is over."""
    to = next_state(incident.state, transition)
    if not incident.active:
        to = next_state(to, Transition.CONDITION_OVER)
    return _enter(incident, to, at, policy)


def _enter(incident: Incident, to: IncidentState, at: EpochMs, policy: FusionPolicy) -> Incident:
    """The incident in a new state, with the timers of that state started; timers of the state before are dropped."""
    grade = incident.grade
    running = TIMERS.get(to, frozenset())
    has_next = has_next_tier(incident)
    answer_by = None
    if to is IncidentState.REJECTED:  # the next tier is asked with the next tick, if there is one
        answer_by = at if has_next else None
    elif to in UNACKNOWLEDGED:
        answer_by = EpochMs(at + policy.acknowledge_ms.of(grade))
    due: dict[TimerKind, EpochMs] = {}
    for kind, delays_of in _DELAYS.items():
        if kind in running:
            due[kind] = EpochMs(at + delays_of(policy).of(grade))
    if to is IncidentState.CLEARED_UNACKED:
        due[TimerKind.NOTIFY] = EpochMs(due[TimerKind.NOTIFY] + spread_ms(incident, policy))
    return replace(
        incident,
        state=to,
        ack_by=answer_by,
        escalate_at=answer_by if TimerKind.ESCALATE in running and has_next else None,
        notify_at=due.get(TimerKind.NOTIFY),
        hold_until=due.get(TimerKind.HOLD),
        stale_at=due.get(TimerKind.STALE),
        resolve_at=due.get(TimerKind.RESOLVE),
        shelved_until=None,
        reminders=0,
    )


def spread_ms(incident: Incident, policy: FusionPolicy) -> int:
    """How much later than others an incident that is over is reminded of, milliseconds: below one interval.

    What ended together must not be reminded of together (docs/requirements.md, F16).
    """
    interval_ms = policy.notify_ms.of(incident.grade)
    return int(fingerprint(incident.incident_id)[:8], 16) % interval_ms


def ask_again(incident: Incident, at: EpochMs, policy: FusionPolicy) -> Incident:
    """An incident that somebody looks after, and in which a caller asks for an answer of their own."""
    answer_by = EpochMs(at + policy.acknowledge_ms.of(incident.grade))
    return replace(
        incident,
        ack_by=answer_by,
        escalate_at=answer_by if has_next_tier(incident) else None,
        notify_at=EpochMs(at + policy.notify_ms.of(incident.grade)),
    )


def told_by(incident: Incident, due: EpochMs, at: EpochMs) -> Incident:
    """The incident with one more record or press that is still to be told: when it is due, or sooner."""
    soonest = due if incident.notify_at is None else min(due, incident.notify_at)
    return replace(incident, untold=incident.untold + 1, notify_at=EpochMs(max(soonest, at)))


def still_asked(incident: Incident, before: Incident) -> Incident:
    """The incident with the times of a caller whom the last answer has not seen."""
    return replace(incident, ack_by=before.ack_by, escalate_at=before.escalate_at, notify_at=before.notify_at)


def put_away_until(incident: Incident, until: EpochMs, policy: FusionPolicy) -> Incident:
    """A shelved incident, or one out of service, with the time at which this ends and an expiry after that time."""
    return replace(incident, shelved_until=until, expires_at=EpochMs(until + policy.expire_after_ms))


def extend_expiry(incident: Incident, at: EpochMs, policy: FusionPolicy) -> Incident:
    """The incident with its expiry counted from now, because a person or a device has reported about it."""
    return replace(incident, expires_at=EpochMs(at + policy.expire_after_ms))


def has_next_tier(incident: Incident) -> bool:
    """Whether the chain has another tier to ask."""
    return incident.tier + 1 < len(incident.chain)


def hold_ms(policy: FusionPolicy, grade: Grade) -> int:
    """How long the first fact of a grade is held, milliseconds; only yellow and blue are ever held."""
    return policy.hold_ms.of(grade) if grade in {Grade.YELLOW, Grade.BLUE} else 0


def transition_of_device_cancel(grade: Grade) -> Transition:
    """The transition of a device's own cancel, which never ends a red or an incident of unknown grade."""
    return Transition.CANCEL if grade in {Grade.YELLOW, Grade.BLUE} else Transition.CANCEL_ASKED
