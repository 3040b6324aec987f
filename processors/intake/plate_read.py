"""Intake of plate readers: an id, times and a confidence that may go out in the question to a person."""

from msgspec.structs import replace

from processors.intake.pillar_event import replaced_receipt, trusted_times
from schemas.feeds import PlateRead
from schemas.ids import bounded_id, fingerprint
from schemas.units import EpochMs


def bounded_read(read: PlateRead, appended_at: EpochMs, *, place: str = "") -> PlateRead:
    """The read with an id and times that may go out.

    Args:
        read: The read as the gateway sent it; the registry names its checkpoint.
        appended_at: When the broker appended it.
        place: Its topic, partition and offset (`record_place`); a part of a derived id
            where received_at is impossible.

    Returns:
        The read with an id (`read_id`), with possible times (`trusted_times`), and with a confidence from 0 to 1 or
        none. Doing it twice changes nothing.
    """
    confidence = read.confidence
    if confidence is not None and not 0 <= confidence <= 1:  # NaN, infinite, or a percentage
        confidence = None
    occurred_at, received_at, _ = trusted_times(read.occurred_at, read.received_at, appended_at)
    return replace(
        read,
        event_id=read_id(read, replaced_receipt(read.received_at, appended_at, place)),
        occurred_at=occurred_at,
        received_at=received_at,
        confidence=confidence,
    )


def read_id(read: PlateRead, receipt: tuple[str, ...] = ()) -> str:
    """The read's own id, or one made from checkpoint and times, never from the plate.

    Args:
        read: The read as the gateway sent it.
        receipt: What tells it from others where its received_at is impossible (`replaced_receipt`).
    """
    if read.event_id:
        return bounded_id(read.event_id)
    return fingerprint("plate-read", read.checkpoint_id, read.occurred_at, read.received_at, *receipt)
