"""What streams/faust/ replaces in Faust, and what it leaves in place and rests on, has not changed.

Each line is the hash of a function's source in the versions that pyproject.toml pins (docs/adr/0006). After an
upgrade the failing lines say what to read against streams/faust/. Then the kill tests and the latency bench are run,
and only then the hashes here are replaced by the ones that the failure shows.
"""

import inspect
import textwrap
from collections.abc import Callable, Iterator
from hashlib import blake2b
from typing import Any

import pytest
from faust import App
from faust.agents.agent import Agent
from faust.agents.manager import AgentManager
from faust.app.base import BootStrategy
from faust.channels import Channel
from faust.tables.manager import TableManager
from mode.services import Service
from mode.timers import Timer

from streams.faust.app import WorkerApp, _Boot
from streams.faust.inbox import Inbox
from streams.faust.transport import Transport

REPLACED = {
    "faust.app.base.App._create_directories": "1d8ba01ae486",
    "faust.app.base.BootStrategy.server": "fa4cbdc8048a",
    "faust.channels.Channel.clone": "56b2f20ade9c",
    "mode.services.ServiceCallbacks.on_start": "d35ee3db0da2",
    "mode.services.ServiceCallbacks.on_stop": "01b1597896a6",
}

RELIED_ON = {
    "mode.services.Service._actually_start": "3fdd50679cd7",
    "mode.services.Service.stop": "faaeb2b2b2e1",
    "mode.services.Service._default_stop_children": "c85cfd73afcd",
    "mode.services.Service._default_stop_futures": "28cc79203c27",
    "faust.app.base.App.on_init_dependencies": "cc8c103923ba",
    "faust.app.base.App.on_start": "d92a591518fb",
    "faust.app.base.App.on_stop": "4726290bdec7",
    "faust.agents.agent.Agent.actor_from_stream": "8caf8626d3fe",
    "faust.agents.agent.Agent._prepare_actor": "15b257e7a4b6",
    "faust.agents.agent.Agent._execute_actor": "f2a8407b38b0",
    "faust.agents.agent.Agent.on_stop": "f6de47bd2d99",
    "faust.agents.manager.AgentManager.stop": "1fb6be17d0bf",
    "faust.agents.manager.AgentManager.on_stop": "a85acd13f785",
    "faust.app.base.App.timer": "eb9478330968",
    "faust.app.base.App.on_started": "832e3317d071",
    "faust.app.base.App.on_started_init_extra_tasks": "19fb5e0650a2",
    "faust.tables.manager.TableManager.wait_until_recovery_completed": "7ebbeeff6a97",
    "mode.services.Service.itertimer": "cbf31962e0c5",
    "mode.services.Service._execute_task": "cee26675b6ff",
    "mode.timers.Timer.__aiter__": "2c162d1bce70",
    "mode.timers.Timer.tick": "5b7ded5fccb8",
}

REPLACING: tuple[tuple[type, type], ...] = (
    (WorkerApp, App),
    (_Boot, BootStrategy),
    (Inbox, Channel),
    (Transport, Service),
)


def source_hash(function: Any) -> str:
    """The hash of a function's source as it is installed, comments and all: a comment there may be the reason."""
    text = textwrap.dedent(inspect.getsource(function))
    return blake2b(text.encode(), digest_size=6).hexdigest()


def replaced() -> Iterator[Callable[..., Any]]:
    """The functions of Faust and mode that a class of streams/faust/ has a function of its own for."""
    for ours, theirs in REPLACING:
        for name, member in vars(ours).items():
            if inspect.isfunction(member) and not name.startswith("__") and hasattr(theirs, name):
                yield getattr(theirs, name)


RESTS_ON: tuple[Callable[..., Any], ...] = (
    # The order of starting and stopping: members of the group last, and first.
    Service._actually_start,
    Service.stop,
    Service._default_stop_children,
    Service._default_stop_futures,
    App.on_init_dependencies,
    App.on_start,
    App.on_stop,
    # An actor is made of our coroutine, is cancelled at a stop, and started again when it ends otherwise.
    Agent.actor_from_stream,
    Agent._prepare_actor,
    Agent._execute_actor,
    Agent.on_stop,
    AgentManager.stop,
    AgentManager.on_stop,
    # The timer: never twice at once, ended by a stop, and started although there are no tables.
    App.timer,
    App.on_started,
    App.on_started_init_extra_tasks,
    TableManager.wait_until_recovery_completed,
    Service.itertimer,
    Service._execute_task,
    Timer.__aiter__,
    Timer.tick,
)


def hashes(functions: Iterator[Callable[..., Any]]) -> dict[str, str]:
    return {f"{function.__module__}.{function.__qualname__}": source_hash(function) for function in functions}


def test_what_is_replaced_is_what_was_read_when_it_was_replaced() -> None:
    assert hashes(replaced()) == REPLACED


def test_what_is_left_in_place_does_what_it_did_when_it_was_relied_on() -> None:
    assert hashes(iter(RESTS_ON)) == RELIED_ON


def test_every_change_of_a_function_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    def clone(self: Any, *, is_iterator: bool | None = None, **kwargs: Any) -> Any:
        return self

    monkeypatch.setattr(Channel, "clone", clone)
    assert hashes(replaced()) != REPLACED
