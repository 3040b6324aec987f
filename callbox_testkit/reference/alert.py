"""docs/reference/alert.md: every field of an alert, with its type, its words and its place in CAP 1.2."""

from typing import Final

from callbox_testkit.reference.markdown import described, page
from callbox_testkit.reference.record_tables import enumerations_table, enums_in, record_table, records_in
from schemas.alert import Alert

CAP: Final = {
    "alert_id": "`identifier`",
    "incident_id": "`incidents`",
    "sender": "`sender`",
    "sent": "`sent`",
    "onset": "`onset`",
    "expires": "`expires`",
    "status": "`status`",
    "action": "`msgType`: `raise` is Alert, `cancel` is Cancel, any other is Update",
    "prior": "`references`",
    "related_incidents": "`incidents`",
    "hazard": "`event`",
    "categories": "`category`",
    "grade": "`severity`: red is Extreme or Severe, yellow Moderate, blue Minor",
    "urgency": "`urgency`",
    "verification_level": "`certainty`: confirmed by a person Observed, corroborated Likely, single Possible",
    "confidence": "`certainty`",
    "position": "`area`",
    "uncertainty_m": "`area`",
    "cell_id": "`area`",
    "media": "`resource`",
    "texts": "`info`, one for each language",
    "disposition": "`note`",
}
"""OASIS CAP 1.2 (docs/requirements.md, standards); every other field is a `parameter`."""


def alert_page() -> str:
    """The record of the alert topics, and the records inside it."""
    blocks = [
        (
            "The record of `dispatch.alert.v1`, `maintenance.alert.v1`, `dispatch.test-alert.v1` and "
            "`dispatch.incident.v1` (`schemas/avro/alert.avsc`).\nHow to read it, and what null means: "
            "[consume alerts](../consume.md). The third column is where the field belongs in CAP 1.2."
        ),
        record_table(Alert, ("CAP 1.2", CAP)),
    ]
    for record in records_in(Alert):
        words, _ = described(record)
        blocks += [f"## {record.__name__}", words, record_table(record)]
    blocks += [
        "## Enumerations",
        "Each has a default `UNKNOWN`, which a reader sees in place of a value that its schema does not know.",
        enumerations_table(enums_in(Alert)),
    ]
    return page("Alert", *blocks)
