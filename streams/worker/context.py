"""What an agent is given: its names, its way out, its counters and its threads."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, TypeVar

from streams.faust.batching import Batch
from streams.kafka.config import KafkaConfig
from streams.kafka.producer import Outgoing, Place
from streams.worker.metrics import Metrics
from streams.worker.settings import RuntimeSettings, WorkerSettings

T = TypeVar("T")


class Deliverer(Protocol):
    """What an agent asks of `streams.kafka.producer.Delivery`."""

    async def deliver(self, records: Sequence[Outgoing]) -> list[Place]:
        """Return where each record lies, once the broker has all of them."""


@dataclass(frozen=True, slots=True)
class Context:
    """One worker's surroundings.

    Attributes:
        name: Which worker.
        kafka: How to reach the broker.
        settings: Of this worker.
        runtime: Of all workers.
        delivery: The way out.
        metrics: The counters.
        executor: A bounded pool for what blocks: ONNX, OpenCV, restoring.
        assignment: The partitions of the agent's first topic that are ours now.
        caught_up: Those of them in which no record has waited for longer than a moment.
        partitions: How many partitions each topic has that the agent uses.
        cache: Where the model weights are.
        replica: The replica that the worker belongs to; empty: the first one, which needs no name.
    """

    name: str
    kafka: KafkaConfig
    settings: WorkerSettings
    runtime: RuntimeSettings
    delivery: Deliverer
    metrics: Metrics
    executor: ThreadPoolExecutor
    assignment: Callable[[], frozenset[int]]
    caught_up: Callable[[], frozenset[int]]
    partitions: Mapping[str, int]
    cache: Path
    replica: str = ""

    async def blocking(self, work: Callable[..., T], *arguments: Any) -> T:
        """Run what blocks beside the event loop, so that membership, commits and probes go on."""
        return await asyncio.get_running_loop().run_in_executor(self.executor, work, *arguments)


class Agent(Protocol):
    """One worker's job. `process` returns when everything that follows from the batches is delivered.

    Attributes:
        topics: What it reads, first what it is there for. Each topic is a stream of its own.
        uses: The other topics it needs.
    """

    topics: tuple[str, ...]
    uses: tuple[str, ...]

    async def start(self) -> None:
        """Load what the job needs; the worker reads nothing before this is done."""

    async def process(self, batches: Sequence[Batch]) -> None:
        """Process batches of one topic in order and deliver all that follows from them.

        Called for the next batches of a topic when this has returned; for other topics meanwhile.

        Raises:
            CallboxError: The process stops and the batches are read again.
        """

    async def after_ack(self) -> None:
        """What may happen once the batches are acked."""

    async def every_second(self) -> None:
        """What is due once a second."""

    def is_ready(self) -> bool:
        """Whether it has everything it needs to process what comes."""

    def is_restoring(self) -> bool:
        """Whether it reads what it needs before it can go on: that may take longer than a watchdog allows."""

    async def finish(self) -> None:
        """The last thing before the process ends in good order."""
