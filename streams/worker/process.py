"""A worker as a process: it starts in order, stops in order, and ends at once when a part of it fails.

start: broker reachable ─► ACLs there ─► producer warm ─► agent started ─► group joined ─► ready
stop:  SIGTERM, SIGINT, SIGHUP ─► nothing more is begun ─► what is begun is delivered and committed ─► finish ─► exit 0
       not done within `drain_s`: exit 0 all the same; what is not committed is read again by the next owner
fail:  any exception that leaves an agent ─► exit 70, 69 or 77 by its cause; the batch is not committed
"""

import asyncio
import socket
from collections.abc import Callable, Coroutine, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NoReturn

import structlog

from schemas.codec import preload
from schemas.errors import CallboxError, WrongSchema
from streams.clock import SYSTEM_CLOCK, Clock
from streams.faust.app import WorkerApp, create_app
from streams.kafka.acls import group_of
from streams.kafka.client_settings import librdkafka_settings
from streams.kafka.config import KafkaConfig
from streams.kafka.group_consumer import ConsumerLimits
from streams.kafka.group_state import GroupState
from streams.kafka.log_signing import verifier_of
from streams.kafka.outbox import Outbox
from streams.kafka.producer import Delivery, sign_by
from streams.kafka.reader import BrokerReader
from streams.worker.agent import Hooks, HotAgent, MakeAgent, hooks_of, hot_hooks_of
from streams.worker.agent_loop import AgentLoop
from streams.worker.clock_watch import worker_name
from streams.worker.commit_limits import CommitLimits
from streams.worker.context import Context
from streams.worker.edge import Edge
from streams.worker.ending import EX_SOFTWARE, end_process, fail_stop, stop_now
from streams.worker.hot_loop import HotLoop
from streams.worker.lag import LagMonitor
from streams.worker.metrics import Metrics
from streams.worker.probes import Health, Readiness, serve_http
from streams.worker.process_tuning import (
    disable_core_dumps,
    lower_priority,
    shorten_switch_interval,
    stop_signals,
    tune_gc,
)
from streams.worker.settings import RuntimeSettings, WorkerSettings
from streams.worker.spec import WorkerSpec
from streams.worker.starting import WARM_UP_S, assert_can_start
from streams.worker.watchdog import Watchdog

log = structlog.get_logger(__name__)

FLUSH_S = 2.0

LAST_STEPS_S = 5.0
"""After the drain: the probes are closed and the producer is flushed."""


def run_worker(
    spec: WorkerSpec,
    make_agent: MakeAgent,
    kafka: KafkaConfig,
    settings: WorkerSettings,
    runtime: RuntimeSettings,
    cache: Path,
    replica: str = "",
    metrics: Metrics | None = None,
    *,
    when_it_can_start: Callable[[], None] = lambda: None,
) -> None:
    """Run one worker until SIGTERM. It does not return: the process ends with its exit code.

    Args:
        spec: Which worker.
        make_agent: Makes its agent.
        kafka: The broker.
        settings: Of this worker.
        runtime: Of all workers.
        cache: The folder of the models.
        replica: The replica that it belongs to; empty for the first.
        metrics: What it shows Prometheus, where something has been counted in it before; None: new ones.
        when_it_can_start: Called once the broker has let us in; a start that is refused prints one line, and no other.

    Raises:
        BrokerUnavailable: Nothing answers at the broker's address.
        AccessDenied: The broker refuses us.
        InputMissing: A topic or a model that the worker needs is not there.
        FileRefused: What the config names cannot be used, such as the port of the probes.
        DeliveryFailed: The broker does not answer the producer.
    """
    partitions = assert_can_start(spec, kafka, runtime, replica)
    when_it_can_start()
    preload()  # no record that comes reads its schema from a disk that may hang by then
    lower_priority(settings)
    disable_core_dumps()
    worker = _Worker(spec, make_agent, kafka, settings, runtime, partitions, cache, replica, metrics)
    tune_gc()
    shorten_switch_interval()
    asyncio.run(_run_and_exit(worker))


