"""A fusion agent whose states are restored at once, and the world around it."""

import pytest

from streams.state.ticks import TickWriter
from streams.worker.settings import RuntimeSettings
from streams.workers.fusion import FusionAgent
from tests.support.fakes import World
from tests.support.fusion_agent import PARTITION, Restored
from tests.support.log_records import PARTITIONS


@pytest.fixture
def restored() -> Restored:
    return Restored()


@pytest.fixture
def world() -> World:
    """A worker that owns the zone's partition; snapshots are due at once."""
    made = World("fusion", partitions=PARTITIONS, runtime=RuntimeSettings(snapshot_interval_s=0))
    made.ours = frozenset({PARTITION})
    return made


@pytest.fixture
def agent(world: World, restored: Restored) -> FusionAgent:
    return FusionAgent(world.context, restored, ticks=TickWriter(world.context, spread_s=0))
