"""What a person says about one or more incidents, and the acknowledgements that it becomes.

The id of an acknowledgement is made from its content. One statement about many incidents has an id of its own, its
batch, from which the ids of its acknowledgements are made: said again as the same batch, each of them counts once.
"""

from collections.abc import Iterable, Iterator

import msgspec

from callbox.terminal.printable import printable
from callbox.terminal.times import format_span
from schemas.ack import Acknowledgement, Actor
from schemas.alert import Alert
from schemas.enums import AckAction, AckReason, Disposition, Grade
from schemas.ids import fingerprint
from schemas.units import SECOND_MS, EpochMs


class Statement(msgspec.Struct, frozen=True, kw_only=True):
    """What is said, without the incident that it is said of.

    Attributes:
        action: What is done.
        actor: Who does it.
        reason: Why, or None.
        disposition: How it ended, or None.
        shelve_s: For how long it is shelved, seconds, or None.
        grade: The new grade, or None.
        note: What the person adds, or None.
    """

    action: AckAction
    actor: Actor
    reason: AckReason | None = None
    disposition: Disposition | None = None
    shelve_s: int | None = None
    grade: Grade | None = None
    note: str | None = None


def statement_line(statement: Statement) -> str:
    """What is said, in one line."""
    parts = [
        str(statement.action),
        "" if statement.reason is None else f"reason {statement.reason}",
        "" if statement.disposition is None else f"disposition {statement.disposition}",
        "" if statement.shelve_s is None else f"for {format_span(statement.shelve_s * SECOND_MS)}",
        "" if statement.grade is None else f"new grade {statement.grade}",
        "" if statement.note is None else f'note "{statement.note}"',
        f"by {statement.actor.name} ({statement.actor.organisation})",
    ]
    return printable(", ".join(part for part in parts if part))


def acknowledgement_of(
    alert: Alert, statement: Statement, at: EpochMs, *, revision: int | None = None, ack_id: str | None = None
) -> Acknowledgement:
    """The acknowledgement of one incident.

    Args:
        alert: Its newest alert, as it was shown; its revision is sent.
        statement: What is said.
        at: When.
        revision: Sent in place of the alert's.
        ack_id: Its id, if it is said again; else the id is made from the content.
    """
    said = (statement.action, statement.actor.name, statement.actor.organisation, at)
    return Acknowledgement(
        ack_id=ack_id or fingerprint(alert.incident_id, *said),
        incident_id=alert.incident_id,
        at=at,
        revision=revision or alert.revision,
        **{name: getattr(statement, name) for name in statement.__struct_fields__},
    )


def batch_id(statement: Statement, at: EpochMs) -> str:
    """The id of a statement about several incidents."""
    return fingerprint("batch", statement.action, statement.actor.name, statement.actor.organisation, at)


def acknowledgements_of(
    alerts: Iterable[Alert], statement: Statement, at: EpochMs, batch: str
) -> Iterator[Acknowledgement]:
    """The acknowledgements of several incidents, each with the revision that was shown.

    Args:
        alerts: Their newest alerts, as they were shown.
        statement: What is said of all of them.
        at: When.
        batch: From it, the action and the incident the ids are made: another action in the same batch is no repeat.
    """
    for alert in alerts:
        ack_id = fingerprint(batch, statement.action, alert.incident_id)
        yield acknowledgement_of(alert, statement, at, ack_id=ack_id)
