"""The mark beside a committed offset: written, read back, and nothing else is one."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.units import EpochMs
from streams.kafka.commit_mark import MOST_DEATHS, RUNNING, Mark, read_mark
from streams.kafka.partition_start import read_commit, write_metadata

marks = st.builds(
    Mark,
    st.booleans(),
    st.integers(0, (1 << 63) - 1),
    st.integers(0, 999_999),
    st.integers(0, MOST_DEATHS),
)


@given(marks)
def test_a_mark_is_read_back(mark: Mark) -> None:
    assert read_mark(str(mark)) == mark


@pytest.mark.parametrize(
    "text", ["", "u", "u1.2", "x1.2.3", "u-1.2.3", "u1.2.3 ", "u1.2.100", "u²1.2.3", "12"]
)
def test_other_text_is_no_mark(text: str) -> None:
    assert read_mark(text) is None


@given(st.text(alphabet=st.characters(codec="ascii")), st.integers(1, (1 << 63) - 1), marks)
def test_a_commit_with_a_mark_says_all_that_one_without_says(topic_id: str, done_at: int, mark: Mark) -> None:
    without = read_commit(7, write_metadata(topic_id, EpochMs(done_at)))
    marked = read_commit(7, write_metadata(topic_id, EpochMs(done_at), mark))
    assert marked == without._replace(mark=mark)
    assert without.mark is None


def test_only_who_was_at_work_has_died() -> None:
    assert RUNNING.deaths_now == 1
    assert Mark(True, 5, 1, 2).deaths_now == 3
    assert Mark(False, 5, 1, 2).deaths_now == 2


def test_deaths_are_counted_as_far_as_they_can_be_written() -> None:
    assert Mark(True, 5, 1, MOST_DEATHS).deaths_now == MOST_DEATHS
    assert read_mark(str(Mark(True, 5, 1, MOST_DEATHS + 5))) == Mark(True, 5, 1, MOST_DEATHS)
