"""Where reading begins, and what nobody will have read."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.units import EpochMs
from streams.kafka.batch import PartitionPlace
from streams.kafka.partition_start import (
    Bounds,
    Commit,
    LossKind,
    StartPoint,
    UnreadRecords,
    after_truncation,
    find_start,
    is_another,
    read_commit,
    write_metadata,
)

PLACE = PartitionPlace("topic", 0)
ID, OTHER_ID = "nOQf+tfNRXm6VcdW1ssFVw", "75NMYCV6Q/K6bf7RU0fZ2A"
DONE_AT = EpochMs(1_790_000_000_000)
LARGEST = 2**63 - 1


def ours(offset: int, topic_id: str = ID) -> Commit:
    return Commit(offset, topic_id, DONE_AT, is_ours=True)


def lost(kind: LossKind, *, expected: int, found: int, records: int | None = None) -> UnreadRecords:
    return UnreadRecords(PLACE, kind, ID, expected, found, records, DONE_AT)


# --- where to begin -----------------------------------------------------------------------------------------------


def test_without_a_commit_reading_begins_with_the_first_record_that_is_there() -> None:
    assert find_start(PLACE, Bounds(ID, 7, 40), None) == StartPoint(7)


@pytest.mark.parametrize("offset", [7, 20, 40])
def test_a_commit_within_the_partition_is_where_reading_goes_on(offset: int) -> None:
    assert find_start(PLACE, Bounds(ID, 7, 40), ours(offset)) == StartPoint(offset, is_as_committed=True)


def test_what_retention_took_is_counted_and_told() -> None:
    start = find_start(PLACE, Bounds(ID, 7, 40), ours(4))
    assert start == StartPoint(7, lost(LossKind.TAKEN, expected=4, found=7, records=3))


def test_a_partition_that_ends_before_the_commit_is_read_from_its_first_record() -> None:
    start = find_start(PLACE, Bounds(ID, 7, 40), ours(41))
    assert start == StartPoint(7, lost(LossKind.SHORTER, expected=41, found=40))


def test_a_topic_of_another_id_is_read_from_its_first_record_whatever_is_committed() -> None:
    for offset in (0, 7, 20, 41):
        start = find_start(PLACE, Bounds(ID, 7, 40), ours(offset, OTHER_ID))
        assert start == StartPoint(7, lost(LossKind.REPLACED, expected=offset, found=7))


def test_an_id_that_is_not_known_says_nothing() -> None:
    assert find_start(PLACE, Bounds("", 0, 40), ours(20)).loss is None
    assert find_start(PLACE, Bounds(ID, 0, 40), ours(20, "")).loss is None
    assert [is_another("", ID), is_another(ID, ""), is_another(ID, ID), is_another(ID, OTHER_ID)] == [
        False,
        False,
        False,
        True,
    ]


def test_an_end_that_cannot_be_trusted_is_not_compared() -> None:
    assert find_start(PLACE, Bounds("", 0, None), ours(1_000)) == StartPoint(1_000, is_as_committed=True)


def test_a_foreign_clients_commit_counts_where_we_have_made_none() -> None:
    assert find_start(PLACE, Bounds(ID, 0, 40), Commit(30)) == StartPoint(30, is_as_committed=True)


def test_a_foreign_clients_commit_counts_for_nothing_where_we_know_where_we_were() -> None:
    assert find_start(PLACE, Bounds(ID, 0, 40), Commit(30), ours(10)) == StartPoint(10)


def test_a_commit_of_another_worker_of_ours_counts_more_than_our_own_earlier_one() -> None:
    assert find_start(PLACE, Bounds(ID, 0, 40), ours(30), ours(10)) == StartPoint(30, is_as_committed=True)


def test_a_commit_that_the_broker_has_forgotten_is_remembered() -> None:
    assert find_start(PLACE, Bounds(ID, 0, 40), None, ours(10)) == StartPoint(10)


def test_a_commit_that_went_with_its_topic_is_remembered_as_one_for_that_topic() -> None:
    start = find_start(PLACE, Bounds(ID, 0, 40), None, ours(10, OTHER_ID))
    assert start == StartPoint(0, lost(LossKind.REPLACED, expected=10, found=0))


def test_what_was_read_last_and_is_gone_is_told_with_where_the_partition_ends_now() -> None:
    start = after_truncation(PLACE, Bounds(ID, 7, 40), 55)
    assert start.offset == 7
    assert start.loss == UnreadRecords(PLACE, LossKind.SHORTER, ID, 55, 40, None, None)
    assert after_truncation(PLACE, Bounds("", 7, None), 55).loss == UnreadRecords(
        PLACE, LossKind.SHORTER, "", 55, 7, None, None
    )


commits = st.builds(
    Commit, st.integers(0, 60), st.sampled_from(["", ID, OTHER_ID]), st.none(), is_ours=st.booleans()
)
bounds = st.tuples(st.sampled_from(["", ID]), st.integers(0, 30), st.integers(0, 30)).map(
    lambda drawn: Bounds(drawn[0], drawn[1], drawn[1] + drawn[2])
)


@given(bounds, st.none() | commits, st.none() | commits)
def test_reading_begins_within_the_partition_and_below_a_trusted_commit_only_what_is_told_is_not_read(
    there: Bounds, commit: Commit | None, remembered: Commit | None
) -> None:
    start = find_start(PLACE, there, commit, remembered)
    assert there.high is not None
    assert there.low <= start.offset <= there.high
    known = [each.offset for each in (commit, remembered) if each is not None]
    assert start.offset in {there.low, *known}
    if start.loss is None and start.offset > there.low:
        assert start.offset in known
    if start.is_as_committed:
        assert commit is not None
        assert start.offset == commit.offset


# --- what a commit carries ----------------------------------------------------------------------------------------


def test_a_commit_of_ours_says_for_which_topic_and_until_when_everything_was_done() -> None:
    assert read_commit(12, write_metadata(ID, DONE_AT), 3) == Commit(12, ID, DONE_AT, True, 3)


def test_a_commit_for_a_topic_without_an_id_is_ours_all_the_same() -> None:
    assert read_commit(12, write_metadata("", DONE_AT)) == Commit(12, "", DONE_AT, is_ours=True)


def test_a_commit_that_was_made_before_anything_was_done_says_nothing_of_a_time() -> None:
    assert read_commit(12, write_metadata(ID, EpochMs(0))) == Commit(12, ID, None, is_ours=True)


def test_the_largest_time_that_a_record_can_carry_is_read_back() -> None:
    assert read_commit(12, write_metadata(ID, EpochMs(LARGEST))).done_at == LARGEST


@pytest.mark.parametrize(
    "metadata",
    [
        None,
        "",
        " ",
        "callbox",
        "callbox ",
        f"callbox {ID}",
        f"callbox {ID} soon",
        f"callbox {ID} -5",
        f"callbox {ID} 1.5",
        f"callbox {ID} ٤٢",
        f"callbox {ID} ²",
        f"callbox {ID} 12\x00",
        f"callbox {ID} 12 ",
        f"callbox {ID} {'9' * 20}",
        f"callbox {ID} {'9' * 5_000}",  # more digits than Python turns into a number
        f"Callbox {ID} 12",
        f"callboxes {ID} 12",
        "\ud800",
        "x" * 4_096,
    ],
)
def test_a_foreign_clients_metadata_says_nothing(metadata: str | None) -> None:
    assert read_commit(12, metadata, 3) == Commit(12, leader_epoch=3)


@given(st.integers(0, LARGEST), st.none() | st.text() | st.text().map(lambda text: f"callbox {text}"))
def test_any_text_is_read(offset: int, metadata: str | None) -> None:
    commit = read_commit(offset, metadata)
    assert commit.offset == offset
    assert commit.done_at is None or 0 < commit.done_at < 10**19
    assert commit.is_ours or commit.topic_id == ""


@given(st.text(alphabet=st.characters(codec="ascii")), st.integers(1, LARGEST))
def test_what_is_written_is_read_back(topic_id: str, done_at: int) -> None:
    assert read_commit(1, write_metadata(topic_id, EpochMs(done_at))) == Commit(
        1, topic_id, EpochMs(done_at), is_ours=True
    )
