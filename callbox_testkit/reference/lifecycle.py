"""docs/reference/lifecycle.md: an incident's life, drawn from the table in processors/incident/lifecycle.py."""

from collections import defaultdict

from processors.incident.lifecycle import OPEN, TIMERS, TRANSITIONS, Transition
from processors.state.entities import TimerKind
from schemas.enums import IncidentState

_HEAD = """# The life of an incident, drawn from its table

This page is written by `python -m callbox_testkit.reference` from `TRANSITIONS` and `TIMERS` in
[processors/incident/lifecycle.py](../../processors/incident/lifecycle.py). What each transition means for people is in
[incidents.md](../incidents.md).
"""

_FROM_ANYWHERE = len(OPEN)
"""A transition that every open state has is one line below the drawing and no arrow in it."""


def lifecycle_page() -> str:
    """The whole document, Markdown with a Mermaid drawing."""
    return "\n".join([_HEAD, *_drawing(), "", *_everywhere(), "", *_states(), ""])


def _drawing() -> list[str]:
    labels: dict[tuple[str, str], list[str]] = defaultdict(list)
    for transition, arrows in TRANSITIONS.items():
        if _is_everywhere(transition):
            continue
        for before, after in arrows.items():
            if before is not after:
                labels["[*]" if before is None else before.value, after.value].append(transition.value)
    drawn = [f"    {before} --> {after}: {', '.join(names)}" for (before, after), names in labels.items()]
    ends = [f"    {state} --> [*]" for state in (IncidentState.CLOSED, IncidentState.CANCELLED)]
    return ["```mermaid", "stateDiagram-v2", *drawn, *ends, "```"]


def _is_everywhere(transition: Transition) -> bool:
    arrows = TRANSITIONS[transition]
    return sum(before in arrows for before in OPEN) == _FROM_ANYWHERE and len(set(arrows.values())) == 1


def _everywhere() -> list[str]:
    lines = ["Every open state also has these, which the drawing leaves out:", ""]
    return lines + [
        f"- `{transition}` leads to `{next(iter(TRANSITIONS[transition].values()))}`"
        for transition in TRANSITIONS
        if _is_everywhere(transition)
    ]


def _states() -> list[str]:
    lines = ["| state | leads on by | stays by | timers that run |", "|---|---|---|---|"]
    for state in OPEN:
        on = [
            f"`{transition}` → `{arrows[state]}`"
            for transition, arrows in TRANSITIONS.items()
            if state in arrows and arrows[state] is not state and not _is_everywhere(transition)
        ]
        stays = [
            f"`{transition}`" for transition, arrows in TRANSITIONS.items() if arrows.get(state) is state
        ]
        timers = [f"`{kind}`" for kind in TimerKind if kind in TIMERS.get(state, frozenset())]
        lines.append(
            f"| `{state}` | {', '.join(on) or '-'} | {', '.join(stays) or '-'} | {', '.join(timers) or '-'} |"
        )
    return [*lines, "", "`expire` runs in every state, and `calm` while an incident flaps."]
