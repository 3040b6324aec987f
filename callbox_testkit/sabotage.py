"""Guarantees broken on purpose, so that the chaos bench is known to see the damage.

shipped agent ─► given a delivery that is late or renames, or a restore that is empty ─► the same agent, broken
                 what a hot agent hands over goes the same way

Nothing of this is in the shipped workers: `callbox_testkit.worker` puts these pieces in the place of theirs.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from enum import StrEnum
from functools import partial
from secrets import token_hex
from typing import Any, Final

import msgspec

from processors.fold.skipping import Skips
from processors.state.partition_state import State, new_state
from schemas.alert import Alert
from schemas.codec import decode, encode
from schemas.topics import ALERTS, FUSION_INPUT, INCIDENTS, MAINTENANCE, TEST_ALERTS
from streams.kafka.batch import Batch
from streams.kafka.producer import ProducerRecord, RecordMetadata
from streams.kafka.reader import BrokerReader
from streams.state.restore import Restored
from streams.worker.agent import MakeAgent
from streams.worker.context import Context, Deliverer
from streams.worker.work import Work

VARIABLE: Final = "CALLBOX_SABOTAGE"
"""Read by `callbox_testkit.worker` only; `callbox worker` takes no notice of it."""

LATE_S: Final = 2.0
"""How long a late delivery waits: longer than the benches' commit interval of 0.5 s, so that a kill finds the batch
committed and its records not delivered."""

ALERT_TOPICS: Final = frozenset({ALERTS, MAINTENANCE, TEST_ALERTS, INCIDENTS})

KEPT_ALERTS: Final = 4_096
"""More than one batch can cause, so that the copy of a renamed alert finds it."""


class Sabotage(StrEnum):
    """What is broken.

    Attributes:
        ACK_BEFORE_DELIVERY: A batch is committed while its records still wait in the process.
        SKIP_RESTORE: A new owner begins with an empty state at the committed offset.
        RANDOM_IDS: Alerts and incidents get ids that no replay can find again.
    """

    ACK_BEFORE_DELIVERY = (
        "ack-before-delivery"  # the name that the bench command takes; what is meant is a commit
    )
    SKIP_RESTORE = "skip-restore"
    RANDOM_IDS = "random-ids"


def requested_sabotage(environment: Mapping[str, str]) -> Sabotage | None:
    """What the environment asks for.

    Raises:
        ValueError: It asks for something that is not known.
    """
    name = environment.get(VARIABLE)
    return Sabotage(name) if name else None


def sabotaged(make_agent: Callable[..., Any], sabotage: Sabotage) -> MakeAgent:
    """Make the shipped agent, but give it the piece that breaks the guarantee."""

    def make(context: Context) -> Any:
        match sabotage:
            case Sabotage.ACK_BEFORE_DELIVERY:
                late = LateDelivery(context.delivery)
                agent = make_agent(replace(context, delivery=late))
                return _Diverted(agent, partial(_LateWork, late, context)) if context.spec.is_hot else agent
            case Sabotage.RANDOM_IDS:
                renaming = RenamingDelivery(context.delivery)
                agent = make_agent(replace(context, delivery=renaming))
                return _Diverted(agent, partial(_RenamedWork, renaming)) if context.spec.is_hot else agent
            case Sabotage.SKIP_RESTORE if FUSION_INPUT in context.spec.reads:
                return make_agent(context, restore=empty_state)
            case Sabotage.SKIP_RESTORE:  # no other agent has a state
                return make_agent(context)

    return make


class LateDelivery:
    """Returns before anything is sent, as if it were delivered; sends it `late_s` later."""

    def __init__(self, delivery: Deliverer, late_s: float = LATE_S) -> None:
        self._delivery, self._late_s = delivery, late_s
        self._sending: set[asyncio.Task[None]] = set()

    async def begin(self, records: Sequence[ProducerRecord]) -> "asyncio.Future[list[RecordMetadata]]":
        """Promise it; nobody knows yet where the records will lie."""
        sending = asyncio.create_task(self.send_late(list(records)))
        self._sending.add(sending)
        sending.add_done_callback(self._sending.discard)
        promised: asyncio.Future[list[RecordMetadata]] = asyncio.get_running_loop().create_future()
        promised.set_result([])
        return promised

    async def deliver(self, records: Sequence[ProducerRecord]) -> list[RecordMetadata]:
        """Promise it, as `begin`."""
        return await (await self.begin(records))

    async def send_late(self, records: Sequence[ProducerRecord]) -> None:
        """Send it when it is too late."""
        await asyncio.sleep(self._late_s)
        await self._delivery.deliver(records)


class RenamingDelivery:
    """Delivers each alert under an alert id and an incident id of chance; its copy for the incident topic is equal."""

    def __init__(self, delivery: Deliverer) -> None:
        self._delivery = delivery
        self._renamed: dict[bytes, tuple[bytes, bytes]] = {}
        """The latest keys and values, by the value before: a copy may be handed over after its alert."""

    async def begin(self, records: Sequence[ProducerRecord]) -> "asyncio.Future[list[RecordMetadata]]":
        """Hand them over, renamed."""
        return await self._delivery.begin([self.replaced(record) for record in records])

    async def deliver(self, records: Sequence[ProducerRecord]) -> list[RecordMetadata]:
        """Deliver them, renamed."""
        return await self._delivery.deliver([self.replaced(record) for record in records])

    def replaced(self, record: ProducerRecord) -> ProducerRecord:
        """The record, or an alert under other ids."""
        if record.topic not in ALERT_TOPICS or record.value is None:
            return record
        if record.topic != INCIDENTS or record.value not in self._renamed:
            self._renamed[record.value] = _renamed(record.value)
            while len(self._renamed) > KEPT_ALERTS:
                del self._renamed[next(iter(self._renamed))]
        key, value = self._renamed[record.value]
        return record._replace(key=key, value=value)


class _Diverted:
    """A hot agent whose work is another one; everything else is the shipped one's."""

    def __init__(self, agent: Any, divert: Callable[[Work], Any]) -> None:
        self._agent, self._divert = agent, divert

    def process(self, batch: Batch, work: Work) -> None:
        """Process the batch; what follows goes another way."""
        self._agent.process(batch, self._divert(work))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._agent, name)


