"""What the fold answers: one input, one decision with one reason."""

import msgspec

from schemas.ack import AckResult
from schemas.alert import Alert
from schemas.enums import Reason
from schemas.units import EpochMs


class Decision(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What was decided about one input, or about one timer that was due.

    Attributes:
        reason: Why, from a closed list: safe as a metric label.
        alerts: What goes out, in order.
        result: The answer to an acknowledgement, or None.
        event_id: The input's; empty where it could not be read.
        received_at: When the fact was received, for the time from press to alert; None where there is no such time.
        detail: For the log: which field, which error. Never a record's content.
    """

    reason: Reason
    alerts: tuple[Alert, ...] = ()
    result: AckResult | None = None
    event_id: str = ""
    received_at: EpochMs | None = None
    detail: str | None = None
