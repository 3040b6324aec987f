"""A disk of a few kilobytes can be filled until nothing on it grows."""

import subprocess
from collections.abc import Iterator

import pytest

from benchmarks.chaos.small_disk import NoDisk, SmallDisk, reason_why_none


@pytest.fixture
def disk() -> Iterator[SmallDisk]:
    try:
        mounted = SmallDisk()
    except NoDisk as error:
        pytest.skip(f"no right to mount: {error}")
    yield mounted
    mounted.close()


def test_a_file_that_was_there_does_not_grow_any_more(disk: SmallDisk) -> None:
    (disk.path / "folder").mkdir()
    log = disk.path / "folder" / "worker.log"
    with log.open("ab", buffering=0) as growing:
        growing.write(b"a line\n")
        disk.fill()
        size = log.stat().st_size
        with pytest.raises(OSError, match="No space left"):
            growing.write(b"another\n")
    assert disk.is_full()
    assert log.stat().st_size == size


def test_it_is_not_full_at_first(disk: SmallDisk) -> None:
    assert not disk.is_full()


@pytest.mark.parametrize(
    "failure",
    [
        subprocess.CalledProcessError(32, "mount", stderr="mount: only root can do that"),
        FileNotFoundError(2, "only root has a mount program"),
    ],
)
def test_where_nothing_may_be_mounted_the_reason_is_said(
    monkeypatch: pytest.MonkeyPatch, failure: Exception
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise failure

    monkeypatch.setattr("benchmarks.chaos.small_disk.subprocess.run", refuse)
    assert "only root" in (reason_why_none() or "")
    with pytest.raises(NoDisk, match="only root"):
        SmallDisk()
