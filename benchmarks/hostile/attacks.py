"""The attackers: each is a process that does one thing with one credential until it is ended.

    python -m benchmarks.hostile.attacks NAME BOOTSTRAP [--port PORT ...]

What each credential may do is what `callbox topics acls` grants; the broker of the bench asks nobody for a password,
so an attacker keeps to that by itself.
"""

import argparse
import io
import itertools
import random
import socket
import time
from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType
from typing import Any, Final, NamedTuple

from confluent_kafka import Producer
from PIL import Image

from benchmarks.support.open_loop import pillar_id
from schemas.ack import Acknowledgement, Actor
from schemas.codec import encode
from schemas.enums import AckAction, AckReason, DeviceKind, Feed, FeedState, InputKind, PillarKind
from schemas.errors import Cause
from schemas.feeds import CameraFrame, PillarEvent, PlateRead
from schemas.fusion_log import FeedStatus, FusionInput, Tick
from schemas.registry import RegistryDevice
from schemas.topics import ACKS, FRAMES, FUSION_INPUT, PILLAR_EVENTS
from schemas.units import DegE7, EpochMs

GATEWAY, DISPATCH, WORKER, CAMERA, NOBODY = "gateway", "dispatch", "worker", "camera", "nobody"
"""Whose credential an attack has."""

AHEAD_S: Final = 19.0
"""As far ahead as a clock may be (SIA DC-09), and a second less."""

Message = tuple[str, bytes, bytes]
"""Topic, key, value."""


class Attack(NamedTuple):
    """One attack.

    Attributes:
        name: Of the figures.
        credential: Whose it has.
        what: For the reader of the report.
        messages: What it writes; None for an attack on the probes.
        rate: Records a second.
        worker: A worker that runs beside `alarms` and `fusion`, because it is attacked; else empty.
        settings: Of its producer.
    """

    name: str
    credential: str
    what: str
    messages: Callable[[], Iterator[Message]] | None
    rate: int = 0
    worker: str = ""
    settings: Mapping[str, Any] = MappingProxyType({})


def _now() -> EpochMs:
    return EpochMs(round(time.time() * 1000))


def _event(device_id: str, kind: PillarKind, name: str, at: EpochMs) -> Message:
    event = PillarEvent(device_id=device_id, kind=kind, occurred_at=at, received_at=at, event_id=name)
    return PILLAR_EVENTS, device_id.encode(), encode(event)


def garbage() -> Iterator[Message]:
    """Random bytes, and events of which some bytes are not what they were."""
    chance = random.Random(1)
    _topic, key, whole = _event("pillar-1", PillarKind.PRESS, "any", _now())
    for number in itertools.count():
        at = chance.randrange(len(whole))
        mutated = whole[:at] + chance.randbytes(3) + whole[at + 2 :]
        yield PILLAR_EVENTS, key, chance.randbytes(60) if number % 2 else mutated


def unregistered() -> Iterator[Message]:
    """Presses of devices that no registry names, each of another one."""
    for number in itertools.count():
        yield _event(f"unknown-{number}", PillarKind.PRESS, f"unknown-{number}", _now())


def silencers() -> Iterator[Message]:
    """Releases, cancels and tests of the pillars that are being pressed, as far ahead as a clock may be."""
    kinds = (PillarKind.RELEASE, PillarKind.CANCEL, PillarKind.TEST, PillarKind.RELEASE)
    for number in itertools.count():
        at = EpochMs(_now() + round(AHEAD_S * 1000))
        yield _event(pillar_id(number % 20_000), kinds[number % len(kinds)], f"press-{number}", at)


def strays() -> Iterator[Message]:
    """Plate reads on the pillar topic."""
    read = PlateRead(
        checkpoint_id="checkpoint-1",
        occurred_at=_now(),
        received_at=_now(),
        plate_text="STRAY1",
    )
    value = encode(read)
    while True:
        yield PILLAR_EVENTS, b"checkpoint-1", value


def bombs() -> Iterator[Message]:
    """Values that compress to almost nothing: a batch of them unpacks to hundreds of MiB."""
    while True:
        yield PILLAR_EVENTS, b"bomb", bytes(1_000_000)


def acknowledgements() -> Iterator[Message]:
    """Cancels of incidents that nobody knows, in somebody's name."""
    for number in itertools.count():
        ack = Acknowledgement(
            ack_id=f"flood-{number}",
            incident_id=f"zone-{number % 240}-0123456789",
            action=AckAction.CANCEL,
            actor=Actor(name="Duty officer Li", organisation="County"),
            at=_now(),
            revision=1,
            reason=AckReason.FALSE_ALARM,
        )
        yield ACKS, ack.incident_id.encode(), encode(ack)


