"""The two hops that the workers are set beside."""

from itertools import pairwise

from benchmarks.latency.hops import BARE, HONEST
from schemas.topics import BY_NAME, INCIDENTS, PILLAR_EVENTS, Cleanup

BOOTSTRAP = "127.0.0.1:9092"


def test_the_second_honest_hop_writes_two_records_of_an_alert_size() -> None:
    first, second = HONEST.commands(BOOTSTRAP, 543)
    assert "--bytes" not in first
    assert second[second.index("--bytes") + 1] == "543"
    assert [value for option, value in pairwise(second) if option == "--target"] == [
        HONEST.target,
        HONEST.copy,
    ]


def test_honest_hops_commit_once_a_second_and_bare_ones_each_batch() -> None:
    assert all("--commit-each-s" in command for command in HONEST.commands(BOOTSTRAP, 1))
    assert not any("--commit-each-s" in command for command in BARE.commands(BOOTSTRAP, 1))


def test_their_topics_are_like_those_of_the_workers() -> None:
    *through, copy = HONEST.topics
    assert {topic.partitions for topic in through} == {BY_NAME[PILLAR_EVENTS].partitions}
    assert (copy.partitions, copy.cleanup) == (BY_NAME[INCIDENTS].partitions, Cleanup.COMPACT)
    assert len(BARE.topics) == 3
