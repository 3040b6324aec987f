"""The limit of log lines: the first of each kind, then a few a second, the rest counted."""

from hypothesis import given
from hypothesis import strategies as st

from callbox.log_limit import ALL_KINDS, EACH_KIND, OTHERS, TOLD_AT_ONCE, LineLimit, Rate


def written(limit: LineLimit, kind: str, count: int, now: float = 0.0) -> int:
    return sum(limit.allows(kind, now) for _ in range(count))


def test_a_burst_is_written_and_the_rest_counted() -> None:
    limit = LineLimit()
    assert written(limit, "record.dead_lettered", 10_000) == EACH_KIND.burst
    assert limit.take_suppressed() == {"record.dead_lettered": 10_000 - EACH_KIND.burst}
    assert limit.take_suppressed() == {}
    assert not limit.has_suppressed


def test_after_the_burst_there_are_a_few_a_second() -> None:
    limit = LineLimit(Rate(burst=10, per_s=2))
    written(limit, "a", 10)
    assert [written(limit, "a", 100, now) for now in (1, 2, 3)] == [2, 2, 2]


def test_one_kind_takes_nothing_from_another() -> None:
    limit = LineLimit()
    written(limit, "a", 10_000)
    assert limit.allows("b", 0)


def test_all_kinds_together_are_limited_too() -> None:
    limit = LineLimit()
    assert sum(written(limit, str(kind), 100) for kind in range(100)) == ALL_KINDS.burst


def test_what_may_be_the_last_line_is_written_although_the_others_have_taken_everything() -> None:
    limit = LineLimit()
    for kind in range(100):
        written(limit, str(kind), 100)
    assert not limit.allows("worker.failed", 0)
    assert limit.allows("worker.failed", 0, is_last=True)


def test_kinds_without_number_take_no_memory_and_are_told_together() -> None:
    limit = LineLimit(each=Rate(1, 1), everything=Rate(1e9, 1e9), most_kinds=10)
    for kind in range(10_000):
        limit.allows(str(kind), 0)
    assert len(limit._kinds) <= 11
    assert limit.take_suppressed() == {OTHERS: 10_000 - 10 - 1}


def test_a_kind_that_is_quiet_again_gives_its_place_to_another() -> None:
    limit = LineLimit(each=Rate(1, 1), most_kinds=1)
    assert limit.allows("a", 0)
    assert limit.allows("b", 10)
    assert set(limit._kinds) == {"b"}


def test_of_many_kinds_those_with_the_most_lines_are_told_each() -> None:
    limit = LineLimit(each=Rate(1, 1), everything=Rate(1e9, 1e9))
    for kind in range(100):
        written(limit, str(kind), kind + 2)
    told = limit.take_suppressed()
    assert len(told) == TOLD_AT_ONCE + 1
    assert next(iter(told.items())) == ("99", 100)
    assert sum(told.values()) == sum(range(1, 101))


@given(st.lists(st.tuples(st.sampled_from("abc"), st.floats(0, 100)), max_size=300))
def test_every_line_is_written_or_counted_and_no_kind_exceeds_its_rate(
    lines: list[tuple[str, float]],
) -> None:
    limit, each = LineLimit(Rate(3, 1), Rate(5, 1)), dict.fromkeys("abc", 0)
    for kind, now in sorted(lines, key=lambda line: line[1]):
        each[kind] += limit.allows(kind, now)
    assert sum(each.values()) + sum(limit.take_suppressed().values()) == len(lines)
    assert max(each.values()) <= 3 + 100
    assert sum(each.values()) <= 5 + 100
