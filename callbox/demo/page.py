"""The page of a run: one HTML file that needs nothing from outside but the redacted pictures beside it.

It shows no plate and no crop: what a person is asked is named by its hotlist entry.
"""

from collections.abc import Iterable, Sequence
from html import escape
from urllib.parse import quote

from callbox.demo.latency import press_to_alert_ms
from callbox.demo.page_style import STYLE
from callbox.demo.result import Story
from callbox.demo.timeline import render_timeline
from callbox.demo.totals import came_out, given_up, latency_text, went_in
from callbox.terminal.times import format_time
from schemas.alert import Alert
from schemas.enums import Status

Cell = str
"""HTML, escaped already."""


def render_page(story: Story, problems: Sequence[str], snapshots: str) -> str:
    """Make the page.

    Args:
        story: The run.
        problems: What was wrong with it.
        snapshots: Folder of the pictures, as the page sees it.
    """
    body = "".join(
        (
            _head(story, problems),
            _section("What happened", f'<div class="wide">{render_timeline(story)}</div>'),
            _section("Alerts", _alerts(story)),
            _section("Pictures that went out, redacted", _pictures(story, snapshots)),
            _section("What a person is asked", _requests(story)),
            _section("Dead letters", _letters(story)),
            _section("What went in", _table(("records", "topic"), _rows(went_in(story)))),
            _section(
                "What came out",
                _table(("records", "topic", "grade", "action", "reason"), _rows(came_out(story))),
            ),
            _section("The scenario", _steps(story)),
        )
    )
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>callbox demo</title>'
        f'<meta name="viewport" content="width=device-width, initial-scale=1"><style>{STYLE}</style></head>'
        f"<body><main>{body}</main></body></html>\n"
    )


def _head(story: Story, problems: Sequence[str]) -> str:
    if problems:
        verdict = f'<p class="wrong">{len(problems)} problems</p><ul>' + "".join(
            f"<li>{escape(problem)}</li>" for problem in problems
        )
        verdict += "</ul>"
    else:
        verdict = (
            '<p class="right">What came out is what the scenario says. Folding the recorded log again gives the '
            "same bytes. No plate is anywhere it must not be.</p>"
        )
    figures = (
        (len(story.sent), "records in"),
        (len(story.found.alerts), "alerts out"),
        (sum(total.records for total in given_up(story)), "dead letters"),
        (len(story.found.requests), "asked a person"),
        (story.found.repeats, "repeats"),
    )
    tiles = "".join(f'<div class="tile"><b>{count}</b>{escape(name)}</div>' for count, name in figures)
    return (
        f'<h1>callbox demo</h1><p class="faint">{format_time(story.start)}, {story.broker} broker, '
        f"{story.durations.total_s:.0f} s in all. Press to alert: {escape(latency_text(story))}.</p>"
        f'{verdict}<div class="tiles">{tiles}</div>'
    )


def _alerts(story: Story) -> str:
    rows = [
        [
            f"{story.seconds(placed.alert.sent):.1f}",
            _grade(placed.alert),
            escape(placed.alert.action),
            escape(placed.alert.reason),
            f"{escape(placed.alert.zone)}<br><span class=faint>{escape(_device(placed.alert))}</span>",
            "<br>".join(
                f"<span lang={text.lang}>{escape(text.headline)}</span>" for text in placed.alert.texts
            ),
            escape(placed.alert.responsible_unit),
            _latency(story, placed.alert),
        ]
        for placed in story.found.alerts
    ]
    return _table(
        ("s", "grade", "action", "why", "where", "what people read", "who is asked", "latency"), rows
    )


def _grade(alert: Alert) -> Cell:
    if alert.status is not Status.ACTUAL:
        return f'<span class="grade test">{escape(alert.status)}</span>'
    return f'<span class="grade {escape(alert.grade)}">{escape(alert.grade)}</span>'


def _device(alert: Alert) -> str:
    return alert.sources[-1].device_id if alert.sources else ""


def _latency(story: Story, alert: Alert) -> Cell:
    arrived = story.arrived.get(alert.alert_id)
    took = None if arrived is None else press_to_alert_ms(alert, arrived)
    return "" if took is None else f"{took} ms"


def _pictures(story: Story, snapshots: str) -> str:
    figures = [
        f'<figure><img src="{quote(snapshots)}/{quote(snapshot.snapshot_id)}.jpg" alt="Redacted picture of '
        f'{escape(snapshot.camera_id)}"><figcaption>{escape(snapshot.camera_id)}, '
        f"{story.seconds(snapshot.captured_at):.1f} s, {snapshot.width} x {snapshot.height}; faces and plates are "
        "filled, not blurred</figcaption></figure>"
        for snapshot in story.found.evidence.values()
    ]
    return f'<div class="pictures">{"".join(figures)}</div>' if figures else '<p class="faint">None.</p>'


def _requests(story: Story) -> str:
    rows = [
        [
            f"{story.seconds(request.occurred_at):.1f}",
            escape(request.entry_id),
            escape(request.purpose),
            escape(request.checkpoint_id),
            escape(", ".join(request.review_reasons)) or "nothing contradicts",
            "with a crop" if request.crop_jpeg is not None else "without a picture",
        ]
        for request in story.found.requests
    ]
    return _table(("s", "hotlist entry", "purpose", "checkpoint", "look at", "picture"), rows)


def _letters(story: Story) -> str:
    rows = [
        [
            escape(letter.topic),
            f"[{letter.partition}]@{letter.offset}",
            escape(letter.cause),
            escape(letter.worker),
            "nothing, sealed" if letter.payload is None else f"{len(letter.payload)} bytes",
        ]
        for letter in story.found.letters
    ]
    return _table(("topic", "place", "cause", "given up by", "kept"), rows)


def _steps(story: Story) -> str:
    rows = []
    for step in sorted(story.script.scenario.steps, key=lambda step: step.at_s):
        due = [f"{alert.grade} {alert.action}: {alert.reason}" for alert in step.alerts]
        due += [f"dead letter: {letter.cause} ({', '.join(letter.workers)})" for letter in step.letters]
        due += [f"question about {entry_id}" for entry_id in step.requests]
        rows.append([f"{step.at_s:.1f}", escape(step.what), "<br>".join(map(escape, due)) or "nothing"])
    return _table(("s", "what happens", "what must come of it"), rows)


def _rows(totals: Iterable[tuple[tuple[str, ...], int]]) -> list[list[Cell]]:
    return [[str(count), *map(escape, words)] for words, count in totals]


def _table(head: Sequence[str], rows: Sequence[Sequence[Cell]]) -> str:
    if not rows:
        return '<p class="faint">None.</p>'
    titles = "".join(f"<th>{escape(title)}</th>" for title in head)
    lines = "".join(f"<tr>{''.join(f'<td>{cell}</td>' for cell in row)}</tr>" for row in rows)
    return f'<div class="wide"><table><tr>{titles}</tr>{lines}</table></div>'


def _section(title: str, content: str) -> str:
    return f"<h2>{escape(title)}</h2>{content}"
