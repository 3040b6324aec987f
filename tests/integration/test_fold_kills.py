"""A killed fusion worker forgets nothing: a tier that is due, and a zone full of open incidents. On Apache Kafka."""

import re
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from pathlib import Path

import pytest
import zstandard
from msgspec.structs import replace

from benchmarks.support.registry_load import pillar
from callbox.demo.processes.broker import Broker
from processors.fold.snapshot_codec import load
from processors.intake.pillar_event import to_input
from processors.state.partition_state import State
from processors.state.policy import FusionPolicy, policy_record
from schemas.ack import AckFact, Actor
from schemas.alert import Alert
from schemas.codec import decode, encode
from schemas.enums import AckAction, Action, InputKind, PillarKind, Tier
from schemas.fusion_log import FusionInput, FusionSnapshot, PillarFact
from schemas.partitioning import partition_of
from schemas.registry import ChainLink, RegistryDevice
from schemas.topics import ALERTS, BY_NAME, FUSION_INPUT, FUSION_SNAPSHOT, LOG_PARTITIONS, REGISTRY
from schemas.units import SECOND_MS, EpochMs
from streams.clock import now_ms
from streams.kafka.producer import ProducerRecord, publish
from streams.kafka.reader import LogRecord, read, read_all
from tests.support.kill_harness import KillHarness, kill_harness

pytestmark = [pytest.mark.kafka, pytest.mark.long]

PATIENCE_S = 60.0

SNAPSHOT_WITHIN_S = 240.0
"""A snapshot rests for 200 times what the one before it took, which is up to a second on a loaded machine."""

CALLS = 40
ACKNOWLEDGE_S = 6
CHAIN = (
    ChainLink(tier=Tier.VILLAGE, unit="village"),
    ChainLink(tier=Tier.TOWNSHIP, unit="township"),
    ChainLink(tier=Tier.COUNTY, unit="county"),
)

ZONE = "one-zone"
PARTITION = partition_of(ZONE, LOG_PARTITIONS)
OPEN = 5_000
ACCEPTED = 4_500  # the others go on to the next tier meanwhile
REMEMBERED = 4  # of each device: 20,000 in all
LIVE = 400
RATE = 50


def until(is_so: Callable[[], bool], what: str, within_s: float = PATIENCE_S) -> None:
    deadline = time.monotonic() + within_s
    while not is_so():
        assert time.monotonic() < deadline, what
        time.sleep(0.2)


def into_log(
    kind: InputKind, event_id: str, zone: str, payload: bytes, partition: int | None = None
) -> ProducerRecord:
    given = FusionInput(kind=kind, event_id=event_id, zone=zone, payload=payload)
    return ProducerRecord(FUSION_INPUT, zone.encode(), encode(given), partition)


def device_into_log(device: RegistryDevice) -> ProducerRecord:
    event_id = f"{device.device_id}:{device.revision}"
    return into_log(InputKind.DEVICE, event_id, device.zone, encode(device))


def patient_policy() -> Iterator[ProducerRecord]:
    """Somebody must answer a red within six seconds."""
    acknowledge = replace(FusionPolicy().acknowledge_ms, red=ACKNOWLEDGE_S * SECOND_MS)
    payload = encode(policy_record(FusionPolicy(acknowledge_ms=acknowledge), 1))
    for partition in range(LOG_PARTITIONS):
        yield into_log(InputKind.POLICY, "policy", "", payload, partition)


def alerts(running: KillHarness) -> list[Alert]:
    return [decode(record.value, Alert) for record in read_all(running.kafka, ALERTS)]


def escalations(found: list[Alert]) -> list[Alert]:
    return [alert for alert in found if alert.action is Action.ESCALATE]


def test_a_fold_that_is_killed_between_a_raise_and_its_escalation_escalates_each_tier_once(
    own_kafka: Broker, tmp_path: Path
) -> None:
    with kill_harness(own_kafka, tmp_path, CALLS) as running:
        three_tiers = [replace(pillar(number), revision=2, chain=CHAIN) for number in range(CALLS)]
        publish(running.kafka, [*patient_policy(), *map(device_into_log, three_tiers)])
        running.start("alarms")
        victim = running.start("fusion")
        with running.presses(CALLS, 200):
            until(lambda: len(running.raised()) == CALLS, "not every press was raised")
            victim.send(signal.SIGKILL)
        assert victim.wait(10) == -signal.SIGKILL
        assert escalations(alerts(running)) == [], "the kill came too late"
        running.start("fusion")
        until(lambda: len(ids_of_escalations(running)) >= CALLS * 2, "not every incident was escalated")
        time.sleep(ACKNOWLEDGE_S + 1)  # in which a third escalation would come
        differences, _ = running.account()
        assert differences == []
        found = {alert.alert_id: alert for alert in escalations(alerts(running))}.values()
        assert len({alert.incident_id for alert in found}) == CALLS
        times = Counter((alert.incident_id, alert.tier) for alert in found)
        assert set(times.values()) == {1}
        assert {tier for _, tier in times} == {Tier.TOWNSHIP, Tier.COUNTY}
        assert len(times) == CALLS * 2


