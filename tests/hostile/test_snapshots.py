"""Forged snapshots, written with the credential of `fusion`, or by whoever has taken it over.

None keeps a worker from starting, none takes much memory, and none whose log disagrees with it is believed: an earlier
one is, or the log is folded from its start. What cannot be known: a state that was made of this very log, and changed
by somebody who may write snapshots (docs/adr/0029).
"""

import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import msgspec
import pytest
import structlog
import zstandard
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from processors.fold.snapshot_codec import dump, load
from processors.state.partition_state import State, new_state
from schemas.codec import encode
from schemas.fusion_log import FusionSnapshot
from schemas.topics import FUSION_SNAPSHOT
from schemas.units import DAY_MS, EpochMs
from streams.state.restore import LAST_RECORDS
from streams.state.snapshot_bytes import MAX_STATE_BYTES, SMALL_BYTES, pack_state, unpack_state
from tests.support.log_records import PARTITIONS, ms
from tests.support.recorded_log import END, PARTITION, Cluster, folded, snapshot, state_at

MIB = 1 << 20


@pytest.fixture
def cluster() -> Cluster:
    return Cluster()


def forged(state: State, **envelope: Any) -> FusionSnapshot:
    """A snapshot of a state, with an envelope that fits it but for what is given."""
    said = {"next_offset": state.offset, "last_hash": state.last_hash, **envelope}
    return replace(snapshot(0), state=zstandard.compress(dump(state)), **said)


@contextmanager
def within_mib(most: int) -> Iterator[None]:
    tracemalloc.start()
    try:
        yield
        assert tracemalloc.get_traced_memory()[1] < most * MIB
    finally:
        tracemalloc.stop()


# --- sizes --------------------------------------------------------------------------------------------------------


def without_a_size(content: bytes) -> bytes:
    return zstandard.ZstdCompressor(write_content_size=False).compress(content)


def claiming(size: int) -> bytes:
    """A small frame whose header says that it is large."""
    packed = zstandard.compress(b"state" * 100)
    return b"\x28\xb5\x2f\xfd\xe0" + size.to_bytes(8, "little") + packed[7:]


@pytest.mark.parametrize(
    "packed",
    [
        zstandard.compress(bytes(1_400 * MIB), 1),
        without_a_size(bytes(300 * MIB)),
        zstandard.compress(bytes(MAX_STATE_BYTES + 1)),
        zstandard.compress(bytes(32 * MIB)),
        claiming(1 << 62),
        claiming(MAX_STATE_BYTES),
        b"\x50\x2a\x4d\x18" + (1 << 31).to_bytes(4, "little"),
        b"",
    ],
    ids=[
        "1.4 GiB",
        "no size",
        "too large",
        "too large for its bytes",
        "claims",
        "claims less",
        "skipped",
        "",
    ],
)
def test_what_unpacks_to_more_than_a_state_is_refused_before_it_is_unpacked(packed: bytes) -> None:
    with (
        within_mib(1 + MAX_STATE_BYTES // MIB if packed == claiming(MAX_STATE_BYTES) else 2),
        pytest.raises(ValueError, match=r"\w"),
    ):
        unpack_state(packed)


def test_only_the_first_of_several_frames_is_unpacked() -> None:
    assert unpack_state(pack_state(b"state") + zstandard.compress(bytes(64 * MIB))) == b"state"


@given(st.binary(max_size=1_000), st.integers(1, 3_000))
def test_whatever_may_be_packed_can_be_unpacked(part: bytes, times: int) -> None:
    state = part * times
    assert unpack_state(pack_state(state)) == state


def test_a_state_that_nobody_could_unpack_is_not_written() -> None:
    with pytest.raises(ValueError, match="allowed"):
        pack_state(bytes(MAX_STATE_BYTES + 1))
    with pytest.raises(ValueError, match="allowed"):
        pack_state(bytes(20 * SMALL_BYTES))


def with_last_field(content: bytes) -> bytes:
    """A state of the present format whose timers are these bytes."""
    fields = msgspec.msgpack.decode(dump(state_at(10)))
    fields[-1] = msgspec.Raw(content)
    return msgspec.msgpack.encode(fields)


ARRAY_32 = b"\xdd"


@pytest.mark.parametrize(
    "content",
    [
        ARRAY_32 + b"\xff\xff\xff\xff\x90",
        ARRAY_32 + MIB.to_bytes(4, "big") + b"\x90" * MIB,
        b"\x91" * MIB + b"\x90",
        b"\xc6\x7f\xff\xff\xff",
    ],
    ids=["claims four thousand million", "a million empty lists", "a million deep", "claims two gigabytes"],
)
def test_what_is_small_and_takes_much_memory_as_a_state_is_refused(content: bytes) -> None:
    state = with_last_field(content)
    with within_mib(32), pytest.raises(ValueError, match="no state"):
        load(state)


# --- whatever stands in one ---------------------------------------------------------------------------------------

values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats() | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=6,
)


