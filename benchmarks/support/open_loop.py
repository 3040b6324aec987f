"""An open loop: presses are sent on schedule whatever happens, and a process of its own notes when they arrive.

Latency runs from the *scheduled* time of a press, so that a sender that falls behind makes it longer. This avoids
coordinated omission.
"""

import argparse
import json
import re
import sys
import time
from collections.abc import Callable, Iterator
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
"""A receiver that does not know which presses to expect stops this long after the last one was sent. It is longer than
any latency of workers that keep up."""

MAKE_S = 100e-6
"""How long a press may take to be made: all are made before the first is due, and sent without further work. A sender
that polled until each press was due took a third of a machine with two cores, for itself."""

POLL_EACH = 50
"""The broker's answers are taken after so many presses."""

SENDER = (sys.executable, "-P", str(Path(__file__)))
"""The command of the sender. As a file and not as a module it writes in the format of the tree that is on the path of
its environment: that of an earlier release too, which does not read the schemas of a later one."""

PREFIX = "press-"
_EVENT_ID = re.compile(rb"(.)" + PREFIX.encode() + rb"(\d+)", re.DOTALL)
"""A press's event id in an Avro record, with the last byte of the length before it."""


def press(number: int, at_s: float) -> PillarEvent:
    """The press of pillar `number`; its event id carries the number."""
    at = EpochMs(round(at_s * 1000))
    return PillarEvent(
        device_id=pillar_id(number),
        kind=PillarKind.PRESS,
        occurred_at=at,
        received_at=at,
        event_id=f"{PREFIX}{number}",
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
    began = time.time() + MAKE_S * rate * seconds + 0.5
    scheduled = {first + index: began + index / rate for index in range(int(rate * seconds))}
    made = [(number, due, encode(press(number, due))) for number, due in scheduled.items()]
    if time.time() > began:
        raise TimeoutError(
            f"{len(made)} presses were made too slowly: the first are late before they are sent"
        )
    for number, due, value in made:
        if (wait := due - time.time()) > 0:
            time.sleep(wait)
        producer.produce(topic, value, pillar_id(number), on_delivery=_noting(acknowledged, number))
        if not number % POLL_EACH:
            producer.poll(0)
    producer.flush(30)
    out.write_text(json.dumps({"scheduled": scheduled, "acknowledged": sorted(acknowledged)}))


def _noting(acknowledged: set[int], number: int) -> Callable[[object, object], None]:
    def delivered(error: object, _message: object) -> None:
        if error is None:
            acknowledged.add(number)

    return delivered


def press_numbers(value: bytes) -> Iterator[int]:
    """The presses that a record names, read from its bytes: decoding an alert takes twenty times as long.

    Args:
        value: An Avro record, with anything after it.

    Yields:
        The number of each event id, as often as it is there. The length before a string says where its digits end:
        the byte after it may be a digit too.
    """
    for found in _EVENT_ID.finditer(value):
        digits = (found[1][0] >> 1) - len(PREFIX)  # a length is a zig-zag number: twice as much
        if 0 < digits <= len(found[2]):
            yield int(found[2][:digits])


class Arrivals:
    """What has arrived, and which presses are still awaited. Bytes are kept; they are looked into only when asked.

    Args:
        expected: The presses that must come.
    """

    def __init__(self, expected: range) -> None:
        self.records: list[tuple[float, bytes]] = []
        self._missing = set(expected)
        self._looked_into = 0

    @property
    def is_complete(self) -> bool:
        """Whether every press that is expected has been named. An alert about a press that is there is none more."""
        for _at, value in self.records[self._looked_into :]:
            self._missing.difference_update(press_numbers(value))
        self._looked_into = len(self.records)
        return not self._missing


def receive(
    bootstrap: str,
    topic: str,
    expected: range,
    stop_file: Path,
    out: Path,
    lost_after_s: float = LOST_AFTER_S,
) -> None:
    """Note the arrival time of every record; bytes are kept, not decoded.

    It ends when the stop file is there and every expected press is named, or `lost_after_s` later. Without an expected
    press it ends `SETTLE_S` after the stop file.
    """
    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": "bench", "enable.auto.commit": False})
    partitions = consumer.list_topics(topic, timeout=10).topics[topic].partitions
    consumer.assign([TopicPartition(topic, number, OFFSET_END) for number in partitions])
    arrivals = Arrivals(expected)
    for _ in range(10):  # the first polls find the end; from then on nothing is missed
        consumer.poll(0.1)
    print(READY, flush=True)
    wait_s = lost_after_s if expected else SETTLE_S
    stopped: float | None = None
    while stopped is None or time.time() - stopped <= wait_s:
        first = consumer.poll(0.1)
        if first is not None:
            now = time.time()
            messages = [first, *consumer.consume(999, 0)]
            arrivals.records += [
                (now, message.value() or b"") for message in messages if message.error() is None
            ]
        if stopped is None and stop_file.exists():
            stopped = time.time()
        if stopped is not None and expected and arrivals.is_complete:
            break
    with out.open("wb") as file:
        for at, value in arrivals.records:
            file.write(json.dumps([at, value.hex()]).encode() + b"\n")


def _main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("role", choices=("send", "receive"))
    parser.add_argument("bootstrap")
    parser.add_argument("topic")
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--rate", type=int, default=0)
    parser.add_argument("--seconds", type=float, default=0)
    parser.add_argument(
        "--expect", type=int, default=0, help="how many presses, from the first on, must come"
    )
    parser.add_argument("--lost-after", type=float, default=LOST_AFTER_S)
    parser.add_argument("--stop-file", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    given = parser.parse_args()
    if given.role == "send":
        send(given.bootstrap, given.topic, given.first, given.rate, given.seconds, given.out)
    else:
        expected = range(given.first, given.first + given.expect)
        receive(given.bootstrap, given.topic, expected, given.stop_file, given.out, given.lost_after)


if __name__ == "__main__":
    _main()
