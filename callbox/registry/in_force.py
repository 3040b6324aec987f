"""The registry in force: the newest record of each device on `site.registry.v1`."""

from schemas.codec import decode
from schemas.errors import DecodeError
from schemas.registry import RegistryDevice
from schemas.topics import REGISTRY
from streams.kafka.config import KafkaConfig
from streams.kafka.reader import latest_by_key


def read_registry(kafka: KafkaConfig) -> tuple[dict[str, RegistryDevice], list[bytes]]:
    """The registry by device id, and the keys of records that this release cannot decode.

    Raises:
        BrokerUnavailable, AccessDenied, InputMissing: As `streams.kafka.reader.read`.
    """
    known: dict[str, RegistryDevice] = {}
    unreadable = []
    for key, record in latest_by_key(kafka, REGISTRY).items():
        try:
            device = decode(record.value, RegistryDevice)
        except DecodeError:
            unreadable.append(key)
        else:
            known[device.device_id] = device
    return known, unreadable
