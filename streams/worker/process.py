"""A worker as a process: it starts in order, stops in order, and ends at once when a part of it fails.

start: broker reachable ─► ACLs there ─► producer warm ─► agent started ─► group joined ─► ready
stop:  SIGTERM, SIGHUP ─► no more fetches ─► what is in hand is delivered and committed ─► agent.finish ─► exit 0
       not done within `drain_s`: exit 0 all the same; what is not committed is read again by the next owner
fail:  any exception that leaves an agent ─► exit 70, or 77 for an ACL that we lack; the batch is not committed
"""

import asyncio
import os
import socket
from collections.abc import Callable, Coroutine, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NoReturn

import structlog
from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient

from schemas.errors import AccessDenied, CallboxError, InputMissing
from streams.clock import SYSTEM_CLOCK, Clock
from streams.faust.app import batched_topic, create_app, is_access_denied
from streams.faust.assignment import Assignment
from streams.faust.batch_merge import EX_SOFTWARE, drain_pending
from streams.faust.batching import BatchApp
from streams.kafka.acls import assert_acls, group_of
from streams.kafka.admin import admin_client, assert_reachable
from streams.kafka.client_settings import librdkafka_settings
from streams.kafka.config import KafkaConfig
from streams.kafka.errors import explain
from streams.kafka.producer import Delivery
from streams.kafka.reader import BrokerReader
from streams.worker.agent import Agent, Hooks, MakeAgent, hooks_of
from streams.worker.commit_limits import CommitLimits
from streams.worker.context import Context
from streams.worker.lag import LagMonitor
from streams.worker.metrics import Metrics
from streams.worker.probes import Health, serve_http
from streams.worker.process_tuning import (
    disable_core_dumps,
    flush_output,
    lower_priority,
    shorten_switch_interval,
    stop_signals,
    tune_gc,
)
from streams.worker.replica_start import advance_to_first_group
from streams.worker.settings import RuntimeSettings, WorkerSettings
from streams.worker.spec import WorkerSpec

log = structlog.get_logger(__name__)

WARM_UP_S = 8.0
FLUSH_S = 2.0


def run_worker(
    spec: WorkerSpec,
    make_agent: MakeAgent,
    kafka: KafkaConfig,
    settings: WorkerSettings,
    runtime: RuntimeSettings,
    cache: Path,
    replica: str = "",
) -> None:
    """Run one worker until SIGTERM. It does not return: the process ends with its exit code.

    Raises:
        BrokerUnavailable: Nothing answers at the broker's address.
        AccessDenied: The broker refuses us.
        InputMissing: A topic or a model that the worker needs is not there.
        FileRefused: What the config names cannot be used, such as the port of the probes.
        DeliveryFailed: The broker does not answer the producer.
    """
    assert_reachable(kafka, timeout_s=WARM_UP_S)
    group, first = (group_of(spec.name, runtime.group_prefix, each) for each in (replica, ""))
    assert_acls(kafka, spec.acls, group, first if replica else "")
    partitions = _partitions(kafka, spec.topics)
    if replica:
        read = {topic: partitions[topic] for topic in spec.reads}
        advance_to_first_group(kafka, read, group, first)
    lower_priority(settings)
    disable_core_dumps()
    worker = _Worker(spec, make_agent, kafka, settings, runtime, partitions, cache, replica)
    tune_gc()
    shorten_switch_interval()
    asyncio.run(_run_and_exit(worker))


async def _run_and_exit(worker: "_Worker") -> NoReturn:
    """End the process from inside the loop: leaving it would wait for tasks and threads that may hang.

    Faust and librdkafka leave such threads; what must be delivered is delivered and flushed by now.
    """
    code = await worker.run()
    flush_output()
    os._exit(code)


def _partitions(
    kafka: KafkaConfig,
    topics: Sequence[str],
    make_admin: Callable[[KafkaConfig, list[KafkaError]], AdminClient] = admin_client,
) -> dict[str, int]:
    """How many partitions each topic has.

    Raises:
        InputMissing: A topic is not there.
        BrokerUnavailable: The broker does not answer.
        AccessDenied: The broker refuses us.
    """
    try:
        found = make_admin(kafka, []).list_topics(timeout=WARM_UP_S).topics
    except KafkaException as error:
        raise explain(kafka, error.args[0]) from error
    if missing := [topic for topic in topics if topic not in found]:
        raise InputMissing(f"topics are missing: {', '.join(missing)}; run `callbox topics apply`")
    return {topic: len(found[topic].partitions) for topic in topics}