async def _run_and_exit(worker: "_Worker") -> NoReturn:
    """End the process from inside the loop: leaving it would wait for tasks and threads that may hang.

    Faust and librdkafka leave such threads; what must be delivered is delivered and flushed by now.
    """
    end_process(await worker.run())


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
        metrics: Metrics | None = None,
        clock: Clock = SYSTEM_CLOCK,
    ) -> None:
        self._clock = clock
        self._spec, self._name, self._replica = spec, spec.name, replica
        self._kafka, self._settings, self._runtime = kafka, settings, runtime
        self._make_agent, self._partitions, self._cache = make_agent, partitions, cache
        self._metrics, self._commit_limits = metrics or Metrics(), CommitLimits()
        self._sign, self._writer_of = sign_by(kafka, spec.name), verifier_of(kafka)
        self._stopping = asyncio.Event()
        self._wrong_schema: WrongSchema | None = None

    async def run(self) -> int:
        loop = asyncio.get_running_loop()
        for number in stop_signals():
            loop.add_signal_handler(number, self._stopping.set)
        state = GroupState(self._spec.reads, self._clock)
        lag = LagMonitor(state, self._spec.reads, self._metrics, self._clock)
        delivery = Delivery(librdkafka_settings(self._kafka), sign=self._sign)
        group = group_of(self._name, self._runtime.group_prefix, self._replica)

        def note_made_anew(topic: str) -> None:
            loop.call_soon_threadsafe(context.note_made_anew, topic)

        edge = Edge(
            self._kafka,
            group,
            self._spec.reads,
            self._spec.tables,
            self._limits,
            state,
            self._commit_limits,
            note_made_anew,
            self._spec.in_turns,
        )

        def fail(error: BaseException) -> NoReturn:
            edge.excuse(error)
            stop_now(error)

        context = self._make_context(delivery, lag, edge, loop)
        agent = self._make_agent(context)
        hooks = hooks_of(agent)
        health = Health(lag, hooks, stall_s=self._runtime.stall_s)
        readiness = Readiness(health.missing, self._clock)
        http = serve_http(readiness, self._metrics, self._settings)
        publishing = asyncio.create_task(readiness.keep_publishing())
        app, outboxes = self._make_app(group, edge, agent, lag, state, fail)
        senders: tuple[Delivery | Outbox, ...] = (*outboxes, delivery)

        async def start() -> None:
            for each in senders:
                await asyncio.to_thread(each.warm_up, self._spec.reads[0], WARM_UP_S)
            health.delivery_warm = True
            await hooks.start()
            health.agent_started = True
            await _started(app)

        watchdog = Watchdog(
            self._kafka,
            state,
            lag,
            edge.consumers,
            give_up_s=self._runtime.give_up_s,
            is_restoring=hooks.is_restoring,
            answered_at=edge.answered_at,
            fail=fail,
            clock=self._clock,
        )

        async def every_second() -> None:
            watchdog.note_loop_alive()
            self._look_at_unreadable(context)
            await edge.tell(delivery, self._metrics, worker_name(context), self._clock.now_ms())
            await hooks.every_second()

        _run_every_second(app, f"{self._name}.every_second", every_second, fail)
        crashed = False
        if await self._unless_stopped(start()):
            watchdog.start()
            edge.watch()
            log.info(
                "worker.started",
                worker=self._name,
                topics=list(self._spec.reads),
                http_port=self._settings.http_port,
            )
            crashed = await self._until_stopped(app)
            edge.watch_no_more(is_excused=not crashed)
        watchdog.stop_within(self._runtime.drain_s + LAST_STEPS_S)
        code = EX_SOFTWARE if crashed else await self._drained(app, hooks)
        if http is not None:
            await asyncio.to_thread(http.close)
        publishing.cancel()
        await asyncio.gather(*(asyncio.to_thread(each.close, FLUSH_S) for each in senders))
        log.info("worker.stopped", worker=self._name, exit_code=code)
        watchdog.end()
        return code

    @property
    def _limits(self) -> ConsumerLimits:
        return ConsumerLimits(
            batch_records=self._settings.batch_records,
            most_in_hand=self._settings.waiting_batches * self._settings.batch_records,
            fetch_bytes=self._settings.fetch_bytes,
            commit_interval_s=self._runtime.commit_interval_s,
        )

    def _make_app(
        self,
        group: str,
        edge: Edge,
        agent: Any,
        lag: LagMonitor,
        state: GroupState,
        fail: Callable[[BaseException], NoReturn] = stop_now,
    ) -> tuple[WorkerApp, tuple[Outbox, ...]]:
        """A Faust app that runs the members of the group; for hot agents it has none, but what they send by."""
        app = create_app(group)
        if self._spec.is_hot:
            return app, self._run_hot(app, edge, agent, lag, state)
        loop = AgentLoop(
            agent,
            state,
            lag,
            self._metrics,
            merge_records=self._settings.merge_records,
            fail=fail,
            is_stopping=lambda: app.should_stop,
        )
        edge.run_agents(app, lambda topic, inbox: app.add_agent(f"{self._name}.{topic}", inbox, loop.run))
        return app, ()

    def _run_hot(
        self, app: WorkerApp, edge: Edge, agent: HotAgent, lag: LagMonitor, state: GroupState
    ) -> tuple[Outbox, ...]:
        paces, hooks = self._spec.paces, hot_hooks_of(agent)

        def make_loop(topic: str, outbox: Outbox) -> HotLoop:
            return HotLoop(
                agent,
                hooks,
                state,
                lag,
                self._metrics,
                outbox,
                self._clock,
                merge_records=self._settings.merge_records,
                rest_s=paces[topic].rest_s if topic in paces else 0.0,
                has_seconds=topic == self._spec.reads[0],
            )

        def make_outbox() -> Outbox:
            return Outbox(
                librdkafka_settings(self._kafka), calm=self._spec.calm, clock=self._clock, sign=self._sign
            )

        return edge.run_hot(app, paces, make_loop, make_outbox)

    def _make_context(
        self, delivery: Delivery, lag: LagMonitor, edge: Edge, loop: asyncio.AbstractEventLoop
    ) -> Context:
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
            caught_up_of=lag.caught_up_of,
            committed=lag.committed,
            partitions=self._partitions,
            cache=self._cache,
            replica=self._replica,
            host=socket.gethostname(),
            commit_limits=self._commit_limits,
            writer_of=self._writer_of,
            clock=self._clock,
            tell_read_anew=edge.note_read_anew,
            spawn=lambda work: asyncio.run_coroutine_threadsafe(work, loop),
        )

    def _look_at_unreadable(self, context: Context) -> None:
        """Stop in good order where all that comes is unreadable: what was rejected is committed, the rest waits."""
        for topic, count in context.unreadable.counts.items():
            self._metrics.dead_letters_in_a_row.labels(topic).set(count)
        try:
            context.unreadable.look()
        except WrongSchema as error:
            if self._wrong_schema is None:
                log.critical("worker.failed", error=f"{type(error).__name__}: {error}")
            self._wrong_schema = error
            self._stopping.set()

    async def _unless_stopped(self, start: Coroutine[Any, Any, None]) -> bool:
        """Start; False when a signal came first, and then nothing is waited for and nothing more is begun.

        Raises:
            CallboxError: What kept it from starting.
        """
        starting, stopping = asyncio.create_task(start), asyncio.create_task(self._stopping.wait())
        await asyncio.wait({starting, stopping}, return_when=asyncio.FIRST_COMPLETED)
        stopping.cancel()
        if not starting.done():
            starting.cancel()
            return False
        starting.result()
        return True

    async def _until_stopped(self, app: WorkerApp) -> bool:
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

    async def _drained(self, app: WorkerApp, hooks: Hooks) -> int:
        """Drain, and return the exit code: that of a wrong schema where this is why it ends."""
        code = await self._drain(app, hooks)
        return code if code or self._wrong_schema is None else self._wrong_schema.exit_code

    async def _drain(self, app: WorkerApp, hooks: Hooks) -> int:
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


def _run_every_second(
    app: WorkerApp,
    name: str,
    work: Callable[[], Coroutine[Any, Any, None]],
    fail: Callable[[BaseException], object] = stop_now,
) -> None:
    """Let the app do this once a second until it stops; without it a worker does half of its job."""

    async def second() -> None:
        await fail_stop(work(), is_stopping=lambda: app.should_stop, fail=fail)

    app.timer(1.0, name=name)(second)


async def _started(app: WorkerApp) -> None:
    """Start Faust; the group is joined meanwhile."""
    try:
        await app.start()
    except Exception as error:  # noqa: BLE001 - its threads would keep a process alive that has not started
        stop_now(error)


async def _finished(app: WorkerApp, hooks: Hooks) -> None:
    await app.stop()
    await hooks.finish()
