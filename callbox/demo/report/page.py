"""The page of a run: one HTML file that loads nothing but the redacted pictures in the folder beside it.

It shows no plate and no crop: a verification request is named by its hotlist entry.
"""

from collections.abc import Iterable, Sequence
from html import escape as escape_markup
from urllib.parse import quote

from callbox.demo.report.timeline import render_timeline
from callbox.demo.report.totals import came_out, dead_letters, latency_text, went_in
from callbox.demo.result import RunResult, press_to_alert_ms
from callbox.terminal.printable import printable
from callbox.terminal.times import format_time
from schemas.alert import Alert
from schemas.enums import Status
from schemas.ids import fingerprint

Cell = str
"""HTML that is escaped already."""


def escape(text: str) -> Cell:
    """HTML that shows a text of unknown origin: neither markup nor what is not printable is left in it."""
    return escape_markup(printable(text))


def picture_file(snapshot_id: str) -> str:
    """The file name of a picture. Its id comes from a camera, and might name a place outside the folder."""
    return f"{fingerprint(snapshot_id)}.jpg"


def render_page(result: RunResult, problems: Sequence[str], snapshots: str) -> str:
    """Make the page.

    Args:
        result: The run.
        problems: What was wrong with it, a line each.
        snapshots: Folder of the pictures, relative to the page.
    """
    body = "".join(
        (
            _head(result, problems),
            _section("What happened", f'<div class="wide">{render_timeline(result)}</div>'),
            _section("Alerts", _alerts(result)),
            _section("Pictures that went out, redacted", _pictures(result, snapshots)),
            _section("What a person is asked", _requests(result)),
            _section("Dead letters", _dead_letters(result)),
            _section("What went in", _table(("records", "topic"), _rows(went_in(result)))),
            _section(
                "What came out",
                _table(("records", "topic", "grade", "action", "reason"), _rows(came_out(result))),
            ),
            _section("The scenario", _steps(result)),
        )
    )
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>callbox demo</title>'
        f'<meta name="viewport" content="width=device-width, initial-scale=1"><style>{STYLE}</style></head>'
        f"<body><main>{body}</main></body></html>\n"
    )


def _head(result: RunResult, problems: Sequence[str]) -> str:
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
        (len(result.sent), "records in"),
        (len(result.collected.alerts), "alerts out"),
        (sum(total.records for total in dead_letters(result)), "dead letters"),
        (len(result.collected.requests), "asked a person"),
        (result.collected.repeats, "repeats"),
    )
    tiles = "".join(f'<div class="tile"><b>{count}</b>{escape(name)}</div>' for count, name in figures)
    return (
        f'<h1>callbox demo</h1><p class="faint">{format_time(result.start)}, {result.broker} broker, '
        f"{result.durations.total_s:.0f} s in all. Press to alert: {escape(latency_text(result))}.</p>"
        f'{verdict}<div class="tiles">{tiles}</div>'
    )


