"""One table of workers: what an agent does is what its spec says, and what operators may set follows from it."""

import inspect

import msgspec
import pytest

from schemas.topics import (
    ACK_RESULTS,
    ACKS,
    ALERTS,
    FUSION_INPUT,
    MAINTENANCE,
    PILLAR_EVENTS,
    TEST_ALERTS,
    ack_topic,
    pillar_topic,
)
from streams.worker.agent import Hooks, HotHooks
from streams.worker.edge import streams_of
from streams.worker.settings import AckSettings, PillarSettings
from streams.worker.spec import REPLICABLE, WORKERS, WorkerSpec, WorkersSettings

every_worker = pytest.mark.parametrize("spec", WORKERS.values(), ids=WORKERS)


@every_worker
def test_the_agent_of_a_spec_can_be_loaded_and_has_no_public_method_but_process_and_hooks(
    spec: WorkerSpec,
) -> None:
    agent = spec.load_agent()
    public = {name for name, _ in inspect.getmembers(agent, callable) if not name.startswith("_")}
    assert {"process", "quarantine"} <= public
    hooks = {*Hooks.__slots__, *(HotHooks.__slots__ if spec.is_hot else ())}
    assert public <= {"process", "quarantine", *hooks}, "a hook whose name is misspelt would never be called"


@every_worker
def test_what_decides_in_its_consuming_thread_waits_for_nothing(spec: WorkerSpec) -> None:
    agent = spec.load_agent()
    assert inspect.iscoroutinefunction(agent.process) is not spec.is_hot
    assert inspect.iscoroutinefunction(agent.quarantine) is not spec.is_hot
    assert not any(inspect.iscoroutinefunction(getattr(agent, name, None)) for name in HotHooks.__slots__)
    assert spec.paces.keys() <= set(spec.reads)


def test_the_config_has_a_table_for_each_worker_with_its_defaults() -> None:
    shipped = WorkersSettings()
    assert {field.name for field in msgspec.structs.fields(WorkersSettings)} == WORKERS.keys()
    assert all(shipped.of(name) == spec.settings for name, spec in WORKERS.items())


def test_no_two_workers_listen_on_the_same_port_as_shipped() -> None:
    assert len({spec.settings.http_port for spec in WORKERS.values()}) == len(WORKERS)


def test_workers_that_look_at_pictures_have_no_replica() -> None:
    assert REPLICABLE == ("alarms", "fusion")


@every_worker
def test_a_topic_is_read_in_the_group_or_followed_beside_it(spec: WorkerSpec) -> None:
    assert not set(spec.reads) & set(spec.follows)
    assert spec.acls.reads == (*spec.reads, *spec.follows)


@every_worker
def test_what_a_worker_reads_or_writes_must_be_there_before_it_starts(spec: WorkerSpec) -> None:
    assert set(spec.topics) == {*spec.reads, *spec.follows, *spec.writes}
    assert len(spec.topics) == len(set(spec.topics))


@every_worker
def test_what_is_collected_is_no_alert_and_nothing_that_another_worker_waits_for(spec: WorkerSpec) -> None:
    assert set(spec.calm) <= set(spec.writes)
    assert not set(spec.calm) & {ALERTS, MAINTENANCE, TEST_ALERTS, FUSION_INPUT, ACK_RESULTS}


def test_a_site_with_gateways_and_organisations_reads_a_topic_of_each_in_a_stream_of_its_family() -> None:
    gateways, senders = PillarSettings(gateways=("gw-1", "gw-2")), AckSettings(organisations={"county": ()})
    spec = WORKERS["alarms"].with_organisations(senders).with_gateways(gateways)
    assert spec.reads[0] == PILLAR_EVENTS, "presses go first, and its stream has the seconds"
    assert set(spec.reads) == {
        PILLAR_EVENTS,
        *map(pillar_topic, gateways.gateways),
        ACKS,
        ack_topic("county"),
    }
    assert streams_of(spec.reads, spec.in_turns) == (
        (PILLAR_EVENTS, pillar_topic("gw-1"), pillar_topic("gw-2")),
        (ACKS, ack_topic("county")),
    )
    assert set(spec.reads) <= set(spec.acls.reads)
    assert WORKERS["fusion"].with_gateways(gateways) is WORKERS["fusion"]
    assert WORKERS["alarms"].with_gateways(PillarSettings()) is WORKERS["alarms"]
