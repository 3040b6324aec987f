"""A made county lies in all partitions and has as many devices as it says."""

from benchmarks.storms.site import County, registry_of, zone_names
from schemas.partitioning import partition_of
from schemas.topics import LOG_PARTITIONS


def test_zones_take_turns_in_the_partitions() -> None:
    found = [partition_of(name, LOG_PARTITIONS) for name in zone_names(County(zones=9, pillars=1))]
    assert found == [number % LOG_PARTITIONS for number in range(9)]


def test_a_county_has_as_many_devices_as_it_says() -> None:
    county = County(zones=3, pillars=4)
    devices = list(registry_of(county))
    assert len({device.device_id for device in devices}) == len(devices) == county.devices == 15
