"""Events of devices that no registry names yet: the registry that does may be on its way.

    event of an unknown device ─► held ─► the registry names the device ─► forwarded, in the order in which they came
                                  └─────► nobody has named it for 5 s ───► dead letter, and a notice for the fold
    too many are held already ─► dead letter at once
    a press ─► never here: it raises in the zone `unassigned` at once

`callbox registry apply` writes the log first and the registry after it, and a worker sees the registry a moment later
still. An event that comes in between is none of an unknown device.

Nothing is lost and nothing waits behind it: a held record is kept from being committed (streams/worker/commit_limits),
while its batch and those behind it are processed as ever. After a crash, or in another worker after a rebalance, the
partition is read from the held record on, so that it is decided about once more. What was forwarded meanwhile is
forwarded again, under the same ids. The price is at most 5 s of records that are read twice, and only while a device
sends that nobody has registered.
"""

from collections.abc import Iterable
from typing import Final, NamedTuple

from schemas.fusion_log import PillarFact
from streams.kafka.record import LogRecord
from streams.worker.context import Context

HOLD_S: Final = 5.0
"""Writing 5,000 devices took 0.9 to 1.9 s, the log and the registry together (Apache Kafka 4.1.1, shared cores)."""

MOST_RECORDS: Final = 1_000
MOST_BYTES: Final = 8 << 20


class HeldEvent(NamedTuple):
    """An event that is held.

    Attributes:
        record: Its record, as the client handed it over.
        made: What intake has made of it.
        device_id: The device that it names, as it was sent.
        since: Since when, by the clock for intervals.
    """

    record: LogRecord
    made: PillarFact
    device_id: str
    since: float


class UnregisteredEvents:
    """The events that are held, by device.

    Args:
        context: The worker.
    """

    def __init__(self, context: Context) -> None:
        self._limits, self._clock = context.commit_limits, context.clock
        self._by_device: dict[str, list[HeldEvent]] = {}
        self._records = self._bytes = 0

    @property
    def devices(self) -> list[str]:
        """The devices of which anything is held."""
        return list(self._by_device)

    def hold(self, device_id: str, record: LogRecord, made: PillarFact) -> bool:
        """Hold an event back.

        Returns:
            False when too many are held: it is not held then.
        """
        if self._limits.is_held(record):  # its partition was away and is read again
            return True
        size = len(record.value or b"")
        if self._records >= MOST_RECORDS or self._bytes + size > MOST_BYTES:
            return False
        self._limits.hold(record)
        held = HeldEvent(record, made, device_id, self._clock.monotonic())
        self._by_device.setdefault(device_id, []).append(held)
        self._records, self._bytes = self._records + 1, self._bytes + size
        return True

    def take(self, device_id: str) -> list[HeldEvent]:
        """Take what is held of a device, oldest first. No commit passes it before it is `settled`."""
        if device_id not in self._by_device:  # asked for each event
            return []
        return self._taken(self._by_device.pop(device_id))

    def take_overdue(self) -> list[HeldEvent]:
        """Take what has been held for long enough."""
        before = self._clock.monotonic() - HOLD_S
        due = [held for events in self._by_device.values() for held in events if held.since <= before]
        for device_id in {held.device_id for held in due}:
            left = [held for held in self._by_device.pop(device_id) if held.since > before]
            if left:
                self._by_device[device_id] = left
        return self._taken(due)

    def settled(self, events: Iterable[HeldEvent]) -> None:
        """What follows from these is delivered: commits may pass them."""
        self._limits.release(held.record for held in events)

    def _taken(self, events: list[HeldEvent]) -> list[HeldEvent]:
        self._records -= len(events)
        self._bytes -= sum(len(held.record.value or b"") for held in events)
        return events
