"""Alarms: pillar events and acknowledgements go into the log, and never wait for a picture.

alarm.pillar-event.v1[.GATEWAY] ─► source, intake ─► fusion.input.v1 (key = zone), one gateway after the other
    no registry names the device: a press ─► zone unassigned; else held for 5 s ─► forwarded, or a dead letter
dispatch.ack.v1[.ORGANISATION] ─► sender, zone ─► fusion.input.v1
    in a stream of their own, one organisation after the other: no press waits behind them, nor one behind another's
once a second: the partitions of the pillar feed that are caught up ─► every partition of fusion.input.v1

Pillar events are decided about in the thread that consumes them; it alone looks at the registry and at what is held.
Acknowledgements are decided about in the thread that consumes those, and it shares nothing with the other.
"""

from collections.abc import Iterable, Sequence
from functools import partial

import structlog

from processors.intake.ack import AckSender, ack_input
from processors.intake.pillar_event import bare_press, intake, record_place, to_input
from schemas.ack import Acknowledgement
from schemas.codec import decode
from schemas.enums import Feed, InputKind, PillarKind
from schemas.errors import CallboxError, Cause, DecodeError
from schemas.feeds import PillarEvent
from schemas.fusion_log import DeadLetterNotice
from schemas.ids import bounded_id, fingerprint
from schemas.registry import UNASSIGNED_ZONE, RegistryDevice
from schemas.topics import ACKS, REGISTRY, ack_topic, gateway_of
from streams.kafka.batch import Batch
from streams.kafka.producer import ProducerRecord
from streams.kafka.record import LogRecord
from streams.worker.context import Context
from streams.worker.log_writer import fact, forward
from streams.worker.quarantine import may_be_looked_at, quarantine
from streams.worker.settings import AckSettings
from streams.worker.work import Work
from streams.workers.unregistered_events import HeldEvent, UnregisteredEvents
from streams.workers.watermarks import Watermarks

log = structlog.get_logger(__name__)

LOOK_AGAIN_S = 0.2
"""How often the registry is looked at for a device that it does not name, besides once a second."""


