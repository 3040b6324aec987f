"""The policy in force is that of the state at the end of the log, on either broker."""

from collections.abc import Callable

import pytest

from callbox.policy.in_force import in_force
from processors.state.policy import DEFAULT_VERSION, FusionPolicy, policy_record
from schemas.codec import encode
from schemas.enums import InputKind
from schemas.fusion_log import FusionInput, Tick
from streams.kafka.config import KafkaConfig
from streams.kafka.producer import ProducerRecord, publish

MakeTopic = Callable[..., str]
"""(config, partitions) -> the name of a new topic."""


@pytest.fixture
def log_topic(any_config: KafkaConfig, make_topic: MakeTopic, monkeypatch: pytest.MonkeyPatch) -> str:
    """A log of one partition, and snapshots of it."""
    name = make_topic(any_config, 1)
    for module in ("callbox.policy.in_force", "streams.state.restore"):
        monkeypatch.setattr(f"{module}.FUSION_INPUT", name)
    monkeypatch.setattr("streams.state.restore.FUSION_SNAPSHOT", make_topic(any_config, 1))
    return name


def told(kind: InputKind, record: object) -> bytes:
    return encode(FusionInput(kind=kind, event_id="e", zone="", payload=encode(record)))  # type: ignore[arg-type]


def test_the_newest_policy_of_the_log_is_in_force_and_without_any_the_default(
    any_config: KafkaConfig, log_topic: str
) -> None:
    def write(*values: bytes) -> None:
        for value in values:  # a batch for each, so that the end lies behind several
            publish(any_config, [ProducerRecord(log_topic, b"", value, 0)])

    empty = in_force(any_config, 1)
    assert (empty.policy_version, empty.policy_revision, empty.offset) == (DEFAULT_VERSION, 0, 0)
    first, second = (policy_record(FusionPolicy(reach_m=reach), reach) for reach in (100, 150))
    write(told(InputKind.POLICY, first), told(InputKind.TICK, Tick(number=1)), told(InputKind.POLICY, second))
    write(told(InputKind.TICK, Tick(number=2)))
    state = in_force(any_config, 1)
    assert (state.policy.reach_m, state.policy_version, state.offset) == (150, second.version, 4)