def log_records() -> Iterator[Message]:
    """Records of the log with every number at its end and ids of 300 kB."""
    largest = 2**63 - 1
    status = FeedStatus(
        feed=Feed.PILLARS,
        state=FeedState.OK,
        topic=PILLAR_EVENTS,
        partition=0,
        offset=largest,
        cause=Cause.UNKNOWN,
        at=EpochMs(largest),
        partitions=tuple(range(20_000)),
    )
    device = RegistryDevice(
        device_id="x" * 300_000,
        kind=DeviceKind.PILLAR,
        zone="zone-1",
        lon_e7=DegE7(largest),
        lat_e7=DegE7(-largest),
        revision=largest,
        heartbeat_s=2**62,
    )
    for number in itertools.count():
        kind, record = (
            (InputKind.TICK, Tick(number=largest, at=EpochMs(largest))),
            (InputKind.FEED_STATUS, status),
            (InputKind.DEVICE, device),
        )[number % 3]
        zone = "zone-1" if kind is InputKind.DEVICE else ""
        value = encode(FusionInput(kind=kind, event_id=f"{number}", zone=zone, payload=encode(record)))
        yield FUSION_INPUT, zone.encode(), value


def pictures() -> Iterator[Message]:
    """Progressive JPEGs of many pixels and many scans, and pictures of nothing that are large."""
    out = io.BytesIO()
    Image.new("L", (8_000, 8_000)).save(out, "JPEG", progressive=True, quality=10)
    picture = out.getvalue()
    scan = picture[picture.rindex(b"\xff\xda") : -2]
    bomb = picture[:-2] + scan * 400 + b"\xff\xd9"
    for number in itertools.count():
        frame = CameraFrame(
            camera_id=f"camera-{number % 50}",
            captured_at=_now(),
            received_at=_now(),
            jpeg=bomb if number % 2 else picture,
        )
        yield FRAMES, frame.camera_id.encode(), encode(frame)


ALL: Final = (
    Attack("garbage", GATEWAY, "1,000 broken records a second on the pillar topic", garbage, 1_000),
    Attack(
        "unregistered", GATEWAY, "200 presses a second of devices that no registry names", unregistered, 200
    ),
    Attack(
        "silencers", GATEWAY, "400 releases, cancels and tests a second of others' pillars", silencers, 400
    ),
    Attack("strays", GATEWAY, "200 plate reads a second on the pillar topic", strays, 200),
    Attack(
        "bombs",
        GATEWAY,
        "a batch a second on the pillar topic that unpacks to hundreds of MiB",
        bombs,
        300,
        settings={"compression.type": "zstd", "linger.ms": 1_000, "batch.size": 1 << 30},
    ),
    Attack("acks", DISPATCH, "5,000 acknowledgements a second of unknown incidents", acknowledgements, 5_000),
    Attack("log", WORKER, "30 records a second of the log with everything at its end", log_records, 30),
    Attack("pictures", CAMERA, "10 pictures a second that are made to take long", pictures, 10, "frames"),
    Attack("probes", NOBODY, "1,000 connections to the probes that are half open, always anew", None),
)

BY_NAME: Final = {attack.name: attack for attack in ALL}


def write(attack: Attack, bootstrap: str) -> None:
    """Write what an attack writes, at its rate, for ever."""
    producer = Producer(
        {
            "bootstrap.servers": bootstrap,
            "linger.ms": 5,
            "message.max.bytes": 9 << 20,
            "partitioner": "murmur2_random",
            **attack.settings,
        }
    )
    if attack.messages is None:
        return
    began = time.monotonic()
    for number, (topic, key, value) in enumerate(attack.messages()):
        if (wait := began + number / attack.rate - time.monotonic()) > 0:
            producer.poll(0)
            time.sleep(wait)
        while True:
            try:
                producer.produce(topic, value, key)
            except BufferError:
                producer.poll(0.1)
            else:
                break


HALF_OPEN: Final = 1_000


def hold_open(ports: list[int]) -> None:
    """Open connections to the probes, say half of a request, and begin anew when they are closed."""
    held: list[socket.socket] = []
    while True:
        for port in ports:
            try:
                connection = socket.create_connection(("127.0.0.1", port), timeout=1.0)
                connection.sendall(b"GET /metrics HTTP/1.1\r\nHost: ")
            except OSError:
                time.sleep(0.01)
                continue
            held.append(connection)
        while len(held) > HALF_OPEN:
            held.pop(0).close()


def main() -> None:
    """Attack until ended."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("name", choices=sorted(BY_NAME))
    parser.add_argument("bootstrap")
    parser.add_argument("--port", type=int, action="append", default=[])
    given = parser.parse_args()
    attack = BY_NAME[given.name]
    if attack.messages is None:
        hold_open(given.port)
    write(attack, given.bootstrap)


if __name__ == "__main__":
    main()
