"""A file system of a few kilobytes for a worker's folder, so that it can be filled.

    mounted ──fill──► full: every write that needs room fails with ENOSPC ──close──► unmounted

It is a tmpfs; mounting one needs root, or `unshare --user --map-root-user --mount`.
"""

import errno
import subprocess
import tempfile
from pathlib import Path
from typing import BinaryIO, Final

from callbox_testkit.programs import installed_program

PAGE: Final = 4096  # a tmpfs allocates by pages
SIZE_KIB: Final = 256
"""Room for the log lines of a worker's start, some hundred bytes each."""


class NoDisk(Exception):
    """No file system can be mounted here."""


class SmallDisk:
    """One disk, mounted in a temporary folder.

    Attributes:
        path: Where it is mounted.

    Raises:
        NoDisk: No file system can be mounted here.
    """

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="callbox-disk-", ignore_cleanup_errors=True)
        self.path = Path(self._folder.name)
        try:
            subprocess.run(
                [_program("mount"), "-t", "tmpfs", "-o", f"size={SIZE_KIB}k", "callbox-disk", str(self.path)],
                capture_output=True,
                text=True,
                check=True,
            )
        except (OSError, subprocess.CalledProcessError) as error:
            self._folder.cleanup()
            raise NoDisk(getattr(error, "stderr", "") or str(error)) from error

    def fill(self) -> None:
        """Write until no file can grow any more, not even within its last page."""
        there = [file for file in self.path.rglob("*") if file.is_file()]
        for file in (self.path / "filling", *there):
            with file.open("ab", buffering=0) as growing:
                _write_until_full(growing)

    def is_full(self) -> bool:
        """Whether there is no room for another page."""
        try:
            (self.path / "probe").write_bytes(bytes(PAGE))
        except OSError as error:
            return error.errno == errno.ENOSPC
        return False

    def close(self) -> None:
        """Unmount it lazily: files that are still open stay usable until they are closed."""
        subprocess.run([_program("umount"), "--lazy", str(self.path)], check=True)
        self._folder.cleanup()


def _program(name: str) -> str:
    found = installed_program(name)
    if found is None:
        raise NoDisk(f"{name} is not installed")
    return found


def _write_until_full(growing: BinaryIO) -> None:
    for size in (PAGE, 1):
        try:
            while True:
                growing.write(b"\n" * size)
        except OSError as error:
            if error.errno != errno.ENOSPC:
                raise


def reason_why_none() -> str | None:
    """Why no small disk can be mounted here; None if one can."""
    try:
        SmallDisk().close()
    except NoDisk as error:
        return f"no disk of its own can be mounted for a worker ({error}): run as root, or in `unshare -rm`"
    return None
