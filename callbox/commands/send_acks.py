"""How an acknowledgement is sent from a terminal.

    one ID             ─► its line is shown ─► sent ─► the answer
    several, a filter  ─► a table is shown ─► a question ─► all sent together ─► one line each ─► a summary

The board is read once, and what is sent names the revisions that were shown.
"""

import sys
from collections.abc import Mapping, Sequence
from typing import Any

import click
import msgspec

from callbox.commands.ack_options import AckOptions
from callbox.commands.incident_filter import known_incidents
from callbox.incidents.acknowledge import AckChannel, exchange, send_by
from callbox.incidents.board import find, shown_length
from callbox.incidents.lines import answer_line
from callbox.incidents.rows import PLAN_HEADINGS, plan_row, subject_line
from callbox.incidents.selection import IncidentFilter, Selection, select_by_filter, select_by_id
from callbox.incidents.statement import (
    Statement,
    acknowledgement_of,
    acknowledgements_of,
    batch_id,
    statement_line,
)
from callbox.incidents.tally import Tally, tally_of
from callbox.invocation import Invocation
from callbox.terminal.printable import echo, echo_json, printable
from callbox.terminal.table import aligned
from schemas.ack import Acknowledgement, AckResult, Actor
from schemas.alert import Alert
from schemas.enums import AckAction, AckOutcome, Grade
from schemas.errors import AckRejected, AnswerMissing
from streams.clock import now_ms
from streams.worker.settings import AckSettings


def send_acks(
    invocation: Invocation,
    ids: Sequence[str],
    options: Mapping[str, Any],
    *,
    action: AckAction,
    **content: Any,
) -> None:
    """Say something of incidents, and show the answers.

    Args:
        invocation: This call of the command line.
        ids: The incidents, or none where the filter chooses them.
        options: Those of `callbox.commands.ack_options`.
        action: What is said.
        content: Further fields of the statement.

    Raises:
        click.UsageError: Neither ids nor a filter, or both; red by filter; no terminal to ask at.
        InputMissing: No incident is meant.
        AckRejected: One or more were rejected.
        AnswerMissing: None was rejected, and one or more had no answer in time.
    """
    asked = msgspec.convert(options, AckOptions)
    wanted = msgspec.convert(options, IncidentFilter)
    _check(ids, wanted, asked)
    sender = _sender_of(invocation.config.acknowledgements, asked.organisation)
    actor = Actor(name=asked.actor, organisation=asked.organisation)
    statement = Statement(action=action, actor=actor, note=asked.note, **content)
    kafka = invocation.config.kafka
    known = known_incidents(kafka)
    if len(ids) == 1:
        _send_one(AckChannel(kafka, sender), find(known, ids[0]), statement, asked)
        return
    selection = select_by_id(known, ids) if ids else select_by_filter(known, wanted)
    echo("\n".join(_plan(selection, statement, shown_length(known))), err=asked.as_json)
    _confirm(len(selection.chosen), yes=asked.yes)
    _send_several(AckChannel(kafka, sender), selection.chosen, statement, asked)


def _sender_of(settings: AckSettings, organisation: str) -> str:
    """The organisation on whose topic it is sent; empty for the plain topic.

    Raises:
        click.UsageError: The site has organisations, this is none of them, and the plain topic counts for nothing.
    """
    if organisation in settings.organisations:
        return organisation
    if settings.takes_plain_topic:
        return ""
    allowed = ", ".join(settings.organisations)
    raise click.UsageError(
        f"--organisation {organisation!r} has no topic here; [acknowledgements] organisations has {allowed}"
    )


def _check(ids: Sequence[str], wanted: IncidentFilter, asked: AckOptions) -> None:
    """Refuse what cannot be meant.

    Raises:
        click.UsageError: It cannot.
    """
    if bool(ids) is not wanted.is_empty:
        raise click.UsageError(
            "name either incidents by ID or a filter: --zone --hazard --grade --state --device"
        )
    if wanted.grade is Grade.RED:
        raise click.UsageError("red is never acted on by filter: look at each, and name it by ID")
    if asked.revision is not None and len(ids) != 1:
        raise click.UsageError(
            "--revision goes with one ID; of several the revisions that are shown are sent"
        )


