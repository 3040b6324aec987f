"""One list of ACLs: what workers ask for and what the command prints are the same."""

import re
from types import SimpleNamespace

import pytest
from click.testing import CliRunner

from callbox.commands import topics as command
from schemas.topics import CATALOGUE, FUSION_SNAPSHOT, INCIDENTS, dead_letter_topic
from streams.worker.settings import AckSettings, PillarSettings, RuntimeSettings
from streams.worker.spec import REPLICABLE, WORKERS, WorkerSpec

RUNTIME = RuntimeSettings(group_prefix="callbox")


@pytest.mark.parametrize("spec", WORKERS.values(), ids=WORKERS)
def test_a_worker_is_granted_topics_of_the_catalogue_only(spec: WorkerSpec) -> None:
    assert set(spec.topics) <= {topic.name for topic in CATALOGUE if not topic.planned}


@pytest.mark.parametrize("spec", WORKERS.values(), ids=WORKERS)
def test_a_worker_may_write_the_dead_letters_of_what_it_reads(spec: WorkerSpec) -> None:
    passed_over = {FUSION_SNAPSHOT, INCIDENTS}
    needed = {dead_letter_topic(topic) for topic in {*spec.reads, *spec.follows} - passed_over}
    assert needed <= set(spec.acls.writes)


def printed(*options: str) -> dict[str, dict[str, set[str]]]:
    """What `callbox topics acls` grants: by worker and operation."""
    invocation = SimpleNamespace(
        config=SimpleNamespace(runtime=RUNTIME, acknowledgements=AckSettings(), pillars=PillarSettings())
    )
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


def test_the_command_prints_these_acls_for_each_worker_s_user() -> None:
    assert printed() == {
        worker: {
            "Read": on_topics(spec.acls.reads) | {f"group callbox.{worker}"},
            "Write": on_topics(spec.acls.writes),
        }
        for worker, spec in WORKERS.items()
    }


def test_a_replica_has_a_group_of_its_own_and_sees_that_of_the_first_set() -> None:
    assert printed("--replica", "b") == {
        worker: {
            "Read": on_topics(WORKERS[worker].acls.reads) | {f"group callbox.{worker}.b"},
            "Write": on_topics(WORKERS[worker].acls.writes),
            "Describe": {f"group callbox.{worker}"},
        }
        for worker in REPLICABLE
    }