def _alerts(result: RunResult) -> str:
    rows = [
        [
            f"{result.seconds(placed.alert.sent):.1f}",
            _grade(placed.alert),
            escape(placed.alert.action),
            escape(placed.alert.reason),
            f"{escape(placed.alert.zone)}<br><span class=faint>{escape(_device(placed.alert))}</span>",
            "<br>".join(
                f'<span lang="{escape(text.lang)}">{escape(text.headline)}</span>'
                for text in placed.alert.texts
            ),
            escape(placed.alert.responsible_unit),
            _latency(result, placed.alert),
        ]
        for placed in result.collected.alerts
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


def _latency(result: RunResult, alert: Alert) -> Cell:
    arrived = result.arrived.get(alert.alert_id)
    took = None if arrived is None else press_to_alert_ms(alert, arrived)
    return "" if took is None else f"{took} ms"


def _pictures(result: RunResult, snapshots: str) -> str:
    figures = [
        f'<figure><img src="{quote(snapshots)}/{picture_file(snapshot.snapshot_id)}" alt="Redacted picture of '
        f'{escape(snapshot.camera_id)}"><figcaption>{escape(snapshot.camera_id)}, '
        f"{result.seconds(snapshot.captured_at):.1f} s, {snapshot.width} x {snapshot.height}; faces and plates are "
        "filled, not blurred</figcaption></figure>"
        for snapshot in result.collected.evidence.values()
    ]
    return f'<div class="pictures">{"".join(figures)}</div>' if figures else '<p class="faint">None.</p>'


def _requests(result: RunResult) -> str:
    rows = [
        [
            f"{result.seconds(request.occurred_at):.1f}",
            escape(request.entry_id),
            escape(request.purpose),
            escape(request.checkpoint_id),
            escape(", ".join(request.review_reasons)) or "nothing contradicts",
            "with a crop" if request.crop_jpeg is not None else "without a picture",
        ]
        for request in result.collected.requests
    ]
    return _table(("s", "hotlist entry", "purpose", "checkpoint", "look at", "picture"), rows)


def _dead_letters(result: RunResult) -> str:
    rows = [
        [
            escape(dead_letter.topic),
            f"[{dead_letter.partition}]@{dead_letter.offset}",
            escape(dead_letter.cause),
            escape(dead_letter.worker),
            "nothing, sealed" if dead_letter.payload is None else f"{len(dead_letter.payload)} bytes",
        ]
        for dead_letter in result.collected.dead_letters
    ]
    return _table(("topic", "place", "cause", "given up by", "kept"), rows)


def _steps(result: RunResult) -> str:
    rows = []
    for step in sorted(result.script.scenario.steps, key=lambda step: step.at_s):
        expected = [f"{alert.grade} {alert.action}: {alert.reason}" for alert in step.alerts]
        expected += [
            f"dead letter: {dead_letter.cause} ({', '.join(dead_letter.workers)})"
            for dead_letter in step.dead_letters
        ]
        expected += [f"question about {entry_id}" for entry_id in step.requests]
        rows.append([f"{step.at_s:.1f}", escape(step.what), "<br>".join(map(escape, expected)) or "nothing"])
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


STYLE = """
:root {
  color-scheme: light dark;
  --ground: #fbfbf9; --panel: #ffffff; --text: #1d2125; --faint: #68707a; --line: #dfe1de;
  --red: #c8262d; --yellow: #b57b00; --blue: #2563b0; --test: #7a7f87; --ask: #86489b; --good: #1f7a4a;
}
@media (prefers-color-scheme: dark) {
  :root {
    --ground: #15181b; --panel: #1d2125; --text: #e7e9ea; --faint: #98a1ab; --line: #33393f;
    --red: #ff6b6b; --yellow: #f0b93f; --blue: #74aef5; --test: #9aa1a9; --ask: #cf9be2; --good: #6fcf97;
  }
}
* { box-sizing: border-box; }
body { margin: 0; background: var(--ground); color: var(--text); font: 15px/1.5 system-ui, sans-serif; }
main { max-width: 1120px; margin: 0 auto; padding: 32px 20px 64px; }
h1 { font-size: 26px; margin: 0 0 4px; letter-spacing: -.01em; }
h2 { font-size: 17px; margin: 40px 0 10px; }
p { margin: 0 0 10px; max-width: 75ch; }
.faint { color: var(--faint); }
.right { color: var(--good); font-weight: 600; }
.wrong { color: var(--red); font-weight: 600; }
.tiles { display: flex; flex-wrap: wrap; gap: 10px; margin: 22px 0 0; }
.tile { background: var(--panel); border: 1px solid var(--line); border-radius: 8px;
  padding: 10px 16px; min-width: 130px; }
.tile b { display: block; font-size: 21px; font-variant-numeric: tabular-nums; }
.wide { overflow-x: auto; background: var(--panel); border: 1px solid var(--line); border-radius: 8px; }
table { border-collapse: collapse; width: 100%; font-size: 14px; font-variant-numeric: tabular-nums; }
th, td { text-align: left; padding: 7px 12px; border-top: 1px solid var(--line); vertical-align: top; }
th { border-top: 0; color: var(--faint); font-weight: 500; white-space: nowrap; }
td.number { text-align: right; white-space: nowrap; }
.grade { display: inline-block; min-width: 58px; text-align: center;
  border: 1px solid currentColor; border-radius: 99px; padding: 0 10px; font-weight: 600; }
.red { color: var(--red); } .yellow { color: var(--yellow); } .blue { color: var(--blue); }
.test { color: var(--test); } .ask { color: var(--ask); }
svg { display: block; width: 100%; min-width: 820px; height: auto; }
svg text { fill: var(--faint); font: 12px system-ui, sans-serif; }
svg .grid { stroke: var(--line); }
svg .in { fill: var(--faint); } svg .dot { fill: currentColor; }
.pictures { display: flex; flex-wrap: wrap; gap: 14px; }
figure { margin: 0; background: var(--panel); border: 1px solid var(--line); border-radius: 8px; overflow: hidden; }
figure img { display: block; max-width: 420px; width: 100%; }
figcaption { padding: 8px 12px; font-size: 13px; color: var(--faint); }
"""
