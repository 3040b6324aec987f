"""An incident with all of its details as lines of a terminal, and the answer to an acknowledgement.

Text that a device, an operator or another program may have written goes through `printable`.
"""

from collections.abc import Iterable, Iterator
from typing import Final

from callbox.incidents.rows import due_text
from callbox.terminal.printable import printable
from callbox.terminal.times import format_span, format_time
from schemas.ack import NAME_LENGTH, NOTE_LENGTH, AckResult
from schemas.alert import Alert
from schemas.enums import IncidentState, Reason
from schemas.units import EpochMs

REJECTIONS: Final[dict[Reason, str]] = {
    Reason.UNKNOWN_INCIDENT: "fusion knows no such incident",
    Reason.INCIDENT_OVER: "it has ended",
    Reason.ACK_TOO_OLD: "it was too long on its way, or the clock of this machine is behind",
    Reason.OUTDATED_REVISION: "something has joined it since the revision that was shown: look at it once more",
    Reason.REVISION_NOT_OUT: "no alert with that revision is out yet: callbox incidents show ID",
    Reason.NOT_POSSIBLE_NOW: "that cannot be said of it now",
    Reason.REASON_MISSING: "it needs a reason: --reason",
    Reason.DISPOSITION_MISSING: "it needs a disposition: callbox incidents close ID --disposition D",
    Reason.GRADE_MISSING: "it needs a grade: --grade",
    Reason.NEVER_FOR_GRADE: "not with this grade: see callbox policy show",
    Reason.TOO_LONG: "longer than the policy allows: see callbox policy show",
    Reason.UNKNOWN_ACTION: "the fusion that runs does not know this action",
    Reason.ACTOR_MISSING: "it names nobody who says it: --actor and --organisation",
    Reason.NOTE_MISSING: "it needs a text: callbox incidents note ID TEXT",
    Reason.NOTE_TOO_LONG: f"a note has at most {NOTE_LENGTH} characters",
    Reason.REVISION_MISSING: "it names no revision that was shown: --revision",
    Reason.NOT_IN_CHAIN: "your organisation is not asked about it, now or later: see its chain",
    Reason.ORGANISATION_NOT_VOUCHED: (
        "the site takes acknowledgements on the topics of its organisations only: --organisation"
    ),
    Reason.UNUSABLE_TEXT: f"an id or a name has more than {NAME_LENGTH} characters, or an id control characters",
}
"""What a rejection means to the operator who typed the command."""

WAITING: Final[dict[Reason, str]] = {
    Reason.SECOND_PERSON_WANTED: "nothing is done until another person says the same: see the incident for how long",
}
"""What has been taken and is not done yet."""


def incident_details(alert: Alert, now: EpochMs) -> list[tuple[str, str]]:
    """Everything about an incident: a label and a text for each line; the label is empty on a continued line."""
    fields = [
        *_what(alert),
        *_where(alert),
        *_when(alert, now),
        *_texts(alert),
        *_sources(alert),
        *_rest(alert),
    ]
    return [(label, printable(text)) for label, text in fields]


def answer_line(result: AckResult) -> str:
    """The answer to an acknowledgement as one line."""
    text = f"{result.incident_id}: {result.outcome}: {result.reason}"
    if (words := (REJECTIONS | WAITING).get(result.reason)) is not None:
        text += f": {words}"
    if result.state is not IncidentState.UNKNOWN:
        text += f"; the incident is {result.state}"
    return printable(text)


def _what(alert: Alert) -> Iterator[tuple[str, str]]:
    yield "incident", alert.incident_id
    yield "grade", f"{alert.grade}, {alert.urgency}, verification {alert.verification_level} of 4"
    yield "state", f"{alert.state} after {alert.action} ({alert.reason}), revision {alert.revision}"
    yield "status", str(alert.status)
    yield "hazard", f"{alert.hazard} ({', '.join(alert.categories)})"
    if alert.confidence is not None:
        yield "confidence", f"{alert.confidence:.3f}"
    marks = [name for name in ("late", "clock_suspect", "flapping") if getattr(alert, name)]
    yield from _listed("marks", [", ".join(marks)] if marks else [])
    if alert.press_count:
        yield "presses", str(alert.press_count)


def _where(alert: Alert) -> Iterator[tuple[str, str]]:
    yield "zone", alert.zone
    if alert.position is not None:
        around = "" if alert.uncertainty_m is None else f" ± {alert.uncertainty_m:g} m"
        cell = "" if alert.cell_id is None else f", cell {alert.cell_id}"
        yield "position", f"lon {alert.position.lon:.7f}, lat {alert.position.lat:.7f}{around}{cell}"
    yield "asked", f"{alert.responsible_unit} ({alert.tier})"
    yield from _listed("chain", (f"{link.tier}: {link.unit}" for link in alert.chain))
    if alert.target_response_s is not None:
        yield "target", f"somebody there within {format_span(alert.target_response_s * 1000)}"


def _when(alert: Alert, now: EpochMs) -> Iterator[tuple[str, str]]:
    yield "onset", f"{format_time(alert.onset)} ({format_span(now - alert.onset)} ago)"
    yield "sent", f"{format_time(alert.sent)} ({format_span(now - alert.sent)} ago)"
    deadlines = (("ack due", alert.ack_by), ("next tier", alert.escalate_at), ("ends", alert.expires))
    for label, at in deadlines:
        if at is not None:
            yield label, f"{format_time(at)} ({due_text(at, now)})"


def _texts(alert: Alert) -> Iterator[tuple[str, str]]:
    for text in alert.texts:
        yield from _listed(text.lang, (text.headline, text.description, text.instruction))


def _sources(alert: Alert) -> Iterator[tuple[str, str]]:
    yield from _listed(
        "sources",
        (
            f"{source.feed} {source.device_id}: {source.event_id} at {format_time(source.occurred_at)}"
            for source in alert.sources
        ),
    )
    if alert.source_count > len(alert.sources):
        yield "", f"and {alert.source_count - len(alert.sources)} more"
    yield from _listed(
        "pictures", (f"{media.mime} {media.topic}[{media.partition}]@{media.offset}" for media in alert.media)
    )


def _rest(alert: Alert) -> Iterator[tuple[str, str]]:
    if (hit := alert.hit) is not None:
        yield "hit", f"{hit.entry_id}, {hit.purpose}, case {hit.case_ref}, verified by {hit.verified_by}"
    yield from _listed("related", alert.related_incidents)
    yield from _listed("prior", (f"{prior.alert_id} at {format_time(prior.sent)}" for prior in alert.prior))
    if alert.actor is not None:
        vouched = " (its own topic)" if alert.vouched_organisation else ""
        yield "actor", f"{alert.actor.name}, {alert.actor.organisation}{vouched}; ack id {alert.ack_id}"
    if alert.note is not None:
        yield "note", alert.note
    if alert.disposition is not None:
        yield "ended as", str(alert.disposition)
    yield "decided by", f"policy {alert.policy_version}, fold {alert.fold_version}"


def _listed(label: str, lines: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Lines of which the first carries the label."""
    for number, line in enumerate(lines):
        yield ("" if number else label), line
