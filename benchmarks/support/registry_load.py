"""The registry for load: one pillar for each press, more than 1 km from every other, in over 200 zones."""

from collections.abc import Iterator

from benchmarks.support.open_loop import pillar_id
from schemas.codec import encode
from schemas.enums import DeviceKind, InputKind, Tier
from schemas.ids import fingerprint
from schemas.registry import ChainLink, RegistryDevice
from schemas.topics import REGISTRY
from schemas.units import DegE7
from streams.kafka.producer import ProducerRecord
from streams.worker.log_writer import fact

ZONES = 240
SPACING_E7 = 120_000  # 0.012 degrees: 1.3 km north-south, 1.2 km east-west at the equator
COLUMNS = 300


def pillar(number: int) -> RegistryDevice:
    """The pillar that is pressed once."""
    row, column = divmod(number, COLUMNS)
    zone = f"zone-{number % ZONES}"
    return RegistryDevice(
        device_id=pillar_id(number),
        kind=DeviceKind.PILLAR,
        zone=zone,
        lon_e7=DegE7(column * SPACING_E7),
        lat_e7=DegE7(row * SPACING_E7),
        revision=1,
        chain=(
            ChainLink(tier=Tier.TOWNSHIP, unit=f"{zone} duty"),
            ChainLink(tier=Tier.COUNTY, unit="county"),
        ),
    )


def records(numbers: range) -> Iterator[ProducerRecord]:
    """The records that `callbox registry apply` would write for these pillars: the log first, then the registry."""
    devices = [pillar(number) for number in numbers]
    for device in devices:
        name = fingerprint(device.device_id, device.zone, device.revision)
        yield fact(InputKind.DEVICE, name, device.zone, device)
    for device in devices:
        yield ProducerRecord(REGISTRY, device.device_id.encode(), encode(device))