def _confirm(count: int, *, yes: bool) -> None:
    """Ask whether the plan that was shown is meant.

    Raises:
        click.UsageError: There is no terminal to ask at.
        click.Abort: It is not meant.
    """
    if yes:
        return
    if not sys.stdin.isatty():
        raise click.UsageError("nothing was sent: there is no terminal to ask at, and --yes was not given")
    if not click.confirm(f"Send this for {count} incidents?", err=True):
        echo("nothing was sent", err=True)
        raise click.Abort


def _send_one(channel: AckChannel, alert: Alert, statement: Statement, asked: AckOptions) -> None:
    """Send the acknowledgement of one incident and show the answer.

    Raises:
        AckRejected, AnswerMissing: As `send_acks`.
    """
    at = now_ms()
    said = acknowledgement_of(alert, statement, at, revision=asked.revision, ack_id=asked.ack_id)
    older = "" if said.revision == alert.revision else f"; revision {said.revision} is sent"
    echo(f"{statement_line(statement)}: {subject_line(alert, at)}{older}", err=asked.as_json)
    if not asked.wait_s:
        channel.send([said])
        echo(f"sent as {said.ack_id}, nobody waits for the answer", err=asked.as_json)
        return
    result = send_by(channel, said, asked.wait_s, is_repeat=asked.ack_id is not None)
    if asked.as_json:
        echo_json(result)
    if result.outcome is not AckOutcome.ACCEPTED:
        raise AckRejected(answer_line(result))
    if not asked.as_json:
        echo(answer_line(result))


def _send_several(
    channel: AckChannel, alerts: Sequence[Alert], statement: Statement, asked: AckOptions
) -> None:
    """Send the acknowledgements of several incidents together and show the answers.

    Raises:
        AckRejected, AnswerMissing: As `send_acks`.
    """
    at = now_ms()
    batch = asked.ack_id or batch_id(statement, at)
    sent = list(acknowledgements_of(alerts, statement, at, batch))
    echo(f"sending {len(sent)} acknowledgements as batch {batch}", err=asked.as_json)
    if not asked.wait_s:
        channel.send(sent)
        echo("sent, nobody waits for the answers", err=asked.as_json)
        return
    results = []
    for result in exchange(channel, sent, asked.wait_s, is_repeat=asked.ack_id is not None):
        results.append(result)
        if asked.as_json:
            echo_json(result)
        else:
            echo(answer_line(result))
    for line in _unanswered(sent, results):
        echo(line, err=asked.as_json)
    _sum_up(tally_of(results, len(sent)), batch, asked)


def _unanswered(sent: Sequence[Acknowledgement], results: Sequence[AckResult]) -> list[str]:
    answered = {result.ack_id for result in results}
    return [printable(f"{ack.incident_id}: no answer") for ack in sent if ack.ack_id not in answered]


def _sum_up(tally: Tally, batch: str, asked: AckOptions) -> None:
    """Print the summary.

    Raises:
        AckRejected, AnswerMissing: As `send_acks`; the text is the summary.
    """
    text = str(tally)
    if tally.unanswered:
        text += (
            f": none came for {asked.wait_s:g} s. Are alarms and fusion at work? Look at the incidents, or say the "
            f"same again with --ack-id {batch}; each counts once"
        )
    if tally.rejected:
        raise AckRejected(text)
    if tally.unanswered:
        raise AnswerMissing(text)
    echo(text, err=asked.as_json)


def _plan(selection: Selection, statement: Statement, length: int) -> list[str]:
    """What is about to be done: the statement, each incident, and what matches and is left out."""
    now = now_ms()
    lines = [f"{statement_line(statement)}:"]
    lines += aligned([PLAN_HEADINGS, *(plan_row(alert, now, length) for alert in selection.chosen)])
    if selection.left_out:
        lines.append("left out, since a red is acted on by ID only:")
        lines += aligned([plan_row(alert, now, length) for alert in selection.left_out])
    return lines
