"""`callbox maintenance`: say in advance what is worked on, so that what the work causes is not told as a fault.

    add    options, registry ─► a window for each zone ─► fusion.input.v1, delivered ─► site.maintenance.v1
    end    the window, ended ─► fusion.input.v1, delivered ─► site.maintenance.v1
    list   site.maintenance.v1 ─► a table, or JSON

The log comes first: what is listed as planned, the fold has been told. If a command is interrupted between the two,
running it again completes it.
"""

import sys
from collections.abc import Iterable, Mapping
from datetime import tzinfo
from typing import Any, Final

import click
import msgspec
from rich.console import Console
from rich.table import Table
from rich.text import Text

from callbox.invocation import Invocation
from callbox.maintenance.listing import (
    WINDOW_HEADINGS,
    by_next_period,
    covers,
    find_window,
    period_text,
    read_planned_work,
    window_json,
    window_row,
)
from callbox.maintenance.periods import HORIZON_MS, plan_periods
from callbox.maintenance.recurrence import RecurrenceRule, parse_rule, rule_text
from callbox.maintenance.windows import (
    Coverage,
    WindowState,
    assert_zones,
    coverage_of_devices,
    coverage_of_site,
    ended_window,
    make_window,
    removable,
    window_state,
)
from callbox.registry.in_force import read_registry
from callbox.terminal.actor import actor_options
from callbox.terminal.choices import choice
from callbox.terminal.printable import echo, echo_json, printable
from callbox.terminal.times import format_local_time, parse_planned_time, parse_zone
from schemas.ack import NOTE_LENGTH, Actor
from schemas.codec import encode
from schemas.enums import AckReason, InputKind
from schemas.fusion_log import MaintenanceWindow, Period
from schemas.ids import fingerprint
from schemas.registry import RegistryDevice
from schemas.topics import FUSION_INPUT, MAINTENANCE_WINDOWS
from schemas.units import EpochMs
from streams.clock import now_ms
from streams.kafka.admin import assert_reachable
from streams.kafka.config import KafkaConfig
from streams.kafka.producer import ProducerRecord, publish
from streams.kafka.topics import partition_count
from streams.worker.log_writer import fact

_WIDTH: Final = 180  # of a table that goes into a file or a pipe
_PERIODS_SHOWN: Final = 3
_CURRENT: Final = (WindowState.RUNNING, WindowState.PLANNED)


def _zone(_context: click.Context, _option: click.Parameter, value: str | None) -> tzinfo | None:
    """Find a time zone; None is the machine's."""
    try:
        return None if value is None else parse_zone(value)
    except ValueError as error:
        raise click.BadParameter(str(error)) from error


def _note(_context: click.Context, _option: click.Parameter, value: str | None) -> str | None:
    """Check a note: it must be printable and not too long."""
    text = None if value is None else value.strip()
    if text and not (text.isprintable() and len(text) <= NOTE_LENGTH):
        raise click.BadParameter(f"allowed are at most {NOTE_LENGTH} characters that can be read")
    return text or None


class _PlanOptions(msgspec.Struct, frozen=True, kw_only=True):
    """The options of `add` that say when, why and by whom.

    Attributes:
        begins: When the first period begins, as it was typed.
        ends: When it ends, as it was typed.
        rule: The recurrence rule, as it was typed.
        until: Its end, as it was typed.
        timezone: The zone of local time; None for the machine's.
        reason: Why.
        note: What else there is to say.
        actor: Who plans it.
        organisation: Their organisation.
    """

    begins: str
    ends: str
    rule: str | None
    until: str | None
    timezone: tzinfo | None
    reason: str
    note: str | None
    actor: str
    organisation: str


_TIMEZONE = click.option(
    "--timezone",
    callback=_zone,
    metavar="NAME",
    help="Of local time, such as Europe/Berlin; else this machine's.",
)
_NOTE = click.option(
    "--note", callback=_note, metavar="TEXT", help="What else there is to say, never about a person."
)