class AlarmsAgent:
    """Gives every event its id, its times and its zone, and every acknowledgement its zone.

    Args:
        context: The worker.
    """

    def __init__(self, context: Context) -> None:
        self._context = context
        self._registry = context.table(REGISTRY, RegistryDevice)
        self._unregistered = UnregisteredEvents(context)
        self._gateways = _gateways(context.spec.reads)
        self._watermarks = [Watermarks(context, Feed.PILLARS, topic) for topic in self._gateways]
        self._senders = _senders(context.spec.acknowledgements)

    async def start(self) -> None:
        """Read the site registry: before that a known pillar would look unknown."""
        await self._registry.start()

    def process(self, batch: Batch, work: Work) -> None:
        """Decode, decide, hand over, in slices."""
        if (sender := self._senders.get(batch.topic)) is not None:
            work.hand_over([self._ack(record, sender) for record in batch])
            return
        named: list[HeldEvent] = []
        outgoing: list[ProducerRecord] = []
        try:
            for record in batch:
                outgoing += self._decide(record, named)
                if work.slice_is_over:
                    work.hand_over(outgoing)
                    outgoing = []
                    work.assert_not_failed()
                    work.send()
        finally:  # what was decided goes out, whatever the next record does
            work.hand_over(outgoing)
        if named:
            work.when_delivered(partial(self._unregistered.settled, named))

    def quarantine(self, batch: Batch, work: Work) -> None:
        """Pass a record of which workers have died; a press is heard all the same, as far as anybody may look."""
        for record in batch:
            work.hand_over(quarantine(self._context, record, batch.deaths))
            if batch.topic in self._gateways and may_be_looked_at(batch.deaths):
                work.hand_over(self._press_in(record))

    def _press_in(self, record: LogRecord) -> list[ProducerRecord]:
        try:
            event = decode(record.value, PillarEvent)
            if event.kind is not PillarKind.PRESS:
                return []
            return [self._bare(event, record)]
        except Exception:  # it has killed three workers: there is a reason
            log.exception("event.failed", partition=record.partition, offset=record.offset)
            return []

    def punctuate(self, work: Work) -> None:
        """Follow the registry, and decide about what was held back."""
        _, dead_letters = self._registry.look()
        work.hand_over(dead_letters)
        self._decide_about_held(work)

    async def every_second(self) -> None:
        """Report how far the feed is."""
        for each in self._watermarks:
            await each.report()

    def clocks_agree(self) -> bool:
        """Our clock is the broker's, by the watermarks that were delivered last."""
        return all(each.clocks_agree() for each in self._watermarks)

    def _decide(self, record: LogRecord, named: list[HeldEvent]) -> list[ProducerRecord]:
        """What goes out for an event, whatever is wrong with it; `named` as of `_accept`."""
        try:
            return self._accept(record, named)
        except DecodeError as error:
            return self._reject_event(record, error, _device_id_of(record))
        except CallboxError:  # the registry cannot be read: the process stops
            raise
        except Exception as error:  # one record must not hold up the presses behind it for ever
            log.exception("event.failed", partition=record.partition, offset=record.offset)
            return self._rescue(record, error)

    def _accept(self, record: LogRecord, named: list[HeldEvent]) -> list[ProducerRecord]:
        """What goes out for an event.

        Args:
            record: The event's.
            named: Gets the events that were held back and go out with it, because their device is known now.

        Returns:
            What goes out, with the dead letters of registry records that were read on the way.
        """
        event = decode(record.value, PillarEvent)
        self._context.unreadable.note_read(record.topic)
        # Only an id that has to be derived may need the place, and most events bring theirs.
        place = "" if event.event_id else _place(record)
        made = intake(event, record.timestamp_ms, place=place, source=self._gateways[record.topic])
        dead_letters: list[ProducerRecord] = []
        device = self._registry.get(event.device_id)
        if device is None:
            # It takes what the client has fetched by now: no press waits for a broker here.
            _, dead_letters = self._registry.look(interval_s=LOOK_AGAIN_S)
            device = self._registry.get(event.device_id)
        if device is not None:
            this = forward(to_input(made, device.zone))
            held = self._unregistered.take(event.device_id)
            if not (held or dead_letters):
                return [this]
            named += held
            return [*dead_letters, *_forwarded(held, device), this]
        if event.kind is PillarKind.PRESS:
            return [*dead_letters, forward(to_input(made, UNASSIGNED_ZONE))]
        if self._unregistered.hold(event.device_id, record, made):
            return dead_letters
        return [*dead_letters, *self._reject_event(record, _unknown(event.device_id), event.device_id)]

    def _decide_about_held(self, work: Work) -> None:
        """Forward what was held of devices that the registry names now, and give up what was held for too long."""
        outgoing: list[ProducerRecord] = []
        decided: list[HeldEvent] = []
        for device_id in self._unregistered.devices:
            if (device := self._registry.get(device_id)) is not None:
                held = self._unregistered.take(device_id)
                outgoing += _forwarded(held, device)
                decided += held
        for overdue in self._unregistered.take_overdue():
            outgoing += self._reject_event(overdue.record, _unknown(overdue.device_id), overdue.device_id)
            decided.append(overdue)
        work.hand_over(outgoing)
        if decided:
            work.when_delivered(partial(self._unregistered.settled, decided))

    def _ack(self, record: LogRecord, sender: AckSender) -> ProducerRecord:
        try:
            ack = decode(record.value, Acknowledgement)
            self._context.unreadable.note_read(record.topic)
            return forward(ack_input(ack, record.timestamp_ms, sender))
        except DecodeError as error:
            return self._reject(record, error)
        except Exception as error:  # one record must not hold up those behind it for ever
            log.exception("ack.failed", partition=record.partition, offset=record.offset)
            return self._reject(record, DecodeError(type(error).__name__, Cause.PROCESSING_FAILED))

    def _rescue(self, record: LogRecord, error: Exception) -> list[ProducerRecord]:
        """Our own code failed on the event: a press goes to the log all the same (requirement 8a)."""
        event = decode(record.value, PillarEvent)
        if event.kind is PillarKind.PRESS:
            return [self._bare(event, record)]
        failure = DecodeError(type(error).__name__, Cause.PROCESSING_FAILED)
        return self._reject_event(record, failure, event.device_id)

    def _bare(self, event: PillarEvent, record: LogRecord) -> ProducerRecord:
        """A press as the log gets it where no more may be asked of its record."""
        source = self._gateways[record.topic]
        press = bare_press(event, record.timestamp_ms, place=_place(record), source=source)
        return forward(to_input(press, UNASSIGNED_ZONE))

    def _reject_event(self, record: LogRecord, error: DecodeError, device_id: str) -> list[ProducerRecord]:
        """A dead letter of the pillar topic may have been a press: the control room gets a report (requirement 8a).

        Args:
            record: The event's.
            error: Why it cannot be used.
            device_id: The device that it names, where it could be read; else empty.
        """
        topic, partition, offset = record.topic, record.partition, record.offset
        notice = DeadLetterNotice(
            feed=Feed.PILLARS,
            topic=topic,
            partition=partition,
            offset=offset,
            cause=error.cause,
            at=record.timestamp_ms,
            device_id=bounded_id(device_id),
        )
        name = fingerprint("dead-letter", topic, partition, offset)
        return [
            self._reject(record, error),
            fact(InputKind.DEAD_LETTER, name, UNASSIGNED_ZONE, notice),
        ]

    def _reject(self, record: LogRecord, error: DecodeError) -> ProducerRecord:
        return self._context.reject(record, error.cause, str(error))


def _gateways(topics: Iterable[str]) -> dict[str, str]:
    """The gateway in whose own topic an event lies, by topic; empty for the topic that all share.

    The broker vouches for who writes a topic, and for no more.
    """
    return {topic: gateway for topic in topics if (gateway := gateway_of(topic)) is not None}


def _senders(settings: AckSettings) -> dict[str, AckSender]:
    """Who sends on each topic of acknowledgements."""
    named = {
        ack_topic(name): AckSender(organisation=name, units=settings.units_of(name))
        for name in settings.organisations
    }
    return {ACKS: AckSender(is_refused=not settings.takes_plain_topic), **named}


def _forwarded(held: Sequence[HeldEvent], device: RegistryDevice) -> list[ProducerRecord]:
    """Events that were held back, now that their device is known."""
    return [forward(to_input(each.made, device.zone)) for each in held]


def _place(record: LogRecord) -> str:
    return record_place(record.topic, record.partition, record.offset)


def _unknown(device_id: str) -> DecodeError:
    return DecodeError(f"no registry names device {device_id!r}", Cause.UNKNOWN_DEVICE)


def _device_id_of(record: LogRecord) -> str:
    """The device that an event names which was read and refused; empty where it could not be read."""
    try:
        return decode(record.value, PillarEvent).device_id
    except DecodeError:
        return ""