class _Worker:
    def __init__(
        self,
        spec: WorkerSpec,
        make_agent: MakeAgent,
        kafka: KafkaConfig,
        settings: WorkerSettings,
        runtime: RuntimeSettings,
        partitions: Mapping[str, int],
        cache: Path,
        replica: str = "",
        clock: Clock = SYSTEM_CLOCK,
    ) -> None:
        self._clock = clock
        self._spec, self._name, self._replica = spec, spec.name, replica
        self._kafka, self._settings, self._runtime = kafka, settings, runtime
        self._make_agent, self._partitions, self._cache = make_agent, partitions, cache
        self._metrics, self._commit_limits = Metrics(), CommitLimits()
        self._stopping = asyncio.Event()

    async def run(self) -> int:
        loop = asyncio.get_running_loop()
        for number in stop_signals():
            loop.add_signal_handler(number, self._stopping.set)
        app = self._make_app()
        lag = LagMonitor(Assignment(app), self._spec.reads, self._metrics, self._clock)
        delivery = Delivery(librdkafka_settings(self._kafka))
        agent = self._make_agent(self._make_context(delivery, lag))
        hooks = hooks_of(agent)
        health = Health(lag, hooks, stall_s=self._runtime.stall_s)
        http = await serve_http(health, self._metrics, self._settings)

        async def start() -> None:
            await delivery.warm_up(self._spec.reads[0], WARM_UP_S)
            health.delivery_warm = True
            await hooks.start()
            health.agent_started = True
            for topic in self._spec.reads:
                self._attach(app, agent, hooks, lag, topic)
            await _started(app)

        crashed = False
        if await self._unless_stopped(start()):
            log.info(
                "worker.started",
                worker=self._name,
                topics=list(self._spec.reads),
                http_port=self._settings.http_port,
            )
            seconds = asyncio.create_task(self._every_second(hooks, lag))
            crashed = await self._until_stopped(app)
            seconds.cancel()
        code = _crash_code(app.crash_reason) if crashed else await self._drain(app, hooks)
        if http is not None:
            await http.cleanup()
        await asyncio.to_thread(delivery.close, FLUSH_S)
        log.info("worker.stopped", worker=self._name, exit_code=code)
        return code

    def _make_app(self) -> BatchApp:
        return create_app(
            group_of(self._name, self._runtime.group_prefix, self._replica),
            self._kafka,
            batch_records=self._settings.batch_records,
            waiting_batches=self._settings.waiting_batches,
            fetch_bytes=self._settings.fetch_bytes,
            commit_interval_s=self._runtime.commit_interval_s,
            commit_limit=self._commit_limits.of,
        )

    def _make_context(self, delivery: Delivery, lag: LagMonitor) -> Context:
        return Context(
            spec=self._spec,
            settings=self._settings,
            runtime=self._runtime,
            delivery=delivery,
            reader=BrokerReader(self._kafka),
            metrics=self._metrics,
            executor=ThreadPoolExecutor(self._settings.threads, thread_name_prefix=self._name),
            assignment=lag.partitions,
            caught_up=lag.caught_up,
            partitions=self._partitions,
            cache=self._cache,
            replica=self._replica,
            host=socket.gethostname(),
            commit_limits=self._commit_limits,
            clock=self._clock,
        )

    def _attach(self, app: BatchApp, agent: Agent, hooks: Hooks, lag: LagMonitor, topic: str) -> None:
        """Give one topic a stream and a loop of its own."""
        settings, metrics = self._settings, self._metrics

        async def consume(stream: Any) -> None:
            async for events in drain_pending(
                stream, limit=settings.merge_records, waiting=settings.waiting_batches
            ):
                try:
                    await agent.process([event.value for event in events])
                    for event in events:
                        event.ack()
                        lag.note_done(event.value)
                    await hooks.after_batch()
                except BaseException as error:  # whatever it is: no exception may leave an agent
                    if isinstance(error, asyncio.CancelledError) and app.should_stop:
                        raise
                    # Cancelled by anything else: Faust would start another, without what this one holds.
                    _stop_now(error)
                metrics.records.labels(topic).inc(sum(len(event.value) for event in events))

        app.agent(batched_topic(app, topic), name=f"{self._name}.{topic}")(consume)

    async def _every_second(self, hooks: Hooks, lag: LagMonitor) -> None:
        try:
            while True:
                lag.sample()
                if hooks.is_restoring():
                    lag.excuse()
                lag.assert_advancing(self._runtime.give_up_s)
                await hooks.every_second()
                await asyncio.sleep(1.0)
        except asyncio.CancelledError:
            raise
        except BaseException as error:  # noqa: BLE001 - without its timer a worker does half of its job
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

    async def _drain(self, app: BatchApp, hooks: Hooks) -> int:
        if not app.started:  # stopped before it began: nothing is in hand
            return 0
        log.info("worker.draining", worker=self._name, bound_s=self._runtime.drain_s)
        ending = asyncio.create_task(_finished(app, hooks))
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


async def _finished(app: BatchApp, hooks: Hooks) -> None:
    await app.stop()
    await hooks.finish()


def _crash_code(reason: BaseException | None) -> int:
    """The exit code when Faust has ended by itself: an ACL that was removed is no fault of ours."""
    return AccessDenied.exit_code if is_access_denied(reason) else EX_SOFTWARE


def _stop_now(error: BaseException) -> None:
    """End the process without a commit: the next owner reads the batch again."""
    code = error.exit_code if isinstance(error, CallboxError) else EX_SOFTWARE
    log.critical("worker.failed", error=f"{type(error).__name__}: {error}", exc_info=error)
    flush_output()
    os._exit(code)
