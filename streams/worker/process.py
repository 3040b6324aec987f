"""A worker as a process: start in order, tell how it is, stop in order, and never live on half dead.

start: broker reachable ─► producer warm ─► agent loaded ─► group joined ─► ready
stop:  SIGTERM ─► no more fetches ─► what is in hand is delivered, acked, committed ─► agent.finish ─► exit 0
       not done within `drain_s`: exit 0 all the same; what was not acked is read again by the next owner
fail:  any exception that leaves an agent ─► exit 70, or 77 for a right that we lack; nothing acked
"""

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import Coroutine, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NoReturn, Protocol

import structlog
from aiokafka.errors import GroupAuthorizationFailedError, TopicAuthorizationFailedError
from confluent_kafka import KafkaException

from schemas.errors import AccessDenied, CallboxError, InputMissing
from streams.faust.app import batched_topic, create_app
from streams.faust.batch_merge import EX_SOFTWARE, merged
from streams.faust.batching import BatchApp
from streams.kafka.acls import assert_rights, group_of
from streams.kafka.admin import admin_client, assert_reachable
from streams.kafka.client_settings import librdkafka_settings
from streams.kafka.config import KafkaConfig
from streams.kafka.errors import explain
from streams.kafka.producer import Delivery
from streams.worker.context import Agent, Context
from streams.worker.lag import Progress
from streams.worker.metrics import Metrics
from streams.worker.probes import Health, serve_http
from streams.worker.process_tuning import give_way, leave_no_core, share_interpreter, tame_garbage_collection
from streams.worker.replica_start import begin_where_the_first_is
from streams.worker.settings import RuntimeSettings, WorkerSettings

log = structlog.get_logger(__name__)

WARM_UP_S = 8.0
FLUSH_S = 2.0
_RIGHT_GONE = (TopicAuthorizationFailedError, GroupAuthorizationFailedError)


class AgentClass(Protocol):
    """Makes an agent, and says which topics it will need before it is made."""

    topics: tuple[str, ...]
    uses: tuple[str, ...]

    def __call__(self, context: Context) -> Agent:
        """Make it; nothing is loaded yet."""


def run_worker(
    name: str,
    make_agent: AgentClass,
    kafka: KafkaConfig,
    settings: WorkerSettings,
    runtime: RuntimeSettings,
    cache: Path,
    replica: str = "",
) -> None:
    """Run one worker until it is told to stop. Does not return: the process ends with its exit code.

    Raises:
        BrokerUnavailable: Nothing answers at the broker's address.
        AccessDenied: The broker refuses us.
        InputMissing: A topic or a model that the worker needs is not there.
        FileRefused: What the config names cannot be used, such as the port of the probes.
        DeliveryFailed: The broker does not answer the producer.
    """
    assert_reachable(kafka, timeout_s=WARM_UP_S)
    group, first = group_of(name, runtime, replica), group_of(name, runtime)
    assert_rights(kafka, name, group, first if replica else "")
    partitions = _partitions(kafka, (*make_agent.topics, *make_agent.uses))
    if replica:
        read = {topic: partitions[topic] for topic in make_agent.topics}
        begin_where_the_first_is(kafka, read, group, first)
    give_way(settings)
    leave_no_core()
    worker = _Worker(name, make_agent, kafka, settings, runtime, partitions, cache, replica)
    tame_garbage_collection()
    share_interpreter()
    asyncio.run(_run_and_exit(worker))


async def _run_and_exit(worker: "_Worker") -> NoReturn:
    """End the process from inside the loop: leaving it would wait for tasks and threads that may hang.

    Faust and librdkafka leave such threads; all that matters is done and flushed.
    """
    code = await worker.run()
    with contextlib.suppress(OSError):  # the disk may be full that takes what we print
        sys.stdout.flush()
        sys.stderr.flush()
    os._exit(code)


def _partitions(kafka: KafkaConfig, topics: Sequence[str]) -> dict[str, int]:
    try:
        found = admin_client(kafka, []).list_topics(timeout=WARM_UP_S).topics
    except KafkaException as error:
        raise explain(kafka, error.args[0]) from error
    if missing := [topic for topic in topics if topic not in found]:
        raise InputMissing(f"topics are missing: {', '.join(missing)}; run `callbox topics apply`")
    return {topic: len(found[topic].partitions) for topic in topics}


