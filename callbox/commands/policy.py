"""`callbox policy`: show the policy in force, and replace it.

    file ─► changes to the policy in force ─► every partition of fusion.input.v1, the one that is looked at last

callbox/policy/in_force.py says which policy is in force.
"""

from collections.abc import Callable, Sequence
from pathlib import Path

import click
import msgspec

from callbox.invocation import Invocation
from callbox.policy.changes import PolicyChange, as_toml, policy_changes
from callbox.policy.in_force import LOOKED_AT, in_force
from callbox.terminal.printable import echo, echo_json
from callbox.terminal.text_file import read_text, refusal
from processors.state.partition_state import State
from processors.state.policy import FusionPolicy, policy_record, validate
from schemas.enums import InputKind
from schemas.errors import BrokerUnavailable, InputMissing, LogBroken
from schemas.fusion_log import PolicyRecord
from schemas.ids import fingerprint
from schemas.strict_toml import read_strict
from schemas.topics import FUSION_INPUT
from streams.clock import now_ms
from streams.kafka.admin import assert_reachable
from streams.kafka.config import KafkaConfig
from streams.kafka.producer import ProducerRecord, publish
from streams.kafka.topics import partition_count
from streams.worker.log_writer import broadcast

_LOOK_S = 2.0  # how long a dry run, which needs no broker, waits for one


@click.group()
def policy() -> None:
    """The policy: limits of fusion that an operator may set."""


@policy.command()
@click.option("--json", "as_json", is_flag=True, help="As JSON, with its version and revision.")
@click.pass_obj
def show(invocation: Invocation, *, as_json: bool) -> None:
    """Show the policy in force, as the file that `apply` reads."""
    kafka = invocation.config.kafka
    state = in_force(kafka, partition_count(kafka, FUSION_INPUT))
    shown = {"version": state.policy_version, "revision": state.policy_revision}
    if as_json:
        shown["policy"] = msgspec.to_builtins(state.policy)
        echo_json(shown)
        return
    origin = f"revision {state.policy_revision}" if state.policy_revision else "the default, none was applied"
    echo(f"# version {state.policy_version}, {origin}")
    echo(as_toml(state.policy))


@policy.command()
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--dry-run", is_flag=True, help="Show the policy and what it changes, and write nothing.")
@click.option("--force", is_flag=True, help="Write it anew, also where nothing changes.")
@click.pass_obj
def apply(invocation: Invocation, file: Path, *, dry_run: bool, force: bool) -> None:
    """Put the policy of FILE into force; what it leaves out has its default."""
    kafka = invocation.config.kafka
    wanted = read_policy_file(read_text(file), str(file))
    version = policy_record(wanted, 0).version
    if dry_run:
        _show_dry(kafka, wanted, version)
        return
    partitions = partition_count(kafka, FUSION_INPUT)
    state = _known(kafka, partitions)
    changes = None if state is None else policy_changes(state.policy, wanted)
    _show(changes)
    echo(f"version  {version}")
    if changes is not None and not (changes or force):
        echo("nothing written")
        return
    revision = max(now_ms(), 0 if state is None else state.policy_revision + 1)
    put_in_force(kafka, policy_record(wanted, revision), partitions)
    echo(f"applied as revision {revision} to {partitions} partitions")


def put_in_force(
    kafka: KafkaConfig,
    record: PolicyRecord,
    partitions: int,
    send: Callable[[KafkaConfig, Sequence[ProducerRecord]], object] = publish,
) -> None:
    """Write a policy to every partition of the log.

    Args:
        kafka: The broker.
        record: The policy.
        partitions: How many the log has.
        send: Delivers records, or fails.
    """
    name = fingerprint("policy", record.version, record.revision)
    others = [partition for partition in range(partitions) if partition != LOOKED_AT]
    send(kafka, broadcast(InputKind.POLICY, name, record, others))
    # Last: if an apply is interrupted before, the next one still sees the difference.
    send(kafka, broadcast(InputKind.POLICY, name, record, [LOOKED_AT]))


def read_policy_file(text: str, origin: str) -> FusionPolicy:
    """Read a policy file.

    Raises:
        FileRefused: Unknown key, wrong type, a value outside its limits, or values that contradict each other.
    """
    found = read_strict(text, FusionPolicy, origin)
    if problems := validate(found):
        raise refusal(origin, problems)
    return found


def _show_dry(kafka: KafkaConfig, wanted: FusionPolicy, version: str) -> None:
    """Show the policy, and what it changes if there is a broker."""
    echo_json(msgspec.to_builtins(wanted, order="sorted"), indent=True)
    echo(f"version  {version}")
    try:
        assert_reachable(kafka, _LOOK_S)
        state = _known(kafka, partition_count(kafka, FUSION_INPUT))
    except (BrokerUnavailable, InputMissing) as error:
        echo(f"the policy in force is not known: {error}", err=True)
        state = None
    _show(None if state is None else policy_changes(state.policy, wanted))


def _show(changes: Sequence[PolicyChange] | None) -> None:
    if changes is None:
        echo("the difference cannot be shown")
    elif not changes:
        echo("no difference")
    for change in changes or ():
        echo(f"changes  {change}")


def _known(kafka: KafkaConfig, partitions: int) -> State | None:
    """The state with the policy in force; None, with a text on stderr, if the log is broken."""
    try:
        return in_force(kafka, partitions)
    except LogBroken as error:
        echo(f"the policy in force is not known: {error}", err=True)
        return None
