"""A fusion agent in a test: batches of its log, and what it wrote."""

from collections.abc import Callable, Iterable

import msgspec

from processors.fold.skipping import Skips
from processors.state.partition_state import State, new_state
from schemas.alert import Alert
from schemas.codec import decode, encode
from schemas.fusion_log import FusionInput, Tick
from schemas.partitioning import partition_of
from schemas.topics import ALERTS, FUSION_INPUT
from streams.kafka.batch import Batch
from streams.kafka.reader import BrokerReader
from streams.state import restore as restoring
from streams.workers.fusion import FusionAgent
from tests.support.fakes import World, consumed, hot_second, run
from tests.support.log_records import PARTITIONS, ZONE, device, envelope, fact, ms

PARTITION = partition_of(ZONE, PARTITIONS)


class Restored:
    """What stands in for `restore`: an empty state at the offset asked for."""

    def __init__(self) -> None:
        self.asked: list[tuple[int, int, int]] = []
        self.skips = Skips()
        self.broken: restoring.Broken | None = None
        self.watch: Callable[[], None] = lambda: None

    def __call__(
        self, _reader: BrokerReader, partition: int, partitions: int, committed: int, _in_hand: State | None
    ) -> restoring.Restored:
        self.asked.append((partition, partitions, committed))
        self.watch()
        state = new_state(partition, partitions)
        state.offset = committed
        return restoring.Restored(state, "the topic", self.broken, self.skips)


def log(
    *records: msgspec.Struct | bytes, start: int = 0, at_s: float = 0, partition: int = PARTITION
) -> Batch:
    """A batch of the log; bytes are taken as they are."""

    def value(record: msgspec.Struct | bytes) -> tuple[bytes, bytes]:
        if isinstance(record, bytes):
            return b"", record
        given = envelope(record)
        return given.zone.encode(), encode(given)

    pairs = [value(record) for record in records]
    return Batch(
        consumed(
            encoded, topic=FUSION_INPUT, key=key, partition=partition, offset=start + number, at=ms(at_s)
        )
        for number, (key, encoded) in enumerate(pairs)
    )


def second(world: World, agent: FusionAgent) -> None:
    """One second of the agent, until its ticks are delivered."""

    async def on_the_loop() -> None:
        await agent.every_second()
        await agent._ticks.written()

    hot_second(world, agent)
    run(on_the_loop())


def alerts(world: World, topic: str = ALERTS) -> Iterable[Alert]:
    return world.delivery.decoded(topic, Alert)


def ticks(world: World) -> list[tuple[int | None, int]]:
    """(partition, number) of every tick that was written."""
    return [
        (sent.partition, decode(decode(sent.value, FusionInput).payload, Tick).number)
        for sent in world.delivery.to(FUSION_INPUT)
    ]


def presses(count: int, start: int = 0) -> Batch:
    """Devices far from each other, and a press of each: as many alerts."""
    devices = [device(f"P{number}", lat=20.0 + number / 10) for number in range(count)]
    pressed = [fact(device_id=each.device_id, event_id=each.device_id) for each in devices]
    return log(*devices, *pressed, start=start)