class _Worker:
    def __init__(
        self,
        name: str,
        make_agent: AgentClass,
        kafka: KafkaConfig,
        settings: WorkerSettings,
        runtime: RuntimeSettings,
        partitions: Mapping[str, int],
        cache: Path,
        replica: str = "",
    ) -> None:
        self._name, self._replica = name, replica
        self._kafka, self._settings, self._runtime = kafka, settings, runtime
        self._make_agent, self._partitions, self._cache = make_agent, partitions, cache
        self._metrics = Metrics()
        self._stopping = asyncio.Event()

    async def run(self) -> int:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stopping.set)
        group = group_of(self._name, self._runtime, self._replica)
        app = create_app(group, self._kafka, self._settings, self._runtime)
        delivery = Delivery(librdkafka_settings(self._kafka))
        context = Context(
            name=self._name,
            kafka=self._kafka,
            settings=self._settings,
            runtime=self._runtime,
            delivery=delivery,
            metrics=self._metrics,
            executor=ThreadPoolExecutor(self._settings.threads, thread_name_prefix=self._name),
            assignment=lambda: progress.partitions(),  # noqa: PLW0108 - progress is made after it
            caught_up=lambda: progress.caught_up(),  # noqa: PLW0108 - as above
            partitions=self._partitions,
            cache=self._cache,
            replica=self._replica,
        )
        agent = self._make_agent(context)
        progress = Progress(app, agent.topics, self._metrics)
        health = Health(progress, agent, delivery_warm=False, stall_s=self._runtime.stall_s)
        http = await serve_http(health, self._metrics, self._settings)

        async def start() -> None:
            await delivery.warm_up(agent.topics[0], WARM_UP_S)
            health.delivery_warm = True
            await agent.start()
            for topic in agent.topics:
                self._attach(app, agent, progress, topic)
            await _started(app)

        crashed = False
        if await self._unless_stopped(start()):
            log.info(
                "worker.started",
                worker=self._name,
                topics=list(agent.topics),
                http_port=self._settings.http_port,
            )
            seconds = asyncio.create_task(self._every_second(agent, progress))
            crashed = await self._until_stopped(app)
            seconds.cancel()
        code = _crash_code(app.crash_reason) if crashed else await self._drain(app, agent)
        if http is not None:
            await http.cleanup()
        await asyncio.to_thread(delivery.close, FLUSH_S)
        log.info("worker.stopped", worker=self._name, exit_code=code)
        return code

    def _attach(self, app: BatchApp, agent: Agent, progress: Progress, topic: str) -> None:
        """Give one topic a stream and a loop of its own."""
        settings, metrics = self._settings, self._metrics

        async def consume(stream: Any) -> None:
            async for events in merged(
                stream, limit=settings.merge_records, waiting=settings.waiting_batches
            ):
                try:
                    await agent.process([event.value for event in events])
                    for event in events:
                        event.ack()
                        progress.note(event.value)
                    await agent.after_ack()
                except BaseException as error:  # whatever it is: nothing may leave an agent
                    if isinstance(error, asyncio.CancelledError) and app.should_stop:
                        raise
                    # Cancelled by anything else: Faust would start another, without what this one holds.
                    _stop_now(error)
                metrics.records.labels(topic).inc(sum(len(event.value) for event in events))

        app.agent(batched_topic(app, topic), name=f"{self._name}.{topic}")(consume)

    async def _every_second(self, agent: Agent, progress: Progress) -> None:
        try:
            while True:
                progress.sample()
                if agent.is_restoring():
                    progress.excuse()
                progress.assert_advancing(self._runtime.give_up_s)
                await agent.every_second()
                await asyncio.sleep(1.0)
        except asyncio.CancelledError:
            raise
        except BaseException as error:  # noqa: BLE001 - a worker without its timer is half dead
            _stop_now(error)

    async def _unless_stopped(self, start: Coroutine[Any, Any, None]) -> bool:
        """Start; False when a signal came first, and then nothing is waited for.

        Raises:
            CallboxError: What kept it from starting.
        """
        starting, stopping = asyncio.create_task(start), asyncio.create_task(self._stopping.wait())
        await asyncio.wait({starting, stopping}, return_when=asyncio.FIRST_COMPLETED)
        stopping.cancel()
        if not starting.done():
            return False
        starting.result()
        return True

    async def _until_stopped(self, app: BatchApp) -> bool:
        """Wait for a signal or a crash; True after a crash."""
        watched = {
            asyncio.ensure_future(self._stopping.wait()),
            asyncio.ensure_future(app.wait_until_stopped()),
        }
        _, pending = await asyncio.wait(watched, return_when=asyncio.FIRST_COMPLETED)
        for task in pending:
            task.cancel()
        if self._stopping.is_set():
            return False
        log.critical("worker.crashed", worker=self._name, error=repr(app.crash_reason))
        return True

    async def _drain(self, app: BatchApp, agent: Agent) -> int:
        if not app.started:  # told to stop before it began: nothing is in hand
            return 0
        log.info("worker.draining", worker=self._name, bound_s=self._runtime.drain_s)
        ending = asyncio.create_task(_finished(app, agent))
        # Waited for and not cancelled: Faust takes no notice of a cancellation while it stops, and would hang on.
        await asyncio.wait({ending}, timeout=self._runtime.drain_s)
        if not ending.done():
            log.warning("worker.drain_timed_out", worker=self._name, bound_s=self._runtime.drain_s)
            return 0
        try:
            ending.result()
        except CallboxError as error:
            log.warning("worker.finish_failed", worker=self._name, error=str(error))
        except (Exception, asyncio.CancelledError) as error:
            log.critical("worker.drain_failed", worker=self._name, error=repr(error), exc_info=error)
            return EX_SOFTWARE
        return 0


async def _started(app: BatchApp) -> None:
    """Start Faust; returns when the group is joined."""
    try:
        await app.start()
    except Exception as error:  # noqa: BLE001 - its threads would keep a process alive that has not started
        _stop_now(error)


async def _finished(app: BatchApp, agent: Agent) -> None:
    await app.stop()
    await agent.finish()


def _crash_code(reason: BaseException | None) -> int:
    """What the process ends with when Faust has given up: a right that was taken away is told from a fault."""
    return AccessDenied.exit_code if isinstance(reason, _RIGHT_GONE) else EX_SOFTWARE


def _stop_now(error: BaseException) -> None:
    """End the process without an ack: the next owner reads the batch again."""
    code = error.exit_code if isinstance(error, CallboxError) else EX_SOFTWARE
    log.critical("worker.failed", error=f"{type(error).__name__}: {error}", exc_info=error)
    with contextlib.suppress(OSError):
        sys.stderr.flush()
    os._exit(code)
