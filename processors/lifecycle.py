"""The life of an incident: one table.

              ┌─ FACT, CANCEL_ASKED ─┐
              ▼                      │
    ─ FACT ─► RAISED ────────────────┘
              │  │
              │  └─ EXPIRY ─────────► CLOSED ◄─ TEST ─
              └──── CANCEL ─────────► CANCELLED

Arrows are things that happen to an incident (`Step`); the arrow from nowhere makes one. Time is fold time. A red has
no way to CANCELLED yet: a device's cancel is CANCEL_ASKED, and leaves it open (domain.md 6).
"""

from collections.abc import Mapping
from enum import StrEnum

from schemas.enums import Grade, IncidentState


class Step(StrEnum):
    """What can happen to an incident."""

    FACT = "fact"
    CANCEL_ASKED = "cancel_asked"
    CANCEL = "cancel"
    EXPIRY = "expiry"
    TEST = "test"


TRANSITIONS: Mapping[tuple[IncidentState | None, Step], IncidentState] = {
    (None, Step.FACT): IncidentState.RAISED,
    (None, Step.TEST): IncidentState.CLOSED,
    (IncidentState.RAISED, Step.FACT): IncidentState.RAISED,
    (IncidentState.RAISED, Step.CANCEL_ASKED): IncidentState.RAISED,
    (IncidentState.RAISED, Step.CANCEL): IncidentState.CANCELLED,
    (IncidentState.RAISED, Step.EXPIRY): IncidentState.CLOSED,
}
"""State before (None: there is no incident yet), step, state after. What is not here does not happen."""


def after(state: IncidentState | None, step: Step) -> IncidentState:
    """The state after a step.

    Raises:
        KeyError: The machine has no such arrow.
    """
    return TRANSITIONS[state, step]


def device_cancel(grade: Grade) -> Step:
    """What a device's own cancel does: it never ends a red, nor a grade that is not known."""
    return Step.CANCEL if grade in {Grade.YELLOW, Grade.BLUE} else Step.CANCEL_ASKED
