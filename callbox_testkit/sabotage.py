"""Guarantees broken on purpose, so that the chaos bench is known to see the damage.

shipped agent ─► given a delivery that is late or renames, or a restore that is empty ─► the same agent, broken

Nothing of this is in the shipped workers: `callbox_testkit.worker` puts these pieces in the place of theirs.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from enum import StrEnum
from secrets import token_hex
from typing import Final

import msgspec

from processors.state.partition_state import State, new_state
from schemas.alert import Alert
from schemas.codec import decode, encode
from schemas.topics import ALERTS, FUSION_INPUT, INCIDENTS, MAINTENANCE, TEST_ALERTS
from streams.kafka.producer import ProducerRecord, RecordMetadata
from streams.kafka.reader import BrokerReader
from streams.state.restore import Restored
from streams.worker.agent import Agent, MakeAgent
from streams.worker.context import Context, Deliverer

VARIABLE: Final = "CALLBOX_SABOTAGE"
"""Read by `callbox_testkit.worker` only; `callbox worker` takes no notice of it."""

LATE_S: Final = 2.0
"""How long a late delivery waits: longer than the benches' commit interval of 0.5 s, so that a kill finds the batch
committed and its records not delivered."""

ALERT_TOPICS: Final = frozenset({ALERTS, MAINTENANCE, TEST_ALERTS, INCIDENTS})


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


def sabotaged(make_agent: Callable[..., Agent], sabotage: Sabotage) -> MakeAgent:
    """Make the shipped agent, but give it the piece that breaks the guarantee."""

    def make(context: Context) -> Agent:
        match sabotage:
            case Sabotage.ACK_BEFORE_DELIVERY:
                return make_agent(replace(context, delivery=LateDelivery(context.delivery)))
            case Sabotage.RANDOM_IDS:
                return make_agent(replace(context, delivery=RenamingDelivery(context.delivery)))
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

    async def deliver(self, records: Sequence[ProducerRecord]) -> list[RecordMetadata]:
        """Promise it; nobody knows yet where the records will lie."""
        sending = asyncio.create_task(self._send(list(records)))
        self._sending.add(sending)
        sending.add_done_callback(self._sending.discard)
        return []

    async def _send(self, records: Sequence[ProducerRecord]) -> None:
        await asyncio.sleep(self._late_s)
        await self._delivery.deliver(records)


class RenamingDelivery:
    """Delivers each alert under an alert id and an incident id of chance."""

    def __init__(self, delivery: Deliverer) -> None:
        self._delivery = delivery

    async def deliver(self, records: Sequence[ProducerRecord]) -> list[RecordMetadata]:
        """Deliver; the copies of one alert, such as that of the incident topic, stay equal."""
        renamed: dict[bytes, ProducerRecord] = {}
        outgoing = []
        for record in records:
            if record.topic in ALERT_TOPICS and record.value is not None:
                if record.value not in renamed:
                    renamed[record.value] = _renamed(record, record.value)
                outgoing.append(renamed[record.value]._replace(topic=record.topic))
            else:
                outgoing.append(record)
        return await self._delivery.deliver(outgoing)


def _renamed(record: ProducerRecord, value: bytes) -> ProducerRecord:
    alert = decode(value, Alert)
    incident_id = f"{alert.zone}-{token_hex(13)}"
    alert = msgspec.structs.replace(alert, alert_id=token_hex(13), incident_id=incident_id)
    return record._replace(key=incident_id.encode(), value=encode(alert))


def empty_state(
    _reader: BrokerReader, partition: int, partitions: int, committed: int, _in_hand: State | None = None
) -> Restored:
    """Stands for `streams.state.restore.restore`: nothing is read, the state at the committed offset is empty."""
    state = new_state(partition, partitions)
    state.offset = committed
    return Restored(state, topic_id="", broken=None)
