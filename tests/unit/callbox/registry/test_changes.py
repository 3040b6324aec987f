"""What a new town file changes, and which records tell of it."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from callbox.registry.changes import (
    RegistryChange,
    expected_feeds,
    log_inputs,
    registry_change,
    registry_records,
)
from schemas.codec import decode
from schemas.enums import DeviceKind, InputKind
from schemas.registry import RegistryDevice
from schemas.topics import FRAMES, PILLAR_EVENTS
from schemas.units import DegE7, EpochMs

NOW = EpochMs(1_900_000_000_000)


def device(device_id: str = "a", zone: str = "north", **fields: Any) -> RegistryDevice:
    usual: dict[str, Any] = {"kind": DeviceKind.PILLAR, "lon_e7": DegE7(0), "lat_e7": DegE7(0), "revision": 0}
    return RegistryDevice(device_id=device_id, zone=zone, **(usual | fields))


def by_id(*devices: RegistryDevice) -> dict[str, RegistryDevice]:
    return {found.device_id: found for found in devices}


def told(changes: RegistryChange) -> list[tuple[str, str, bool]]:
    """Device, zone and whether it left, as the log is told."""
    payloads = [decode(told.payload, RegistryDevice) for told in log_inputs(changes)]
    return [(payload.device_id, payload.zone, payload.removed) for payload in payloads]


def test_the_same_again_is_no_difference() -> None:
    changes = registry_change(by_id(device(revision=7)), [device()], NOW)
    assert changes.is_empty
    assert log_inputs(changes) == ()
    assert registry_records(changes) == {}


def test_a_new_device_is_added() -> None:
    changes = registry_change({}, [device()], NOW)
    assert changes.added == (device(revision=NOW),)
    assert told(changes) == [("a", "north", False)]


def test_a_device_that_differs_in_one_field_is_changed() -> None:
    changes = registry_change(by_id(device()), [device(heartbeat_s=60)], NOW)
    assert changes.changed == (device(heartbeat_s=60, revision=NOW),)
    assert told(changes) == [("a", "north", False)]


def test_a_device_that_moves_leaves_its_old_zone_first() -> None:
    changes = registry_change(by_id(device()), [device(zone="south")], NOW)
    assert told(changes) == [("a", "north", True), ("a", "south", False)]
    assert registry_records(changes) == {"a": device(zone="south", revision=NOW)}


def test_a_removed_device_leaves_its_zone_and_the_registry() -> None:
    changes = registry_change(by_id(device()), [], NOW)
    assert told(changes) == [("a", "north", True)]
    assert registry_records(changes) == {"a": None}


def test_a_pillar_whose_tests_are_due_from_now_on_is_changed() -> None:
    changes = registry_change(by_id(device()), [device(reports_release=False, test_every_s=60)], NOW)
    assert changes.changed == (device(reports_release=False, test_every_s=60, revision=NOW),)


def test_on_demand_a_device_that_stays_as_it_is_is_written_again_as_a_new_revision() -> None:
    known = by_id(device(revision=7), device("b"), device("c"))
    changes = registry_change(known, [device(), device("b", heartbeat_s=9)], NOW, everything=True)
    assert changes.again == (device(revision=NOW),)
    assert told(changes) == [("c", "north", True), ("b", "north", False), ("a", "north", False)]
    assert registry_records(changes)["a"] == device(revision=NOW)
    assert not changes.is_empty


def test_an_input_is_keyed_and_named_by_its_zone() -> None:
    (told_of,) = log_inputs(registry_change({}, [device(zone="south")], NOW))
    assert (told_of.kind, told_of.zone) == (InputKind.DEVICE, "south")


def test_leaving_and_coming_have_ids_of_their_own() -> None:
    moved = log_inputs(registry_change(by_id(device()), [device(zone="south")], NOW))
    assert len({told_of.event_id for told_of in moved}) == 2


def test_the_revision_rises_above_what_is_known_and_is_at_least_now() -> None:
    assert registry_change(by_id(device(revision=5)), [], NOW).revision == NOW
    assert registry_change(by_id(device(revision=NOW + 9)), [], NOW).revision == NOW + 10
    assert registry_change({}, [], NOW).revision == NOW


def test_a_feed_is_expected_if_a_device_with_an_interval_reports_through_it() -> None:
    devices = [
        device("a", heartbeat_s=60),
        device("b", kind=DeviceKind.GATEWAY, heartbeat_s=60),
        device("c", kind=DeviceKind.CAMERA, heartbeat_s=60),
    ]
    assert expected_feeds(devices, 7).topics == (PILLAR_EVENTS, FRAMES)
    assert expected_feeds(devices[1:2], 7).topics == (PILLAR_EVENTS,)
    assert expected_feeds(devices[2:], 7).topics == (FRAMES,)
    assert expected_feeds(devices, 7).revision == 7


def test_no_feed_is_expected_of_devices_without_an_interval_or_of_checkpoints() -> None:
    devices = [device("a"), device("d", kind=DeviceKind.CHECKPOINT, heartbeat_s=60)]
    assert expected_feeds(devices, 7).topics == ()


devices = st.builds(
    device,
    st.sampled_from("abcde"),
    st.sampled_from(("north", "south")),
    heartbeat_s=st.sampled_from((None, 30, 60)),
)
registries = st.lists(devices, max_size=6).map(lambda found: by_id(*found))


@given(registries, registries)
def test_the_registry_after_an_apply_is_what_was_wanted(
    known: dict[str, RegistryDevice], wanted: dict[str, RegistryDevice]
) -> None:
    changes = registry_change(known, wanted.values(), NOW)
    after = {name: found for name, found in (known | registry_records(changes)).items() if found is not None}
    assert {name: replace(found, revision=0) for name, found in after.items()} == wanted
    assert registry_change(after, wanted.values(), NOW).is_empty


@given(registries, registries)
def test_a_reader_of_the_log_knows_each_device_in_its_one_zone(
    known: dict[str, RegistryDevice], wanted: dict[str, RegistryDevice]
) -> None:
    there = {(found.zone, name) for name, found in known.items()}
    for name, zone, left in told(registry_change(known, wanted.values(), NOW)):
        there = there - {(zone, name)} if left else there | {(zone, name)}
    assert there == {(found.zone, name) for name, found in wanted.items()}
