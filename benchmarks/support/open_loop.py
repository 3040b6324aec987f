"""An open loop: presses are sent on schedule whatever happens, and a process of its own notes when they arrive.

Latency runs from the *scheduled* time of a press, so that a sender that falls behind makes it longer. This avoids
coordinated omission.
"""

import argparse
import json
import time
from collections.abc import Callable
from pathlib import Path

from confluent_kafka import OFFSET_END, Consumer, Producer, TopicPartition

from schemas.codec import encode
from schemas.enums import PillarKind
from schemas.feeds import PillarEvent
from schemas.units import EpochMs

READY = "ready"
LOST_AFTER_S = 30.0
"""A press is lost if the broker confirmed it and nothing has come out this long after the last press."""

SETTLE_S = 2.0
"""Records are still awaited for so long when as many have come as were expected: reminders of earlier incidents may be
among them, and the last presses still on their way. Longer than any latency that was measured."""


def press(number: int, at_s: float) -> PillarEvent:
    """The press of pillar `number`; its event id carries the number."""
    at = EpochMs(round(at_s * 1000))
    return PillarEvent(
        device_id=pillar_id(number),
        kind=PillarKind.PRESS,
        occurred_at=at,
        received_at=at,
        event_id=f"press-{number}",
    )


def pillar_id(number: int) -> str:
    """The pillar that is pressed once."""
    return f"pillar-{number}"


def send(bootstrap: str, topic: str, first: int, rate: int, seconds: float, out: Path) -> None:
    """Send `rate` presses a second on schedule; write what was scheduled and what the broker acknowledged."""
    producer = Producer(
        {
            "bootstrap.servers": bootstrap,
            "acks": "all",
            "enable.idempotence": True,
            "linger.ms": 0,
            "partitioner": "murmur2_random",
        }
    )
    producer.list_topics(topic)
    acknowledged: set[int] = set()
    scheduled: dict[int, float] = {}
    began = time.time() + 0.5
    for index in range(int(rate * seconds)):
        number, due = first + index, began + index / rate
        while (wait := due - time.time()) > 0:
            producer.poll(min(wait, 0.001))
        scheduled[number] = due
        producer.produce(
            topic,
            encode(press(number, due)),
            pillar_id(number),
            on_delivery=_noting(acknowledged, number),
        )
    producer.flush(30)
    out.write_text(json.dumps({"scheduled": scheduled, "acknowledged": sorted(acknowledged)}))


def _noting(acknowledged: set[int], number: int) -> Callable[[object, object], None]:
    def delivered(error: object, _message: object) -> None:
        if error is None:
            acknowledged.add(number)

    return delivered


def receive(bootstrap: str, topic: str, expected: int, stop_file: Path, out: Path) -> None:
    """Note the arrival time of every record; bytes are kept, not decoded.

    It ends when the stop file is there and as many records as expected have come, or `LOST_AFTER_S` have passed.
    """
    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": "bench", "enable.auto.commit": False})
    partitions = consumer.list_topics(topic, timeout=10).topics[topic].partitions
    consumer.assign([TopicPartition(topic, number, OFFSET_END) for number in partitions])
    arrived: list[tuple[float, bytes]] = []
    for _ in range(10):  # the first polls find the end; from then on nothing is missed
        consumer.poll(0.1)
    print(READY, flush=True)
    stopped: float | None = None
    while True:
        first = consumer.poll(0.1)
        if first is not None:
            now = time.time()
            messages = [first, *consumer.consume(999, 0)]
            arrived += [(now, message.value() or b"") for message in messages if message.error() is None]
        elif stopped is None and stop_file.exists():
            stopped = time.time()
        elif stopped is not None:
            wait_s = SETTLE_S if len(arrived) >= expected else LOST_AFTER_S
            if time.time() - stopped > wait_s:
                break
    with out.open("wb") as file:
        for at, value in arrived:
            file.write(json.dumps([at, value.hex()]).encode() + b"\n")


def _main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("role", choices=("send", "receive"))
    parser.add_argument("bootstrap")
    parser.add_argument("topic")
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--rate", type=int, default=0)
    parser.add_argument("--seconds", type=float, default=0)
    parser.add_argument("--expect", type=int, default=0)
    parser.add_argument("--stop-file", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    given = parser.parse_args()
    if given.role == "send":
        send(given.bootstrap, given.topic, given.first, given.rate, given.seconds, given.out)
    else:
        receive(given.bootstrap, given.topic, given.expect, given.stop_file, given.out)


if __name__ == "__main__":
    _main()
