"""Pictures that wait: a backlog of frames and plate reads that lasts through a busy phase."""

from collections.abc import Iterator

import cv2
import numpy as np
from confluent_kafka import Consumer, TopicPartition

from callbox.processes import WorkerProcess
from schemas.catalogue import FRAMES, PLATE_READS, REGISTRY
from schemas.codec import encode
from schemas.enums import DeviceKind
from schemas.feeds import CameraFrame, PlateRead
from schemas.site import RegistryDevice
from schemas.units import DegE7, EpochMs
from streams.clock import now_ms
from streams.delivery import Outgoing
from streams.kafka_config import KafkaConfig
from streams.sending import send_all

FRAMES_PER_S, READS_PER_S = 120, 60
"""More than one niced core can do in a second, so that the backlog never runs dry."""

DEVICES = 24
CHUNK = 200
TOPICS = {"frames": FRAMES, "plates": PLATE_READS}


def fill(kafka: KafkaConfig, *, seconds: float) -> None:
    """Write a backlog that the two picture workers need longer than `seconds` for."""
    send_all(kafka, list(_devices()))
    jpeg, crop = _picture(1280, 720), _picture(188, 48)
    for build, count in ((_frame, FRAMES_PER_S), (_read, READS_PER_S)):
        payload = jpeg if build is _frame else crop
        total = int(count * seconds)
        for at in range(0, total, CHUNK):
            send_all(kafka, [build(number, payload) for number in range(at, min(at + CHUNK, total))])


def left(kafka: KafkaConfig, worker: WorkerProcess) -> int:
    """How many records of a worker's topic are not committed yet."""
    topic = TOPICS[worker.name]
    consumer = Consumer({"bootstrap.servers": kafka.bootstrap, "group.id": f"callbox.{worker.name}"})
    try:
        partitions = consumer.list_topics(topic, timeout=10).topics[topic].partitions
        places = consumer.committed([TopicPartition(topic, number) for number in partitions], timeout=10)
        return sum(
            consumer.get_watermark_offsets(place, timeout=10)[1] - max(place.offset, 0) for place in places
        )
    finally:
        consumer.close()


def _devices() -> Iterator[Outgoing]:
    for number in range(DEVICES):
        for kind, name in (
            (DeviceKind.CAMERA, f"camera-{number}"),
            (DeviceKind.CHECKPOINT, f"checkpoint-{number}"),
        ):
            device = RegistryDevice(
                device_id=name, kind=kind, zone="pictures", lon_e7=DegE7(0), lat_e7=DegE7(0), revision=1
            )
            yield Outgoing(REGISTRY, name.encode(), encode(device))


def _frame(number: int, jpeg: bytes) -> Outgoing:
    camera = f"camera-{number % DEVICES}"
    at = EpochMs(now_ms() + number)
    record = CameraFrame(camera_id=camera, captured_at=at, received_at=at, jpeg=jpeg)
    return Outgoing(FRAMES, camera.encode(), encode(record))


def _read(number: int, crop: bytes) -> Outgoing:
    checkpoint = f"checkpoint-{number % DEVICES}"
    at = EpochMs(now_ms() + number)
    record = PlateRead(
        checkpoint_id=checkpoint, occurred_at=at, received_at=at, picture=crop, jurisdiction="CN"
    )
    return Outgoing(PLATE_READS, checkpoint.encode(), encode(record))


def _picture(width: int, height: int) -> bytes:
    """Smooth noise: about as large as a photograph of that size."""
    rng = np.random.default_rng(7)
    coarse = rng.integers(0, 255, (height // 8, width // 8, 3), dtype=np.uint8)
    picture = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)
    _, encoded = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, 85])
    return encoded.tobytes()