def ids_of_escalations(running: KillHarness) -> set[str]:
    return {alert.alert_id for alert in escalations(alerts(running))}


def in_one_zone(number: int) -> RegistryDevice:
    return replace(pillar(number), zone=ZONE)


def before(at: EpochMs) -> Iterator[ProducerRecord]:
    """The log of one zone: its devices, what they said before, open incidents and the first answers."""
    everybody = [in_one_zone(number) for number in range(LIVE + OPEN)]
    yield from map(device_into_log, everybody)
    pressed = [device.device_id for device in everybody[LIVE:]]
    for number in range(REMEMBERED):
        for device_id in pressed:
            yield said(device_id, PillarKind.RELEASE, EpochMs(at - (REMEMBERED - number) * SECOND_MS))
    for device_id in pressed:
        yield said(device_id, PillarKind.PRESS, at)


def answers(open_now: Iterable[str]) -> Iterator[ProducerRecord]:
    """Somebody accepts most of the open incidents."""
    at = now_ms()
    for incident_id in islice(open_now, ACCEPTED):
        yield accepted(incident_id, at)


def said(device_id: str, kind: PillarKind, at: EpochMs) -> ProducerRecord:
    fact = PillarFact(
        event_id=f"{kind}-{device_id}-{at}",
        device_id=device_id,
        kind=kind,
        occurred_at=at,
        received_at=at,
    )
    return ProducerRecord(FUSION_INPUT, ZONE.encode(), encode(to_input(fact, ZONE)))


def accepted(incident_id: str, at: EpochMs) -> ProducerRecord:
    fact = AckFact(
        ack_id=f"accept-{incident_id}",
        incident_id=incident_id,
        action=AckAction.ACCEPT,
        actor=Actor(name="operator 1", organisation="control room"),
        at=at,
        received_at=at,
    )
    return into_log(InputKind.ACKNOWLEDGEMENT, fact.ack_id, ZONE, encode(fact))


def open_incidents(running: KillHarness) -> list[str]:
    return [alert.incident_id for alert in alerts(running) if alert.action is Action.RAISE]


def snapshots(running: KillHarness) -> list[tuple[LogRecord, FusionSnapshot]]:
    records = read(running.kafka, FUSION_SNAPSHOT, PARTITION, 0)
    return [(record, decode(record.value, FusionSnapshot)) for record in records]


def state_of(snapshot: FusionSnapshot) -> State:
    return load(zstandard.decompress(snapshot.state))


def newest_offset(running: KillHarness) -> int:
    return max((snapshot.next_offset for _, snapshot in snapshots(running)), default=0)


def test_a_zone_with_5000_open_incidents_is_restored_while_presses_go_on(
    own_kafka: Broker, tmp_path: Path
) -> None:
    with kill_harness(own_kafka, tmp_path, 0) as running:
        named = [in_one_zone(number) for number in range(LIVE)]
        publish(running.kafka, [ProducerRecord(REGISTRY, d.device_id.encode(), encode(d)) for d in named])
        publish(running.kafka, list(before(now_ms())))
        running.start("alarms")
        victim = running.start("fusion")
        until(lambda: len(open_incidents(running)) == OPEN, "not every press opened an incident")
        places = publish(running.kafka, list(answers(open_incidents(running))))
        loaded = 1 + max(place.offset for place in places)
        until(lambda: newest_offset(running) >= loaded, "no snapshot of the whole zone", SNAPSHOT_WITHIN_S)
        with running.presses(LIVE, RATE):
            time.sleep(1)
            victim.send(signal.SIGKILL)
            assert victim.wait(10) == -signal.SIGKILL
            heir = running.start("fusion")
        assert running.lost() == set()
        assert restored_from(heir.log_file) >= loaded, (
            "the heir did not begin with a snapshot of the whole zone"
        )
        differences, _ = running.account()
        assert differences == []
        found = {alert.alert_id: alert for alert in escalations(alerts(running))}.values()
        assert max(Counter((alert.incident_id, alert.tier) for alert in found).values(), default=1) == 1
        record, newest = max(snapshots(running), key=lambda found: found[1].next_offset)
        state = state_of(newest)
        assert len(state.incidents) >= OPEN
        assert sum(len(device.event_ids.ids) for device in state.devices.values()) >= OPEN * REMEMBERED
        assert len(record.value or b"") < BY_NAME[FUSION_SNAPSHOT].max_message_bytes


def restored_from(log_file: Path) -> int:
    """The highest offset of a snapshot that a worker says it began with."""
    return max(
        (int(found) for found in re.findall(r'"snapshot_offset": (\d+)', log_file.read_text())), default=0
    )
