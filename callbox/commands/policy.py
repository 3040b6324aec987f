"""`callbox policy apply`: a policy is written into every partition of the log and is in force from there on."""

from pathlib import Path

import click
import msgspec

from callbox.files import read_text, refusal
from callbox.invocation import Invocation
from processors.policy import FusionPolicy, policy_record, validate
from schemas.catalogue import FUSION_INPUT
from schemas.codec import encode
from schemas.enums import InputKind
from schemas.ids import fingerprint
from schemas.log import FusionInput, PolicyRecord
from schemas.toml import read_strict
from streams.clock import now_ms
from streams.delivery import Outgoing
from streams.sending import send_all
from streams.topics import partition_count


@click.group()
def policy() -> None:
    """The policy: limits of fusion that an operator may set."""


@policy.command()
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--dry-run", is_flag=True, help="Show the policy and write nothing.")
@click.pass_obj
def apply(invocation: Invocation, file: Path, *, dry_run: bool) -> None:
    """Put the policy of FILE into force; what it leaves out has its default."""
    record = policy_record(read_policy_file(read_text(file), str(file)), now_ms())
    click.echo(msgspec.json.format(record.content).decode())
    click.echo(f"version  {record.version}")
    if dry_run:
        return
    kafka = invocation.config.kafka
    partitions = partition_count(kafka, FUSION_INPUT)
    value = encode(_input(record))
    send_all(kafka, [Outgoing(FUSION_INPUT, b"", value, partition) for partition in range(partitions)])
    click.echo(f"applied as revision {record.revision} to {partitions} partitions")


def read_policy_file(text: str, origin: str) -> FusionPolicy:
    """Read a policy file.

    Raises:
        FileRefused: Unknown key, wrong type, a value outside its limits, or values that contradict each other.
    """
    read = read_strict(text, FusionPolicy, origin)
    if problems := validate(read):
        raise refusal(origin, problems)
    return read


def _input(record: PolicyRecord) -> FusionInput:
    """The broadcast envelope: no zone, since it is for all of them."""
    return FusionInput(
        kind=InputKind.POLICY,
        event_id=fingerprint("policy", record.version, record.revision),
        zone="",
        payload=encode(record),
    )