@click.group()
def maintenance() -> None:
    """Planned work: it holds back blue faults, never red.

    A fault of what is worked on is told if it still holds when the work should be over. A press is red all the while.
    """


@maintenance.command()
@click.option(
    "--device", "devices", multiple=True, metavar="ID", help="A device; may be given several times."
)
@click.option("--site", metavar="GATEWAY", help="A gateway and every device behind it.")
@click.option("--zone", metavar="ZONE", help="A whole zone.")
@click.option(
    "--from", "begins", required=True, metavar="TIME", help="now, +2h, 2031-03-01T08:00 or with a zone."
)
@click.option("--to", "ends", required=True, metavar="TIME", help="As --from; +2h is two hours from now.")
@click.option(
    "--rule", metavar="RRULE", help="When it is repeated: an iCalendar rule, as FREQ=WEEKLY;BYDAY=SU."
)
@click.option("--until", metavar="TIME", help="The rule's end; a date alone is that whole day.")
@_TIMEZONE
@click.option("--reason", type=choice(AckReason), required=True, help="Why.")
@_NOTE
@actor_options
@click.option("--dry-run", is_flag=True, help="Show the plan and write nothing.")
@click.pass_obj
def add(
    invocation: Invocation,
    /,
    *,
    devices: tuple[str, ...],
    site: str | None,
    zone: str | None,
    dry_run: bool,
    **options: Any,
) -> None:
    """Plan work on devices, a site or a zone.

    Blue only, never red: until a period is over, faults of what it covers are not told, and what still holds then is.
    A press is red all the while. Local times stay as they are when clocks are put forward or back. At most 1,000
    periods, each at most 30 days, none later than 366 days from now.
    """
    now = now_ms()
    if bool(devices) + (site is not None) + (zone is not None) != 1:
        raise click.UsageError(
            "name what is worked on: --device (several times if need be), --site or --zone"
        )
    plan = _PlanOptions(**options)
    recurrence, periods = _periods(plan, now)
    kafka = invocation.config.kafka
    partition_count(kafka, FUSION_INPUT)  # fails before anything is written if there is no broker or no log
    coverages = _coverages(read_registry(kafka)[0], devices, site, zone)
    known = read_planned_work(kafka).windows
    windows = [
        make_window(
            coverage,
            periods,
            rule=rule_text(recurrence, plan.timezone),
            reason=AckReason(plan.reason),
            note=plan.note,
            actor=Actor(name=plan.actor, organisation=plan.organisation),
            before=known,
            now=now,
        )
        for coverage in coverages
    ]
    _show_plan(windows, plan.timezone)
    if recurrence is not None and recurrence.is_endless:
        last = format_local_time(EpochMs(now + HORIZON_MS), plan.timezone)
        echo(f"the rule has no end: what lies after {last} must be planned again")
    if dry_run:
        echo("nothing written")
        return
    _write(kafka, windows, known, now)
    echo(f"planned as revision {max(window.revision for window in windows)}")


@maintenance.command("list")
@click.option("--zone", metavar="ZONE", help="Only of this zone.")
@click.option("--all", "also_over", is_flag=True, help="Also what is over or has ended, for 7 days.")
@_TIMEZONE
@click.option(
    "--json", "as_json", is_flag=True, help="One JSON object a line: the record, its state, its next period."
)
@click.pass_obj
def list_(
    invocation: Invocation, *, zone: str | None, also_over: bool, timezone: tzinfo | None, as_json: bool
) -> None:
    """Show planned work: what runs, then what comes next, each with its next period."""
    kafka, now = invocation.config.kafka, now_ms()
    assert_reachable(kafka)
    known = read_planned_work(kafka)
    if known.unreadable:
        echo(f"{known.unreadable} records of {MAINTENANCE_WINDOWS} cannot be read", err=True)
    wanted = [
        window
        for window in by_next_period(known.windows.values(), now)
        if (zone is None or window.zone == zone) and (also_over or window_state(window, now) in _CURRENT)
    ]
    if as_json:
        for window in wanted:
            echo_json(window_json(window, now))
    elif wanted:
        Console(highlight=False, width=None if sys.stdout.isatty() else _WIDTH).print(
            _table(wanted, now, timezone)
        )
    else:
        echo("no work is planned")