@given(st.data())
def test_whatever_stands_in_the_newest_an_earlier_one_is_taken(data: st.DataObject) -> None:
    fields = msgspec.msgpack.decode(dump(state_at(10)))
    place: Any = fields
    index = data.draw(st.integers(0, len(fields) - 1))
    while isinstance(place[index], list) and place[index] and data.draw(st.booleans()):
        place = place[index]
        index = data.draw(st.integers(0, len(place) - 1))
    place[index] = data.draw(values)
    changed = msgspec.msgpack.encode(fields)
    cluster = Cluster()
    cluster.keep(snapshot(5), replace(snapshot(10), state=zstandard.compress(changed)))
    found = cluster.restore()
    assert found.broken is None
    assert found.state.offset == END


@pytest.mark.parametrize(
    "envelope",
    [
        {"next_offset": 11},
        {"next_offset": 9},
        {"next_offset": 2**63 - 1},
        {"last_hash": ""},
        {"last_hash": "0" * 32},
    ],
)
def test_one_that_contradicts_itself_is_passed_over(cluster: Cluster, envelope: dict[str, Any]) -> None:
    cluster.keep(snapshot(5), forged(state_at(10), **envelope))
    with structlog.testing.capture_logs() as lines:
        assert cluster.restored() == folded(END)
    assert cluster.folded_from == [5]
    assert "snapshot.contradicts_itself" in [line["event"] for line in lines]


def test_one_of_a_time_that_has_not_come_is_passed_over_and_no_incident_of_it_is_kept(
    cluster: Cluster,
) -> None:
    state = state_at(10)
    state.now = EpochMs(ms(3_600) + 2 * DAY_MS)
    cluster.keep(snapshot(5), forged(state))
    assert cluster.restored() == folded(END)
    cluster.id = "second"
    cluster.log.clear()
    assert cluster.restore(0).state.now < ms(3_600)


def test_a_clock_of_ours_that_is_years_behind_loses_no_snapshot(cluster: Cluster) -> None:
    cluster.keep(snapshot(5))
    cluster.now = EpochMs(0)
    assert cluster.restored() == folded(END)
    assert cluster.folded_from == [5]


def test_one_beyond_the_end_of_the_log_keeps_nobody_from_starting(cluster: Cluster) -> None:
    state = state_at(10)
    state.offset = 2**62
    cluster.keep(snapshot(5), forged(state))
    assert folded(END) == dump(cluster.restore().state)


@pytest.mark.parametrize("offset", [-1, -(2**63)])
def test_one_of_an_offset_that_cannot_be_is_passed_over(cluster: Cluster, offset: int) -> None:
    state = state_at(10)
    state.offset = offset
    cluster.keep(snapshot(5), forged(state))
    assert cluster.restored() == folded(END)


# --- of which log it is -------------------------------------------------------------------------------------------


def test_one_that_names_no_topic_fits_where_the_log_proves_it(cluster: Cluster) -> None:
    cluster.keep(replace(snapshot(10), topic_id=""))
    assert cluster.restored() == folded(END)
    assert cluster.folded_from == [10]


@pytest.mark.parametrize("topic_id", ["", "second"])
def test_one_that_names_no_topic_or_another_does_not_fit_where_nothing_proves_it(
    cluster: Cluster, topic_id: str
) -> None:
    """Retention has taken the record that it would be held against; so has a forged one of offset 0 no record."""
    cluster.keep(
        snapshot(8),
        forged(state_at(7), topic_id=topic_id),
        forged(new_state(PARTITION, PARTITIONS), topic_id=topic_id),
    )
    del cluster.log[:8]
    assert cluster.restored() == folded(END)
    assert cluster.folded_from == [8]


def test_without_any_other_the_log_is_folded_from_its_start(cluster: Cluster) -> None:
    poisoned = state_at(0)
    poisoned.now = ms(3_000)
    cluster.keep(forged(poisoned, topic_id=""), b"poison")
    assert cluster.restored() == folded(END)


def test_where_the_broker_gives_no_ids_one_without_an_id_fits(cluster: Cluster) -> None:
    cluster.id = ""
    cluster.keep(replace(snapshot(10), topic_id=""))
    del cluster.log[:10]
    assert cluster.restored() == folded(END)


# --- many of them -------------------------------------------------------------------------------------------------


def test_behind_a_thousand_forged_ones_the_good_one_is_found_a_few_records_at_a_time(
    cluster: Cluster,
) -> None:
    bomb = encode(replace(snapshot(10), state=zstandard.compress(bytes(2 * MIB))))
    cluster.keep(snapshot(5), *[bomb] * 1_000)
    with structlog.testing.capture_logs():
        assert cluster.restored() == folded(END)
    assert cluster.folded_from == [5]
    spans = [(start, stop) for topic, start, stop in cluster.asked if topic == FUSION_SNAPSHOT]
    assert all(stop is None or stop - start <= LAST_RECORDS for start, stop in spans)
