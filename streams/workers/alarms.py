"""Alarms: pillar events and acknowledgements go into the log, and never wait for a picture.

alarm.pillar-event.v1 ─► intake ─► fusion.input.v1 (key = zone)
dispatch.ack.v1 ───────► zone ───► fusion.input.v1, in a stream of its own: no press waits behind it
once a second: the partitions of the pillar feed that are caught up ─► every partition of fusion.input.v1
"""

import asyncio
from collections.abc import Sequence
from typing import Any

import structlog

from processors.intake.ack import ack_input
from processors.intake.pillar_event import bare_press, intake, to_input
from schemas.ack import Acknowledgement
from schemas.codec import decode
from schemas.enums import Feed, InputKind, PillarKind
from schemas.errors import Cause, DecodeError
from schemas.feeds import PillarEvent
from schemas.fusion_log import DeadLetterNotice
from schemas.ids import fingerprint
from schemas.registry import UNASSIGNED_ZONE, RegistryDevice
from schemas.topics import ACKS, PILLAR_EVENTS, REGISTRY
from schemas.units import EpochMs
from streams.faust.batching import Batch, as_log_record
from streams.kafka.producer import ProducerRecord
from streams.worker.context import Context
from streams.worker.log_writer import fact, forward
from streams.workers.watermarks import Watermarks

log = structlog.get_logger(__name__)

ACKS_AT_ONCE = 20
"""Delivered together: about a millisecond of work."""

ACKS_PAUSE_S = 0.005
"""Between two deliveries, so that presses have most of the CPU while a backlog of acknowledgements is read (2,000 take
a second). On its way a press is handed over about ten times, and each time it would wait for a delivery of these."""


class AlarmsAgent:
    """Gives every event its id, its times and its zone, and every acknowledgement its zone.

    Args:
        context: The worker.
    """

    def __init__(self, context: Context) -> None:
        self._context = context
        self._registry = context.table(REGISTRY, RegistryDevice)
        self._watermarks = Watermarks(context, Feed.PILLARS, PILLAR_EVENTS)

    async def start(self) -> None:
        """Read the site registry: before that a known pillar would look unknown."""
        await self._registry.start()

    async def process(self, batches: Sequence[Batch]) -> None:
        """Decode, decide, deliver."""
        if batches[0][0].topic == ACKS:
            await self._forward_acks(batches)
            return
        outgoing: list[ProducerRecord] = []
        for batch in batches:
            for record in batch:
                try:
                    outgoing.append(self._forward(record))
                except DecodeError as error:
                    outgoing += self._reject_event(record, error)
                except Exception as error:  # one record must not hold up the presses behind it for ever
                    log.exception("event.failed", partition=record.partition, offset=record.offset)
                    outgoing += self._rescue(record, error)
        await self._context.delivery.deliver(outgoing)

    async def every_second(self) -> None:
        """Follow the registry, and report how far the feed is."""
        await self._registry.refresh()
        await self._watermarks.report()

    def _forward(self, record: Any) -> ProducerRecord:
        event = decode(record.value, PillarEvent)
        device = self._registry.get(event.device_id)
        if device is None and event.kind is not PillarKind.PRESS:
            raise DecodeError(f"no registry names device {event.device_id!r}", Cause.UNKNOWN_DEVICE)
        zone = UNASSIGNED_ZONE if device is None else device.zone
        return forward(to_input(intake(event, EpochMs(record.timestamp)), zone))

    async def _forward_acks(self, batches: Sequence[Batch]) -> None:
        """Forward acknowledgements, a few at a time, so that presses go first."""
        records = [record for batch in batches for record in batch]
        for start in range(0, len(records), ACKS_AT_ONCE):
            if start:
                await asyncio.sleep(ACKS_PAUSE_S)
            few = records[start : start + ACKS_AT_ONCE]
            await self._context.delivery.deliver([self._ack(record) for record in few])

    def _ack(self, record: Any) -> ProducerRecord:
        try:
            ack = decode(record.value, Acknowledgement)
            return forward(ack_input(ack, EpochMs(record.timestamp)))
        except DecodeError as error:
            return self._reject(record, error)
        except Exception as error:  # one record must not hold up those behind it for ever
            log.exception("ack.failed", partition=record.partition, offset=record.offset)
            return self._reject(record, DecodeError(type(error).__name__, Cause.PROCESSING_FAILED))

    def _rescue(self, record: Any, error: Exception) -> list[ProducerRecord]:
        """Our own code failed on the event: a press goes to the log all the same (requirement 8a)."""
        event = decode(record.value, PillarEvent)
        if event.kind is PillarKind.PRESS:
            place = f"{record.topic}/{record.partition}/{record.offset}"
            press = bare_press(event, EpochMs(record.timestamp), place=place)
            return [forward(to_input(press, UNASSIGNED_ZONE))]
        return self._reject_event(record, DecodeError(type(error).__name__, Cause.PROCESSING_FAILED))

    def _reject_event(self, record: Any, error: DecodeError) -> list[ProducerRecord]:
        """A dead letter of the pillar topic may have been a press: the control room gets a report (requirement 8a)."""
        topic, partition, offset = record.topic, record.partition, record.offset
        notice = DeadLetterNotice(
            feed=Feed.PILLARS,
            topic=topic,
            partition=partition,
            offset=offset,
            cause=error.cause,
            at=EpochMs(record.timestamp),
        )
        name = fingerprint("dead-letter", topic, partition, offset)
        return [
            self._reject(record, error),
            fact(InputKind.DEAD_LETTER, name, UNASSIGNED_ZONE, notice),
        ]

    def _reject(self, record: Any, error: DecodeError) -> ProducerRecord:
        return self._context.reject(as_log_record(record), error.cause, str(error))
