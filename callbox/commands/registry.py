"""`callbox registry apply`: a town file becomes the registry, and its changes are written to the log.

    read registry ─► changes ─► device records and expected feeds in fusion.input.v1, delivered ─► site.registry.v1

In this order the fold knows a device before a worker sends a fact about it. If the command is interrupted between the
two, running it again with the same file completes it: a repeat is a newer revision with the same content.
"""

from pathlib import Path

import click

from callbox.invocation import Invocation
from callbox.registry.changes import (
    RegistryChange,
    expected_feeds,
    log_inputs,
    registry_change,
    registry_records,
)
from callbox.registry.in_force import read_registry
from callbox.registry.registry_file import read_site
from callbox.terminal.printable import echo, printable
from callbox.terminal.text_file import read_text
from schemas.codec import encode
from schemas.enums import InputKind
from schemas.fusion_log import ExpectedFeeds
from schemas.ids import fingerprint
from schemas.registry import RegistryDevice
from schemas.topics import FUSION_INPUT, REGISTRY
from streams.clock import now_ms
from streams.kafka.producer import ProducerRecord, publish
from streams.kafka.topics import partition_count
from streams.worker.log_writer import broadcast, forward


@click.group()
def registry() -> None:
    """The site registry: devices, zones, who answers."""


@registry.command()
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--dry-run", is_flag=True, help="Show the difference and write nothing.")
@click.option("--all", "everything", is_flag=True, help="Write every device anew: for a log that was lost.")
@click.pass_obj
def apply(invocation: Invocation, file: Path, *, dry_run: bool, everything: bool) -> None:
    """Make FILE the registry; what it does not name is removed."""
    wanted = read_site(read_text(file), str(file))
    kafka = invocation.config.kafka
    partitions = partition_count(kafka, FUSION_INPUT)  # fails here if there is no broker or no log
    known, unreadable = read_registry(kafka)
    changes = registry_change(known, wanted, now_ms(), everything=everything)
    _show(changes, unreadable)
    if dry_run or (changes.is_empty and not unreadable):
        return
    feeds = _feeds(expected_feeds(wanted, changes.revision), partitions)
    publish(kafka, [*(forward(made) for made in log_inputs(changes)), *feeds])
    publish(kafka, _registry(changes, unreadable))
    echo(f"applied as revision {changes.revision}")


def _feeds(feeds: ExpectedFeeds, partitions: int) -> list[ProducerRecord]:
    """The expected feeds for every partition of the log."""
    name = fingerprint("expected_feeds", feeds.revision, *feeds.topics)
    return broadcast(InputKind.EXPECTED_FEEDS, name, feeds, range(partitions))


def _registry(changes: RegistryChange, unreadable: list[bytes]) -> list[ProducerRecord]:
    """The records for the registry topic. Tombstones of unreadable ones come first: a device may have the same key."""
    records = [ProducerRecord(REGISTRY, key, None) for key in unreadable]
    return records + [
        ProducerRecord(REGISTRY, device_id.encode(), None if device is None else encode(device))
        for device_id, device in registry_records(changes).items()
    ]


def _show(changes: RegistryChange, unreadable: list[bytes]) -> None:
    for word, devices in (("added", changes.added), ("changed", changes.changed)):
        for device in devices:
            echo(_line(word, device, f"{device.kind} in {device.zone}"))
    for old, new in changes.moved:
        echo(_line("moved", new, f"{old.zone} to {new.zone}"))
    for device in changes.removed:
        echo(_line("removed", device, f"{device.kind} in {device.zone}"))
    for key in unreadable:
        echo(f"removed  {key!r}  a record that cannot be read")
    if changes.again:
        echo(f"again    {len(changes.again)} devices as they were")
    if changes.is_empty and not unreadable:
        echo("no difference, nothing written")


def _line(word: str, device: RegistryDevice, what: str) -> str:
    """One line of a change; what was removed may have been written by another program."""
    return printable(f"{word:9}{device.device_id}  {what}")
