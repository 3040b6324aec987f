"""The app factory: Faust keeps the process, with its agents, timers and lifecycle; consuming is ours (docs/adr/0020).

Turned off: Faust's consumer and producer, topics, tables, the leader topic and its web pages.
"""

from collections.abc import Callable, Coroutine, Iterable
from typing import Any, cast

import faust
from faust.app.base import BootStrategy
from faust.types import ServiceT

from streams.faust.inbox import Inbox
from streams.kafka.batch import Batch


class _Boot(BootStrategy):
    """Agents, and then what feeds them: it stops first, while they can still finish what they have begun."""

    enable_kafka = False
    enable_kafka_consumer = False
    enable_kafka_producer = False
    enable_web = False

    def server(self) -> Iterable[ServiceT]:
        """The services of the app, in the order in which they start."""
        return [*super().server(), *cast("WorkerApp", self.app).transports]


class WorkerApp(faust.App):
    """A Faust app without Faust's own way to the broker."""

    transports: tuple[ServiceT, ...] = ()
    """What brings records to the agents (streams/faust/transport.py)."""

    def _create_directories(self) -> None:
        """Faust makes a data directory for its tables; there are none."""

    def inbox(self, may_begin: Callable[[Batch], bool]) -> Inbox:
        """The channel of one agent."""
        return Inbox(self, may_begin)

    def add_agent(
        self, name: str, inbox: Inbox, consume: Callable[[Inbox], Coroutine[Any, Any, None]]
    ) -> None:
        """Run this coroutine as the agent of an inbox, from the app's start to its end."""

        async def actor(_stream: Any) -> None:
            inbox.open()
            await consume(inbox)

        self.agent(inbox, name=name)(actor)


def create_app(group: str) -> WorkerApp:
    """Make the Faust app of one worker.

    Args:
        group: Its consumer group; names the app.

    Returns:
        An app that is not started.
    """
    app = WorkerApp(
        group,
        broker="kafka://127.0.0.1:1",  # it is never asked: consuming and producing are ours
        topic_allow_declare=False,
        topic_disable_leader=True,
        reply_create_topic=False,
        store="memory://",
        web_enabled=False,
        autodiscover=False,
    )
    app.boot_strategy = _Boot(app)
    return app
