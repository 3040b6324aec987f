"""A disk of a few kilobytes can be filled until nothing on it grows."""

from collections.abc import Iterator

import pytest

from benchmarks.small_disk import NoDisk, SmallDisk, reason_why_none


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


def test_it_can_be_had_or_the_reason_is_said() -> None:
    reason = reason_why_none()
    assert reason is None or "mount" in reason
