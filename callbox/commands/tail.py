"""`callbox tail TOPIC`: decode any unsealed topic, one line for each record."""

from collections.abc import Callable, Iterator
from contextlib import suppress
from itertools import islice
from typing import Any, Final

import click
import msgspec
from rich.console import Console
from rich.text import Text

from callbox.invocation import Invocation
from callbox.terminal.printable import echo_json, printable
from callbox.terminal.record_json import as_line, is_of_incident
from callbox.terminal.times import format_time, parse_time
from schemas.enums import Grade
from schemas.errors import TopicRefused
from schemas.topics import CATALOGUE, Topic, topic_named
from schemas.units import EpochMs
from streams.clock import now_ms
from streams.kafka.admin import assert_reachable
from streams.kafka.config import KafkaConfig
from streams.kafka.reader import Follower, LogRecord, Start

_POLL_S: Final = 0.2  # how soon Ctrl-C is noticed
_LONGEST_TEXT: Final = 80  # characters of a field on a line for people; a picture has millions
_COLOURS: Final = {Grade.RED.value: "bold red", Grade.YELLOW.value: "yellow", Grade.BLUE.value: "blue"}

Line = dict[str, Any]


@click.command()
@click.argument("topic_name", metavar="TOPIC")
@click.option("--json", "as_json", is_flag=True, help="One JSON object for each record.")
@click.option("--from", "since", metavar="TIME", help="RFC 3339, or so long ago: -90s, -5m, -2h, -1d.")
@click.option("--incident", "incident_id", metavar="ID", help="Only records of this incident.")
@click.option(
    "--follow/--no-follow", default=True, show_default=True, help="Wait for more, or end at the end."
)
@click.option("--limit", type=click.IntRange(min=1), metavar="N", help="End after N records.")
@click.pass_obj
def tail(
    invocation: Invocation,
    topic_name: str,
    *,
    as_json: bool,
    since: str | None,
    incident_id: str | None,
    follow: bool,
    limit: int | None,
) -> None:
    """Show the records of TOPIC as they come.

    Without --from it begins with the next record, and with --no-follow with the oldest.
    """
    topic = _unsealed(topic_name)
    start = None if since is None else _time(since)
    kafka = invocation.config.kafka
    assert_reachable(kafka)
    lines = (as_line(topic, record) for record in _records(kafka, topic.name, start, follow=follow))
    wanted = (line for line in lines if incident_id is None or is_of_incident(line, incident_id))
    show = _show_json if as_json else _printer()
    with suppress(KeyboardInterrupt):  # the usual way to end it
        for line in islice(wanted, limit):
            show(line)


def _unsealed(name: str) -> Topic:
    topic = topic_named(name)
    if topic is None or topic.planned:
        known = ", ".join(topic.name for topic in CATALOGUE if not (topic.sealed or topic.planned))
        raise click.BadParameter(f"{name!r} is none of {known}", param_hint="TOPIC")
    if topic.sealed:
        raise TopicRefused(
            f"{name} is sealed: its records may show people or plates, and no command prints them"
        )
    return topic


def _time(text: str) -> EpochMs:
    try:
        return parse_time(text, now_ms())
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--from") from error


def _records(kafka: KafkaConfig, topic: str, since: EpochMs | None, *, follow: bool) -> Iterator[LogRecord]:
    if follow and since is None and not kafka.capabilities.exact_high_watermark:
        since = now_ms()  # such a broker does not know the exact end
    start = Start.END if follow else Start.BEGINNING
    with Follower(kafka, topic, start=start, since_ms=since) as follower:
        while follow or not follower.caught_up:
            yield from follower.poll(_POLL_S)


def _show_json(line: Line) -> None:
    echo_json(line)


def _printer() -> Callable[[Line], None]:
    console = Console(highlight=False)

    def show(line: Line) -> None:
        text = Text(f"{format_time(line['timestamp'])}  ", style="dim")
        text.append_text(_alert_text(line["record"]) or _any_text(line))
        console.print(text, soft_wrap=True)

    return show


def _alert_text(record: Any) -> Text | None:
    """An alert as one line; None for anything else."""
    if not isinstance(record, dict) or "texts" not in record:
        return None
    headline = next((text["headline"] for text in record["texts"] if text["lang"] == "en"), "")
    words = (record["grade"], record["action"], record["incident_id"], headline)
    return Text(printable("  ".join(words)), style=_COLOURS.get(record["grade"], ""))


def _any_text(line: Line) -> Text:
    place = f"[{line['partition']}]@{line['offset']}  {line['key']}  "
    return Text(printable(place + msgspec.json.encode(_shortened(line["record"])).decode()))


def _shortened(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _shortened(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_shortened(inner) for inner in value]
    is_long = isinstance(value, str) and len(value) > _LONGEST_TEXT
    return f"{value[:_LONGEST_TEXT]}…" if is_long else value
