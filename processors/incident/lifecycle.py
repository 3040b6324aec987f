"""The life of an incident: one table.

    ─ HELD ─► CANDIDATE ─ HOLD_OVER ─┐         ┌──────────── STALE, REALARM ────────────┐
                                     ▼         ▼                                         │
    ─ FACT ───────────────────────► RAISED ─ ACCEPT ─► ACKED ─ EN_ROUTE ─► ASSIGNED ─ ON_SCENE ─► ON_SCENE
                    ESCALATE ▲       │  │ └ REJECT ─► REJECTED                 │                     │
                             └───────┘  │                                      └─────── CLEAR ───────┤
                                        └ CLEAR ─► CLEARED_UNACKED ─ ACCEPT ─► CLEARED ◄─────────────┘
                                                                                  └─ CLOSE, RESOLVE ─► CLOSED

Beside it: CANCELLED, and SHELVED and OUT_OF_SERVICE, where a person wants to hear nothing for a while, whatever comes
and goes. Whatever is open takes CANCEL, EXPIRY and REMOVE. Arrows are things that happen to an incident (`Transition`); the
arrow from nowhere makes one. Time is fold time. States are those of ISA-18.2. A new fact about a cleared incident
raises it again, and so does a grade that has risen (`REALARM`), except for somebody who is there already.

A device's cancel never ends a red: there it is CANCEL_ASKED, and leaves it open (domain.md 6).
"""

from collections.abc import Mapping
from enum import StrEnum

from schemas.enums import Grade, IncidentState

_S = IncidentState


class Transition(StrEnum):
    """What can happen to an incident."""

    # the feeds
    FACT = "fact"
    HELD = "held"
    REALARM = "realarm"
    CANCEL_ASKED = "cancel_asked"
    CONDITION_OVER = "condition_over"
    TEST = "test"
    REMOVE = "remove"
    # people
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
    # time
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

_ATTENDED = (_S.ACKED, _S.ASSIGNED, _S.ON_SCENE)
_QUIET = (_S.SHELVED, _S.OUT_OF_SERVICE)


def _all(states: tuple[IncidentState, ...], to: IncidentState) -> dict[IncidentState | None, IncidentState]:
    return dict.fromkeys(states, to)


def _same(*states: IncidentState) -> dict[IncidentState | None, IncidentState]:
    return {state: state for state in states}


TRANSITIONS: Mapping[Transition, Mapping[IncidentState | None, IncidentState]] = {
    Transition.FACT: {
        None: _S.RAISED,
        _S.CANDIDATE: _S.RAISED,
        **_same(_S.RAISED, *_ATTENDED, _S.REJECTED, *_QUIET),
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
        **_all(_ATTENDED, _S.CLEARED),
        **_same(*_QUIET, _S.CLEARED, _S.CLEARED_UNACKED),
    },
    Transition.TEST: {None: _S.CLOSED},
    Transition.REMOVE: _all(OPEN, _S.CLOSED),
    Transition.ACCEPT: {
        _S.RAISED: _S.ACKED,
        _S.REJECTED: _S.ACKED,
        _S.CLEARED_UNACKED: _S.CLEARED,
    },
    Transition.REJECT: _all((_S.RAISED, _S.ACKED), _S.REJECTED),
    Transition.EN_ROUTE: {
        **_all((_S.RAISED, _S.REJECTED, _S.ACKED, _S.ASSIGNED), _S.ASSIGNED),
        _S.ON_SCENE: _S.ON_SCENE,
    },
    Transition.ON_SCENE: _all((_S.RAISED, _S.REJECTED, *_ATTENDED), _S.ON_SCENE),
    Transition.CLEAR: {
        _S.RAISED: _S.CLEARED_UNACKED,
        _S.REJECTED: _S.CLEARED_UNACKED,
        **_all((*_ATTENDED, _S.SHELVED), _S.CLEARED),
    },
    Transition.CLOSE: _all((*_ATTENDED, _S.CLEARED, *_QUIET), _S.CLOSED),
    Transition.CANCEL: _all(OPEN, _S.CANCELLED),
    Transition.REGRADE: _same(_S.RAISED, *_ATTENDED, _S.REJECTED, _S.CLEARED, _S.CLEARED_UNACKED),
    Transition.SHELVE: _all((_S.RAISED, _S.REJECTED, _S.ACKED, _S.CLEARED_UNACKED, _S.SHELVED), _S.SHELVED),
    Transition.UNSHELVE: {_S.SHELVED: _S.RAISED},
    Transition.OUT_OF_SERVICE: _all((_S.RAISED, _S.REJECTED, *_ATTENDED, _S.SHELVED), _S.OUT_OF_SERVICE),
    Transition.IN_SERVICE: {_S.OUT_OF_SERVICE: _S.RAISED},
    Transition.HOLD_OVER: {_S.CANDIDATE: _S.RAISED},
    Transition.ESCALATE: _all((_S.RAISED, _S.REJECTED), _S.RAISED),
    Transition.STALE: {_S.ACKED: _S.RAISED},
    Transition.RESOLVE: {_S.CLEARED: _S.CLOSED},
    Transition.EXPIRY: _all(OPEN, _S.CLOSED),
}
"""Step, state before (None: there is no incident yet), state after. What is not here does not happen."""

UNACKNOWLEDGED = (_S.RAISED, _S.REJECTED, _S.CLEARED_UNACKED)
"""Somebody must still answer."""

QUIET = _QUIET
"""A person wants to hear nothing of it; only a grade that rises is told."""

OVER = (_S.CLEARED, _S.CLEARED_UNACKED)
"""What was wrong is over; a new fact raises again."""


def next_state(state: IncidentState | None, step: Transition) -> IncidentState:
    """The state after a step.

    Raises:
        KeyError: The machine has no such arrow.
    """
    return TRANSITIONS[step][state]


def is_possible(state: IncidentState | None, step: Transition) -> bool:
    """Whether a step is possible."""
    return state in TRANSITIONS[step]


def transition_of_device_cancel(grade: Grade) -> Transition:
    """What a device's own cancel does: it never ends a red, nor a grade that is not known."""
    return Transition.CANCEL if grade in {Grade.YELLOW, Grade.BLUE} else Transition.CANCEL_ASKED