class _DivertedWork:
    """Some of what is asked of a work; the rest is the real one's."""

    def __init__(self, work: Work) -> None:
        self._work = work

    def __getattr__(self, name: str) -> Any:
        return getattr(self._work, name)


class _LateWork(_DivertedWork):
    """Counts nothing as under way, so that its batch is done at once."""

    def __init__(self, late: LateDelivery, context: Context, work: Work) -> None:
        super().__init__(work)
        self._late, self._context = late, context

    def hand_over(self, records: Sequence[ProducerRecord]) -> None:
        """Promise it."""
        self._context.spawn(self._late.send_late(list(records)))


class _RenamedWork(_DivertedWork):
    """Hands alerts over under other ids."""

    def __init__(self, renaming: RenamingDelivery, work: Work) -> None:
        super().__init__(work)
        self._renaming = renaming

    def hand_over(self, records: Sequence[ProducerRecord]) -> None:
        """Hand them over, renamed."""
        self._work.hand_over([self._renaming.replaced(record) for record in records])


def _renamed(value: bytes) -> tuple[bytes, bytes]:
    """Key and value of an alert under other ids."""
    alert = decode(value, Alert)
    incident_id = f"{alert.zone}-{token_hex(13)}"
    alert = msgspec.structs.replace(alert, alert_id=token_hex(13), incident_id=incident_id)
    return incident_id.encode(), encode(alert)


def empty_state(
    _reader: BrokerReader, partition: int, partitions: int, committed: int, _in_hand: State | None = None
) -> Restored:
    """Stands for `streams.state.restore.restore`: nothing is read, the state at the committed offset is empty."""
    state = new_state(partition, partitions)
    state.offset = committed
    return Restored(state, topic_id="", broken=None, skips=Skips())