@maintenance.command("end")
@click.argument("window_id", metavar="ID")
@_NOTE
@actor_options
@click.pass_obj
def end_window(
    invocation: Invocation, /, window_id: str, *, note: str | None, actor: str, organisation: str
) -> None:
    """End or withdraw the window ID: what is wrong with its devices is told from now on.

    The first or last characters of an ID will do, at least 4.
    """
    kafka, now = invocation.config.kafka, now_ms()
    partition_count(kafka, FUSION_INPUT)  # fails before anything is written if there is no broker or no log
    known = read_planned_work(kafka).windows
    window = find_window(known, window_id)
    if (state := window_state(window, now)) not in _CURRENT:
        echo(printable(f"{window.window_id}: {state} already, nothing written"))
        return
    ended = ended_window(window, actor=Actor(name=actor, organisation=organisation), note=note, now=now)
    _write(kafka, [ended], known, now)
    echo(printable(f"{window.window_id}: ended as revision {ended.revision}; it was {state}"))


def _periods(plan: _PlanOptions, now: EpochMs) -> tuple[RecurrenceRule | None, tuple[Period, ...]]:
    """The rule and the periods that the options say."""
    if plan.until is not None and plan.rule is None:
        raise click.UsageError("--until is the end of a --rule")
    zone = plan.timezone
    try:
        first = Period(
            begins_at=parse_planned_time(plan.begins, now, zone),
            ends_at=parse_planned_time(plan.ends, now, zone),
        )
        recurrence = None if plan.rule is None else parse_rule(plan.rule, plan.until, now, zone)
        return recurrence, plan_periods(first, recurrence, zone, now)
    except ValueError as error:
        raise click.UsageError(str(error)) from error


def _coverages(
    known: Mapping[str, RegistryDevice], devices: tuple[str, ...], site: str | None, zone: str | None
) -> tuple[Coverage, ...]:
    """What is covered, one coverage for each zone."""
    if devices:
        return coverage_of_devices(known, devices)
    if site is not None:
        return (coverage_of_site(known, site),)
    zones = (zone,) if zone is not None else ()
    assert_zones(known, zones)
    return tuple(Coverage(zone=name) for name in zones)


def _write(
    kafka: KafkaConfig,
    windows: Iterable[MaintenanceWindow],
    known: Mapping[str, MaintenanceWindow],
    now: EpochMs,
) -> None:
    """Tell the fold, then the topic; windows that have been over for long leave the topic."""
    new = {window.window_id: window for window in windows}
    publish(
        kafka,
        [
            fact(
                InputKind.MAINTENANCE, fingerprint("maintenance", name, window.revision), window.zone, window
            )
            for name, window in new.items()
        ],
    )
    old = [name for name in removable(known.values(), now) if name not in new]
    kept = [
        ProducerRecord(MAINTENANCE_WINDOWS, name.encode(), encode(window)) for name, window in new.items()
    ]
    publish(kafka, [*kept, *(ProducerRecord(MAINTENANCE_WINDOWS, name.encode(), None) for name in old)])


def _show_plan(windows: list[MaintenanceWindow], zone: tzinfo | None) -> None:
    for window in windows:
        echo(printable(f"window   {window.window_id}  {covers(window)} in {window.zone}"))
    periods = windows[0].periods
    for period in periods[:_PERIODS_SHOWN]:
        echo(f"period   {period_text(period, zone)}")
    if (rest := len(periods) - _PERIODS_SHOWN) > 0:
        echo(f"period   and {rest} more, the last {period_text(periods[-1], zone)}")


def _table(windows: list[MaintenanceWindow], now: EpochMs, zone: tzinfo | None) -> Table:
    table = Table(*WINDOW_HEADINGS, box=None, pad_edge=False)
    for column in table.columns:
        column.overflow = "fold"
    for window in windows:
        table.add_row(*map(Text, window_row(window, now, zone)))
    return table
