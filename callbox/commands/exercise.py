"""`callbox exercise`: announce an exercise in a zone, and say that it is over.

zones ─► an exercise notice for each ─► fusion.input.v1
"""

import click

from callbox.invocation import Invocation
from callbox.maintenance.exercises import EXERCISE_S, LONGEST_EXERCISE_MS, exercise_notice
from callbox.maintenance.windows import assert_zones
from callbox.registry.in_force import read_registry
from callbox.terminal.actor import actor_options
from callbox.terminal.printable import echo
from callbox.terminal.times import format_local_time, format_span, parse_span
from schemas.ack import Actor
from schemas.enums import InputKind
from schemas.fusion_log import ExerciseNotice
from schemas.ids import fingerprint
from schemas.topics import FUSION_INPUT
from schemas.units import SECOND_MS
from streams.clock import now_ms
from streams.kafka.config import KafkaConfig
from streams.kafka.producer import publish
from streams.kafka.topics import partition_count
from streams.worker.log_writer import fact


def _span_ms(_context: click.Context, _option: click.Parameter, value: str) -> int:
    """Parse how long an exercise lasts, in milliseconds."""
    try:
        span_ms = parse_span(value) * SECOND_MS
    except ValueError as error:
        raise click.BadParameter(str(error)) from error
    if span_ms > LONGEST_EXERCISE_MS:
        raise click.BadParameter(f"{value} is longer than {format_span(LONGEST_EXERCISE_MS)}")
    return span_ms


_ZONES = click.option(
    "--zone", "zones", multiple=True, required=True, metavar="ZONE", help="May be given several times."
)


@click.group()
def exercise() -> None:
    """Exercises: when one begins, and when it should be over."""


@exercise.command("start")
@_ZONES
@click.option(
    "--for",
    "lasts_ms",
    callback=_span_ms,
    default=format_span(EXERCISE_S * SECOND_MS),
    show_default=True,
    metavar="TIME",
    help="90m, 2h; at most 24h.",
)
@actor_options
@click.pass_obj
def start_exercise(
    invocation: Invocation, /, *, zones: tuple[str, ...], lasts_ms: int, actor: str, organisation: str
) -> None:
    """Announce an exercise in each ZONE. Said again, it moves the end."""
    for notice in _tell(invocation.config.kafka, zones, lasts_ms, actor, organisation):
        echo(f"{notice.zone}: exercise until {format_local_time(notice.ends_at, None)}")


@exercise.command("end")
@_ZONES
@actor_options
@click.pass_obj
def end_exercise(invocation: Invocation, /, *, zones: tuple[str, ...], actor: str, organisation: str) -> None:
    """Say that the exercise in each ZONE is over."""
    for notice in _tell(invocation.config.kafka, zones, 0, actor, organisation):
        echo(f"{notice.zone}: exercise over")


def _tell(
    kafka: KafkaConfig, zones: tuple[str, ...], lasts_ms: int, actor: str, organisation: str
) -> list[ExerciseNotice]:
    """Tell the fold of each zone once; all of them, or none where the registry lacks one."""
    partition_count(kafka, FUSION_INPUT)  # fails before anything is written if there is no broker or no log
    assert_zones(read_registry(kafka)[0], zones)
    person, now = Actor(name=actor, organisation=organisation), now_ms()
    notices = [
        exercise_notice(zone, lasts_ms=lasts_ms, actor=person, now=now) for zone in dict.fromkeys(zones)
    ]
    publish(
        kafka,
        [
            fact(
                InputKind.EXERCISE, fingerprint("exercise", notice.zone, notice.revision), notice.zone, notice
            )
            for notice in notices
        ],
    )
    return notices
