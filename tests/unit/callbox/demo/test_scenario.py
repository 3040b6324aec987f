"""The demo's files are in order, and a scenario that is not is refused as a whole."""

import msgspec
import pytest

from callbox.commands.policy import read_policy_file
from callbox.demo.run import shipped
from callbox.demo.scenario import Scenario, read_scenario, zone_of_device
from callbox.demo.steps import PoisonStep, last_at_s
from callbox.registry.registry_file import read_site
from processors.state.policy import FusionPolicy
from schemas.enums import DeviceKind
from schemas.errors import FileRefused
from schemas.registry import UNASSIGNED_ZONE
from schemas.topics import ACKS, FRAMES, FUSION_INPUT, HOTLIST, PILLAR_EVENTS, PLATE_READS, REGISTRY

STEP = """
[[vehicles]]
name = "a"
plate = "x"
[[steps]]
at_s = 1.0
what = "a vehicle"
kind = "plate-read"
device = "checkpoint-1"
vehicle = "a"
"""
ALERT = 'topic = "dispatch.alert.v1", action = "raise", reason = "first_fact", grade = "red"'


def shipped_scenario() -> Scenario:
    return read_scenario(shipped("scenario.toml"), "scenario.toml")


def test_the_town_has_three_zones_and_fourteen_devices_of_every_kind() -> None:
    town = read_site(shipped("town.toml"), "town.toml")
    assert len({device.zone for device in town}) == 3
    assert len(town) == 14
    assert {device.kind for device in town} == set(DeviceKind) - {DeviceKind.UNKNOWN}
    assert all(len(device.chain) == 4 and device.response_points for device in town)


def test_the_policy_of_the_demo_is_the_default_but_for_times_that_nobody_would_wait_for() -> None:
    policy = msgspec.to_builtins(read_policy_file(shipped("policy.toml"), "policy.toml"))
    usual = msgspec.to_builtins(FusionPolicy())
    assert {name for name in usual if policy[name] != usual[name]} == {
        "hold_ms",
        "acknowledge_ms",
        "notify_ms",
        "stuck_ms",
    }


def test_the_play_takes_less_than_half_a_minute() -> None:
    assert max(last_at_s(step) for step in shipped_scenario().steps) < 30


def test_every_topic_that_a_worker_reads_is_poisoned() -> None:
    poisoned = {step.topic for step in shipped_scenario().steps if isinstance(step, PoisonStep)}
    assert poisoned == {PILLAR_EVENTS, ACKS, FRAMES, PLATE_READS, FUSION_INPUT, REGISTRY, HOTLIST}


def test_a_device_of_no_registry_is_in_the_zone_unassigned() -> None:
    town = read_site(shipped("town.toml"), "town.toml")
    assert zone_of_device("pillar-01", town) == "riverside"
    assert zone_of_device("pillar-99", town) == UNASSIGNED_ZONE


@pytest.mark.parametrize(
    ("before", "after", "text"),
    [
        ('vehicle = "a"', 'vehicle = "b"', "steps[0].vehicle: 'b' is none of a"),
        ("at_s = 1.0", "at_s = 300.0", "ends after more than 120 s"),
        ("at_s = 1.0", "at_s = -1.0", "steps[0].at_s"),
        ('kind = "plate-read"', 'kind = "march"', "march"),
        (
            'device = "checkpoint-1"',
            'device = "checkpoint-1"\ncolour = "red"',
            "steps[0].colour: unknown key",
        ),
        (
            'vehicle = "a"',
            f'vehicle = "a"\nalerts = [{{ {ALERT} }}]',
            "no alert names what this step is about",
        ),
    ],
)
def test_a_wrong_scenario_is_refused_with_its_place(before: str, after: str, text: str) -> None:
    read_scenario(STEP, "s.toml")
    with pytest.raises(FileRefused, match=r"s\.toml") as refused:
        read_scenario(STEP.replace(before, after), "s.toml")
    assert text in str(refused.value)
