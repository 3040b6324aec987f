"""Plate reads of a listed vehicle beside the presses, and the verification requests that must follow.

plate read ─► plates worker ─► one verification request, recognised by the id that the read determines
"""

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping
from typing import Final

from benchmarks.support.fixtures import listed_vehicle, standing_device
from processors.intake.plate_read import read_id
from schemas.codec import decode, encode
from schemas.enums import DeviceKind, PlateClass, PlateColour
from schemas.feeds import PlateRead
from schemas.hotlist import VerificationRequest
from schemas.ids import fingerprint
from schemas.topics import BY_NAME, HOTLIST, PLATE_READS, REGISTRY
from schemas.units import EpochMs
from streams.kafka.producer import ProducerRecord

ENTRY_ID: Final = "chaos"
TEXT: Final = "京Z99999"
CHECKPOINTS: Final = 8 * BY_NAME[PLATE_READS].partitions
"""Eight a partition: whatever the hash, hardly a partition is without a checkpoint."""


def lists(at: EpochMs) -> Iterator[ProducerRecord]:
    """The registry of the checkpoints, and the hotlist with its one vehicle."""
    for number in range(CHECKPOINTS):
        device = standing_device(_checkpoint(number), DeviceKind.CHECKPOINT, "checkpoints")
        yield ProducerRecord(REGISTRY, device.device_id.encode(), encode(device))
    entry = listed_vehicle(ENTRY_ID, TEXT, at)
    yield ProducerRecord(HOTLIST, ENTRY_ID.encode(), encode(entry))


def plate_read(number: int, at_s: float) -> PlateRead:
    """The plate read that is sent with the press of this number."""
    at = EpochMs(round(at_s * 1000))
    return PlateRead(
        checkpoint_id=_checkpoint(number % CHECKPOINTS),
        occurred_at=at,
        received_at=at,
        event_id=f"read-{number}",
        plate_text=TEXT,
        confidence=0.97,
        plate_class=PlateClass.STANDARD,
        plate_colour=PlateColour.BLUE,
        jurisdiction="CN",
    )


def question_of(read: PlateRead) -> str:
    """The id of the one verification request that must follow from a read."""
    return fingerprint("verification", read.checkpoint_id, read_id(read), ENTRY_ID)


class Questions:
    """Verification requests, as they arrive from the broker.

    Attributes:
        contents: By request id, every content that came under it.
    """

    def __init__(self) -> None:
        self.contents: Mapping[str, set[bytes]] = defaultdict(set)

    def note(self, value: bytes) -> None:
        """Note one request."""
        self.contents[decode(value, VerificationRequest).request_id].add(value)

    def wrong(self, expected: Collection[str]) -> int:
        """How many ids belong to no read, and how many ids have two contents.

        The hotlist is never renewed during a run, so a repeat must have the same bytes.

        Args:
            expected: The ids of the requests that may follow from the reads.
        """
        strange = sum(name not in expected for name in self.contents)
        return strange + sum(len(found) > 1 for found in self.contents.values())


def _checkpoint(number: int) -> str:
    return f"checkpoint-{number}"
