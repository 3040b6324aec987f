"""The fold bench measures what it says: the shares of its mix, presses that raise, and every figure."""

import json
from collections import Counter
from collections.abc import Sequence

import pytest

from benchmarks.fold.bench import BARS, bars_met, on_one_core, outcome, prepare, quiet_ticks
from benchmarks.fold.log import Input, Part
from benchmarks.fold.mix import SHARES, PartitionLog, Size, run_through
from benchmarks.fold.site import DEVICES_PER_ZONE, devices_of, zones_of
from processors.fold.reducer import fold, fold_decoded
from processors.fold.snapshot_codec import dump, load
from processors.state.effect import Decision
from processors.state.partition_state import State, new_state
from schemas.enums import Action, DeviceKind, Grade, PillarKind, Reason, Status
from schemas.fusion_log import PillarFact
from schemas.partitioning import partition_of
from schemas.topics import LOG_PARTITIONS
from schemas.units import SECOND_MS

SMALL = Size(zones=20, open_incidents=80, remembered=3)


def folded(state: State, inputs: Sequence[Input]) -> list[tuple[Part, Decision]]:
    """Each decision with the part of the mix that it is about."""
    return [
        (part, decision)
        for part, entry, envelope, record in inputs
        for decision in fold_decoded(state, entry, envelope, record)[1]
    ]


def evening(*, on_wire: bool = False) -> PartitionLog:
    log = PartitionLog(SMALL, on_wire=on_wire)
    run_through(log.registered())
    run_through(log.evening())
    return log


def test_every_zone_belongs_to_the_partition_that_is_measured() -> None:
    zones = zones_of(2, LOG_PARTITIONS, 50)
    assert len(set(zones)) == 50
    assert {partition_of(zone, LOG_PARTITIONS) for zone in zones} == {2}


def test_a_zone_has_a_gateway_that_all_its_devices_speak_through_and_pillars_of_both_kinds() -> None:
    devices = list(devices_of(zones_of(0, LOG_PARTITIONS, 3)))
    assert len(devices) == 3 * DEVICES_PER_ZONE
    gateways = {device.device_id for device in devices if device.kind is DeviceKind.GATEWAY}
    assert {device.gateway for device in devices if device.kind is not DeviceKind.GATEWAY} == gateways
    pillars = [device for device in devices if device.kind is DeviceKind.PILLAR]
    assert {device.reports_release for device in pillars} == {True, False}
    assert all(device.heartbeat_s and len(device.chain) == 4 for device in devices)
    assert all(device.response_points for device in devices)


def test_the_mix_has_its_shares_of_every_hundred() -> None:
    inputs = list(evening().mixed(1_000))
    counted = Counter(given.part for given in inputs)
    assert {part: counted[part] for part in SHARES} == {part: 10 * share for part, share in SHARES.items()}


def test_each_part_of_the_mix_does_what_it_is_counted_for() -> None:
    log = evening()
    before = dump(log.writer.state)
    decisions = folded(load(before), list(log.mixed(1_000)))
    reasons = {part: {decision.reason for of, decision in decisions if of is part} for part in SHARES}
    assert reasons[Part.HEARTBEAT] == {Reason.HEARTBEAT, Reason.CAMERA_ALIVE}
    assert reasons[Part.DUPLICATE] == {Reason.DUPLICATE}
    assert reasons[Part.PRESS] == {Reason.FIRST_FACT}
    assert reasons[Part.ACKNOWLEDGEMENT] <= {Reason.ACCEPTED, Reason.CLEARED, Reason.CLOSED}
    assert reasons[Part.OBSERVATION] <= {Reason.HELD, Reason.STILL_BURNING}
    due = {decision.reason for of, decision in decisions if of is Part.TIME}
    assert {Reason.NOBODY_ACKNOWLEDGED, Reason.STILL_UNACKNOWLEDGED} <= due


