"""One list of rights: what workers ask for, use, and what the command prints are the same."""

import re
from importlib import import_module
from types import SimpleNamespace

import pytest
from click.testing import CliRunner

from callbox.commands import topics as command
from callbox.commands.worker import AGENTS
from callbox.terminal.choices import REPLICATED
from schemas.topics import CATALOGUE
from streams.kafka.acls import RIGHTS
from streams.worker.settings import RuntimeSettings

RUNTIME = RuntimeSettings(group_prefix="callbox")


def test_every_worker_has_its_rights() -> None:
    assert RIGHTS.keys() == AGENTS.keys()


@pytest.mark.parametrize("worker", AGENTS)
def test_a_worker_has_a_right_on_what_it_reads_and_uses_and_on_nothing_else(worker: str) -> None:
    module, _, attribute = AGENTS[worker].partition(":")
    agent = getattr(import_module(module), attribute)
    rights = RIGHTS[worker]
    assert set(agent.topics) <= set(rights.reads)
    assert {*rights.reads, *rights.writes} == {*agent.topics, *agent.uses}
    assert {*rights.reads, *rights.writes} <= {topic.name for topic in CATALOGUE if not topic.planned}


def printed(*options: str) -> dict[str, dict[str, set[str]]]:
    """What `callbox topics acls` grants: by worker and operation."""
    invocation = SimpleNamespace(config=SimpleNamespace(runtime=RUNTIME))
    run = CliRunner().invoke(command.topics, ["acls", "--principal-prefix", "ops-", *options], obj=invocation)
    assert run.exit_code == 0
    granted: dict[str, dict[str, set[str]]] = {}
    for line in run.output.splitlines():
        user, operation, what = re.fullmatch(
            r"--add --allow-principal User:ops-(\w+) --operation (Read|Write|Describe) (.+)", line
        ).groups()  # type: ignore[union-attr]  # None would fail the test as well
        pieces = {piece.strip() for piece in what.split("--")[1:]}
        granted.setdefault(user, {}).setdefault(operation, set()).update(pieces)
    return granted


def on_topics(names: tuple[str, ...]) -> set[str]:
    return {f"topic {name}" for name in names}


def test_the_command_prints_these_rights_for_each_worker_s_user() -> None:
    assert printed() == {
        worker: {
            "Read": on_topics(rights.reads) | {f"group callbox.{worker}"},
            "Write": on_topics(rights.writes),
        }
        for worker, rights in RIGHTS.items()
    }


def test_a_replica_has_a_group_of_its_own_and_sees_that_of_the_first_set() -> None:
    assert printed("--replica", "b") == {
        worker: {
            "Read": on_topics(RIGHTS[worker].reads) | {f"group callbox.{worker}.b"},
            "Write": on_topics(RIGHTS[worker].writes),
            "Describe": {f"group callbox.{worker}"},
        }
        for worker in REPLICATED
    }
