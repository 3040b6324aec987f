"""A backlog of pictures: a process of its own keeps frames and plate reads waiting while presses are measured.

python -m benchmarks.support.backlog BOOTSTRAP                           keep a backlog, until killed
python -m benchmarks.support.backlog BOOTSTRAP --steady FRAMES PLATES    so many a second, whoever reads them
"""

import argparse
import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing

import cv2
import numpy as np
from confluent_kafka import Producer

from benchmarks.support.fixtures import listed_vehicle, standing_device
from benchmarks.support.group_lag import GroupLag
from callbox.demo.pictures.plates import render_plate
from models.weights import cache_root, weights_path
from schemas.codec import encode
from schemas.enums import DeviceKind
from schemas.feeds import CameraFrame, PlateRead
from schemas.topics import FRAMES, HOTLIST, PLATE_READS, REGISTRY
from schemas.units import EpochMs
from streams.clock import now_ms
from streams.kafka.config import KafkaConfig
from streams.kafka.producer import ProducerRecord, publish

DEVICES = 24
LOOK_S = 0.5
FEEDS = {FRAMES: ("frames", 1_200), PLATE_READS: ("plates", 400)}
"""The topic, the worker that reads it, and the backlog to keep: several seconds of its work."""

CLIENT_ID = "cameras"
"""By which quotas know the feeder."""

Build = Callable[[int], ProducerRecord]
WantedCounts = Callable[[], Mapping[str, int]]
"""How many records of each topic are to be sent in the next half second."""


def missing(bootstrap: str) -> WantedCounts:
    """What each topic lacks of its backlog."""
    lags = {topic: GroupLag(bootstrap, worker, topic) for topic, (worker, _wanted) in FEEDS.items()}
    return lambda: {topic: wanted - lags[topic].records() for topic, (_worker, wanted) in FEEDS.items()}


def steady(per_s: Mapping[str, float]) -> WantedCounts:
    """So many a second of each topic."""
    return lambda: {topic: round(rate * LOOK_S) for topic, rate in per_s.items()}


def feed(bootstrap: str, wanted: WantedCounts) -> None:
    """Send what is due as evenly as cameras do: spread over the next half second."""
    os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))  # cameras would not take our CPU
    builders = _builders()
    settings = {"bootstrap.servers": bootstrap, "acks": "all", "partitioner": "murmur2_random"}
    producer = Producer({**settings, "client.id": CLIENT_ID})
    sent = dict.fromkeys(FEEDS, 0)
    while True:
        began = time.monotonic()
        due = sorted(
            (began + LOOK_S * index / count, topic)
            for topic, count in wanted().items()
            for index in range(count)
        )
        for at, topic in due:
            producer.poll(max(0.0, at - time.monotonic()))
            record = builders[topic](sent[topic])
            producer.produce(topic, record.value, record.key)
            sent[topic] += 1
        producer.flush(10)
        time.sleep(max(0.0, began + LOOK_S - time.monotonic()))


def waiting(bootstrap: str, topic: str) -> int:
    """The number of records of a topic that its worker has not committed."""
    with closing(GroupLag(bootstrap, FEEDS[topic][0], topic)) as lag:
        return lag.records()


def frames(count: int) -> Iterator[ProducerRecord]:
    """So many frames of 1080p, of every camera in turn."""
    build = _builders()[FRAMES]
    return (build(number) for number in range(count))


def register(kafka: KafkaConfig) -> None:
    """Put cameras and checkpoints into the registry, and one entry into the hotlist: with none, nothing is read."""
    listed = listed_vehicle("bench-1", "京Z99999", now_ms())
    publish(kafka, [*_devices(), ProducerRecord(HOTLIST, listed.entry_id.encode(), encode(listed))])


def _devices() -> Iterator[ProducerRecord]:
    for number in range(DEVICES):
        for kind in (DeviceKind.CAMERA, DeviceKind.CHECKPOINT):
            name = f"{kind}-{number}"
            device = standing_device(name, kind, "pictures")
            yield ProducerRecord(REGISTRY, name.encode(), encode(device))


def _builders() -> dict[str, Build]:
    jpeg = _jpeg(_street(1920, 1080))
    crop = _jpeg(render_plate("京A12345", weights_path(cache_root(), "cjk_font")))

    def frame(number: int) -> ProducerRecord:
        camera, at = f"camera-{number % DEVICES}", EpochMs(now_ms() + number)
        record = CameraFrame(camera_id=camera, captured_at=at, received_at=at, jpeg=jpeg)
        return ProducerRecord(FRAMES, camera.encode(), encode(record))

    def read(number: int) -> ProducerRecord:
        checkpoint, at = f"checkpoint-{number % DEVICES}", EpochMs(now_ms() + number)
        record = PlateRead(
            checkpoint_id=checkpoint, occurred_at=at, received_at=at, picture=crop, jurisdiction="CN"
        )
        return ProducerRecord(PLATE_READS, checkpoint.encode(), encode(record))

    return {FRAMES: frame, PLATE_READS: read}


def _street(width: int, height: int) -> "cv2.typing.MatLike":
    """A picture of smooth noise: as JPEG it is about as large as a photograph of that size, 250 to 300 kB."""
    rng = np.random.default_rng(7)
    coarse = rng.integers(0, 255, (height // 8, width // 8, 3), dtype=np.uint8)
    return cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)


def _jpeg(picture: "cv2.typing.MatLike") -> bytes:
    _, encoded = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, 85])
    return encoded.tobytes()


def _main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("bootstrap")
    parser.add_argument("--steady", nargs=len(FEEDS), type=float)
    given = parser.parse_args()
    wanted = steady(dict(zip(FEEDS, given.steady, strict=True))) if given.steady else missing(given.bootstrap)
    feed(given.bootstrap, wanted)


if __name__ == "__main__":
    _main()
