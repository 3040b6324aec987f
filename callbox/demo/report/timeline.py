"""The time line of a run as an SVG: inputs above, outputs below, on one scale of seconds."""

from collections.abc import Iterable
from html import escape
from typing import Final, NamedTuple

from callbox.demo.result import RunResult
from callbox.terminal.printable import printable
from schemas.enums import Grade
from schemas.topics import ALERTS, FRAMES, MAINTENANCE, PILLAR_EVENTS, PLATE_READS, TEST_ALERTS

WIDTH, LEFT, RIGHT = 1080, 130, 20
LANE, TOP = 26, 14
RADIUS: Final = 5

IN: Final = {PILLAR_EVENTS: "pillars", FRAMES: "cameras", PLATE_READS: "plate readers"}
OTHER: Final = "other topics"
OUT: Final = ("red", "yellow", "blue", "test", "asked a person", "dead letters")
LANES: Final = (*IN.values(), OTHER, *OUT)


class Dot(NamedTuple):
    """One record: its lane, its time, the class of its style, and the text that is shown on hover."""

    lane: str
    at_s: float
    look: str
    title: str


def render_timeline(result: RunResult) -> str:
    """Draw a run."""
    dots = [*_in(result), *_out(result)]
    last_s = max(5.0, *(dot.at_s for dot in dots))
    scale = (WIDTH - LEFT - RIGHT) / last_s
    height = TOP + LANE * len(LANES) + 26
    parts = [f'<svg viewBox="0 0 {WIDTH} {height}" role="img" aria-label="Time line of the run">']
    for number, lane in enumerate(LANES):
        y = _y(lane)
        parts.append(f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y}" y2="{y}"/>')
        parts.append(f'<text x="8" y="{y + 4}">{escape(lane)}</text>')
        if number == len(IN) + 1:
            parts.append(f'<line class="grid" x1="0" x2="{WIDTH}" y1="{y - LANE / 2}" y2="{y - LANE / 2}"/>')
    step_s = next(step for step in (1, 2, 5, 10, 30) if last_s / step <= 20 or step == 30)  # noqa: PLR2004 - labels fit
    for second in range(0, int(last_s) + 1, step_s):
        x = LEFT + second * scale
        parts.append(f'<text x="{x:.1f}" y="{height - 8}" text-anchor="middle">{second} s</text>')
    parts += [_circle(dot, LEFT + dot.at_s * scale) for dot in dots]
    return "".join([*parts, "</svg>"])


def _circle(dot: Dot, x: float) -> str:
    is_input = dot.look == "in"
    shape, radius = ("in", 3) if is_input else ("dot", RADIUS)
    return (
        f'<g class="{dot.look}"><circle class="{shape}" cx="{x:.1f}" cy="{_y(dot.lane)}" r="{radius}">'
        f"<title>{escape(printable(dot.title))}</title></circle></g>"
    )


def _y(lane: str) -> int:
    return TOP + LANE * LANES.index(lane) + LANE // 2


def _in(result: RunResult) -> Iterable[Dot]:
    for record in result.sent:
        at_s = result.seconds(record.at)
        what = result.script.scenario.steps[record.step].what
        yield Dot(IN.get(record.place.topic, OTHER), at_s, "in", f"{at_s:.1f} s: {what}")


def _out(result: RunResult) -> Iterable[Dot]:
    for placed in result.collected.alerts:
        alert = placed.alert
        arrived = result.arrived.get(alert.alert_id, alert.sent)
        lane = {MAINTENANCE: "blue", TEST_ALERTS: "test", ALERTS: _grade_lane(alert.grade)}[placed.topic]
        title = f"{result.seconds(arrived):.1f} s: {alert.action}, {alert.reason}, {alert.zone}"
        yield Dot(lane, result.seconds(arrived), lane, title)
    for request in result.collected.requests:
        at_s = result.seconds(request.occurred_at)
        yield Dot("asked a person", at_s, "ask", f"{at_s:.1f} s: {request.entry_id}, {request.purpose}")
    for dead_letter in result.collected.dead_letters:
        at_s = max(0.0, result.seconds(dead_letter.appended_at))
        yield Dot(
            "dead letters",
            at_s,
            "test",
            f"{at_s:.1f} s: {dead_letter.topic}, {dead_letter.cause}, {dead_letter.worker}",
        )


def _grade_lane(grade: Grade) -> str:
    return grade.value if grade.value in OUT else "test"
