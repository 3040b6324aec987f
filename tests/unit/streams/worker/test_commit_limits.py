"""Records that no commit may pass: the lowest of a partition counts, and a release lifts it."""

from streams.worker.commit_limits import CommitLimits
from tests.support.fakes import consumed


def test_without_a_held_record_there_is_no_limit() -> None:
    assert CommitLimits().of("topic", 0) is None


def test_the_lowest_held_offset_of_a_partition_is_its_limit() -> None:
    limits = CommitLimits()
    for offset in (9, 4, 7):
        limits.hold(consumed(b"", offset=offset))
    assert limits.of("topic", 0) == 4
    assert (limits.of("topic", 1), limits.of("other", 0)) == (None, None)


def test_a_release_lifts_the_limit_to_the_next_held_record_and_then_altogether() -> None:
    limits = CommitLimits()
    first, second = consumed(b"", offset=4), consumed(b"", offset=7)
    limits.hold(first)
    limits.hold(second)
    assert (limits.is_held(first), limits.is_held(second)) == (True, True)
    limits.release([first])
    assert (limits.of("topic", 0), limits.is_held(first)) == (7, False)
    limits.release([second])
    assert limits.of("topic", 0) is None


def test_releasing_what_is_not_held_changes_nothing() -> None:
    limits = CommitLimits()
    limits.hold(consumed(b"", offset=4))
    limits.release([consumed(b"", offset=5), consumed(b"", offset=4, partition=1)])
    assert limits.of("topic", 0) == 4