def test_every_press_raises_a_red_incident_of_its_own() -> None:
    log = evening()
    before = dump(log.writer.state)
    inputs = list(log.presses(50))
    decisions = folded(load(before), inputs)
    assert {given.record.kind for given in inputs if isinstance(given.record, PillarFact)} == {
        PillarKind.PRESS
    }
    alerts = [alert for _part, decision in decisions for alert in decision.alerts]
    assert len({alert.incident_id for alert in alerts}) == len(inputs) == 50
    assert {(alert.action, alert.grade, alert.status) for alert in alerts} == {
        (Action.RAISE, Grade.RED, Status.ACTUAL)
    }


def test_open_incidents_stay_about_as_many_as_they_were() -> None:
    size = Size(zones=100, open_incidents=460, remembered=0)  # a tenth of the bench
    before, after = _open_incidents(size, inputs=2_000)
    assert before == 460
    assert abs(after - before) < 0.25 * before


def _open_incidents(size: Size, *, inputs: int) -> tuple[int, int]:
    prepared = prepare(size, inputs, 1)
    came = outcome(prepared.opened, prepared.mix)["open_incidents"]
    assert isinstance(came, list)
    return came[0], came[1]


def test_devices_go_on_speaking_while_the_mix_runs() -> None:
    log = PartitionLog(Size(zones=50, open_incidents=100, remembered=0))
    run_through(log.registered())
    run_through(log.evening())
    before = dump(log.writer.state)
    inputs = list(log.mixed(1_500))
    state = load(before)
    silent = [
        decision for _part, decision in folded(state, inputs) if decision.reason is Reason.CONDITION_ACTIVE
    ]
    assert state.now - load(before).now > 120 * SECOND_MS  # twice what they promise
    assert silent == [], "so few devices that none of them is meant to be silent"


def test_what_goes_to_a_broker_gives_the_same_state_when_it_is_decoded() -> None:
    log = PartitionLog(SMALL, on_wire=True)
    inputs = [*log.registered(), *log.evening(), *log.mixed(300)]
    state = new_state(0, LOG_PARTITIONS)
    for given in inputs:
        fold(state, given.entry)
    log.writer.state.last_hash = state.last_hash  # the bench's own fold is given what was decoded
    assert dump(state) == dump(log.writer.state)


def test_bytes_for_a_broker_change_nothing_that_is_folded() -> None:
    assert dump(evening(on_wire=True).writer.state) == dump(evening().writer.state)


def test_a_quiet_tick_is_measured_for_each_number_of_zones() -> None:
    assert set(quiet_ticks((2, 5), 0.0)) == {"2", "5"}


def test_ticks_that_are_called_quiet_have_nothing_due() -> None:
    log = PartitionLog(Size(zones=5, open_incidents=0, remembered=0))
    run_through(log.registered())
    before = dump(log.writer.state)
    decisions = folded(load(before), list(log.ticks(2_000, 10)))
    assert {decision.reason for _part, decision in decisions} == {Reason.TICK}
    assert len(decisions) == 2_000


def test_a_short_run_gives_every_figure() -> None:
    figures = on_one_core(0.0, SMALL, inputs=500, presses=30, zones=(2, 5))
    assert set(BARS) == set(bars_met(figures))
    assert {
        "inputs_per_s",
        "presses_per_s",
        "alerts",
        "bytes_per_device_memory",
        "bytes_per_device_snapshot",
        "bytes_per_incident_memory",
        "bytes_per_incident_snapshot",
        "snapshot_ms",
        "snapshot_bytes",
        "tick_us_quiet",
    } <= set(figures)
    assert figures["devices"] == SMALL.zones * DEVICES_PER_ZONE
    json.dumps(figures)


@pytest.mark.parametrize(
    ("ticks", "met"), [({"1": 1.0, "2": 1.0, "3": 1.4}, True), ({"1": 1.0, "2": 1.0, "3": 10.0}, False)]
)
def test_a_tick_that_grows_with_the_zones_misses_its_bar(ticks: dict[str, float], met: bool) -> None:
    figures = {"inputs_per_s": 60_000, "presses_per_s": 14_999, "snapshot_bytes": 1, "tick_us_quiet": ticks}
    assert bars_met(figures) == {
        "inputs_per_s": True,
        "presses_per_s": False,
        "snapshot_bytes": True,
        "tick_us_quiet": met,
    }
