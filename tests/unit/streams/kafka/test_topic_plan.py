"""The comparison of a broker's topics with the catalogue."""

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.topics import CATALOGUE, FUSION_INPUT, Cleanup, Topic
from streams.kafka.capabilities import CAPABILITIES, BrokerKind
from streams.kafka.topic_plan import (
    Described,
    Risk,
    Target,
    TopicChange,
    compare,
    refused,
    replication,
    wanted_settings,
    warnings,
)

KAFKA = CAPABILITIES[BrokerKind.KAFKA]
EMBEDDED = CAPABILITIES[BrokerKind.EMBEDDED]
HERE = Target(capabilities=KAFKA, is_loopback=True, brokers=1)
CLUSTER = Target(capabilities=KAFKA, is_loopback=False, brokers=5)
MINUTE_MS = 60_000


def topic(**fields: Any) -> Topic:
    usual = {"name": "a.topic.v1", "key": "id", "record": None, "partitions": 4, "retention_ms": 1_000_000}
    return Topic(**(usual | fields))


def as_wanted(wanted: Topic, replicas: int = 1, **settings: str) -> Described:
    """The topic as it is after an apply, but for `settings`."""
    there = wanted_settings(wanted, replicas, KAFKA) | {"segment.bytes": "1073741824"}
    there |= {name.replace("_", "."): value for name, value in settings.items()}
    return Described(name=wanted.name, partitions=wanted.partitions, replication=replicas, settings=there)


def only(wanted: Topic, found: Described | None, target: Target = HERE) -> TopicChange:
    (change,) = compare({} if found is None else {found.name: found}, [wanted], target)
    return change


def test_a_topic_that_is_not_there_is_created() -> None:
    change = only(topic(), None)
    assert (change.subject, change.found, change.risk) == ("topic", None, None)
    assert "4 partitions, replication 1" in change.wanted
    assert "retention.ms=1000000" in change.wanted


def test_a_topic_as_wanted_needs_nothing() -> None:
    assert compare({"a.topic.v1": as_wanted(topic())}, [topic()], HERE) == ()


def test_planned_topics_and_topics_of_others_are_left_alone() -> None:
    others = Described(name="theirs", partitions=1, replication=1, settings={})
    assert compare({"theirs": others}, [topic(planned=True)], HERE) == ()


def test_a_stateless_topic_may_get_more_partitions() -> None:
    change = only(topic(partitions=8), as_wanted(topic()))
    assert (change.subject, change.found, change.wanted, change.risk) == ("partitions", "4", "8", None)


@pytest.mark.parametrize(
    "ordered",
    [
        topic(name=FUSION_INPUT, partitions=8),
        topic(cleanup=Cleanup.COMPACT, retention_ms=None, partitions=8),
    ],
)
def test_more_partitions_of_the_log_or_a_compacted_topic_lose_order(ordered: Topic) -> None:
    found = Described(
        name=ordered.name,
        partitions=4,
        replication=1,
        settings=as_wanted(ordered).settings,
    )
    change = only(ordered, found)
    assert change.risk is Risk.REORDERS
    assert refused([change], i_lose_order=False) == (change,)
    assert refused([change], i_lose_order=True) == ()


def test_fewer_partitions_can_never_be_done() -> None:
    change = only(topic(partitions=2), as_wanted(topic()))
    assert change.risk is Risk.IMPOSSIBLE
    assert refused([change], i_lose_order=True) == (change,)
    assert "may stay as it is" in str(change)
    assert "loses what is unread" in str(change)


@pytest.mark.parametrize(
    ("found", "risk"),
    [("1000001", Risk.FORGETS), ("-1", Risk.FORGETS), ("999999", None), ("0", None)],
)
def test_shorter_retention_is_refused_and_longer_is_not(found: str, risk: Risk | None) -> None:
    change = only(topic(), as_wanted(topic(), retention_ms=found))
    assert (change.subject, change.found, change.risk) == ("retention.ms", found, risk)


def test_retention_for_ever_forgets_nothing() -> None:
    change = only(topic(retention_ms=-1), as_wanted(topic()))
    assert change.risk is None


def test_another_clean_up_is_refused_whatever_the_order_of_its_words() -> None:
    assert only(topic(), as_wanted(topic(), cleanup_policy="compact")).risk is Risk.REWRITES
    assert only(topic(), as_wanted(topic(), cleanup_policy="compact,delete")).risk is Risk.REWRITES


def test_any_other_setting_is_set() -> None:
    wanted = topic(settings={"message.timestamp.type": "LogAppendTime"})
    change = only(wanted, as_wanted(wanted, message_timestamp_type="CreateTime"))
    assert (change.found, change.wanted, change.risk) == ("CreateTime", "LogAppendTime", None)


def test_settings_that_callbox_does_not_ask_for_belong_to_the_operator() -> None:
    found = as_wanted(topic(), compression_type="zstd")
    assert compare({found.name: found}, [topic()], HERE) == ()


def test_every_refusal_is_listed_with_what_was_found_and_wanted() -> None:
    wanted = [topic(name="one", partitions=2), topic(name="two")]
    found = {"one": as_wanted(topic(name="one")), "two": as_wanted(wanted[1], retention_ms="-1")}
    lines = [str(change) for change in refused(compare(found, wanted, HERE), i_lose_order=False)]
    assert lines[0].startswith("one: partitions 4, wanted 2: ")
    assert lines[1].startswith("two: retention.ms -1, wanted 1000000: ")


def test_a_sealed_topic_belongs_on_loopback_until_sealing_exists() -> None:
    sealed = topic(sealed=True)
    assert only(sealed, None).risk is None
    change = only(sealed, None, CLUSTER)
    assert change.risk is Risk.UNSEALED
    assert refused([change], i_lose_order=True) == (change,)
    found = as_wanted(sealed, replicas=3)
    assert only(sealed, found, CLUSTER).risk is Risk.UNSEALED


def test_an_operator_may_take_sealed_topics_unsealed() -> None:
    allowed = Target(capabilities=KAFKA, is_loopback=False, brokers=3, allow_unsealed=True)
    change = only(topic(sealed=True, retention_ms=7 * 24 * 60 * MINUTE_MS), None, allowed)
    assert change.risk is None
    assert "retention.ms=600000" in change.wanted


@given(st.none() | st.integers(1, 10**12), st.dictionaries(st.just("retention.ms"), st.just("999999999")))
def test_a_sealed_topic_keeps_ten_minutes_at_most(retention_ms: int | None, settings: dict[str, str]) -> None:
    sealed = topic(sealed=True, retention_ms=retention_ms, settings=settings)
    asked = wanted_settings(sealed, 1, KAFKA)
    assert int(asked["retention.ms"]) <= 10 * MINUTE_MS
    assert int(asked["segment.ms"]) <= MINUTE_MS  # retention takes closed segments only


def test_a_sealed_compacted_topic_forgets_what_was_replaced_as_soon() -> None:
    asked = wanted_settings(topic(sealed=True, cleanup=Cleanup.COMPACT, retention_ms=None), 1, KAFKA)
    assert asked["max.compaction.lag.ms"] == "600000"
    assert "retention.ms" not in asked


def test_the_embedded_broker_is_asked_for_partitions_only() -> None:
    embedded = Target(capabilities=EMBEDDED, is_loopback=True, brokers=1)
    bare = Described(name="a.topic.v1", partitions=4, replication=1, settings={})
    assert only(topic(), None, embedded).wanted == "4 partitions, replication 1"
    assert compare({bare.name: bare}, [topic()], embedded) == ()
    assert only(topic(partitions=8), bare, embedded).risk is Risk.FIXED


def test_new_topics_get_three_replicas_where_there_are_three_brokers() -> None:
    assert replication(HERE) == 1
    assert replication(CLUSTER) == 3
    assert replication(Target(capabilities=KAFKA, is_loopback=False, brokers=2)) == 2
    assert replication(Target(capabilities=KAFKA, is_loopback=False, brokers=5, replication=4)) == 4


def test_fewer_than_three_replicas_in_production_are_worth_a_line() -> None:
    assert warnings(HERE) == ()
    assert warnings(CLUSTER) == ()
    (line,) = warnings(Target(capabilities=KAFKA, is_loopback=False, brokers=2))
    assert "replication 2 on 2 broker(s)" in line


def test_an_acknowledged_record_is_on_two_of_three_replicas() -> None:
    assert wanted_settings(topic(), 3, KAFKA)["min.insync.replicas"] == "2"
    assert "min.insync.replicas" not in wanted_settings(topic(), 1, KAFKA)


def test_the_whole_catalogue_is_its_own_wish() -> None:
    found = {wanted.name: as_wanted(wanted) for wanted in CATALOGUE}
    assert compare(found, CATALOGUE, HERE) == ()
    assert refused(compare({}, CATALOGUE, HERE), i_lose_order=False) == ()


partition_counts = st.integers(1, 100)


@given(partition_counts, partition_counts, st.sampled_from(Cleanup))
def test_partitions_are_never_taken_away_and_never_added_where_order_counts(
    there: int, wanted: int, cleanup: Cleanup
) -> None:
    asked = topic(partitions=wanted, cleanup=cleanup)
    found = Described(name=asked.name, partitions=there, replication=1, settings=as_wanted(asked).settings)
    changes = compare({found.name: found}, [asked], HERE)
    assert (changes == ()) is (there == wanted)
    may_grow = there < wanted and cleanup is Cleanup.DELETE
    assert (refused(changes, i_lose_order=False) == ()) is (there == wanted or may_grow)
    assert (refused(changes, i_lose_order=True) == ()) is (there <= wanted)


def test_no_advice_deletes_a_topic() -> None:
    """What is unread would be lost, in silence."""
    assert [risk for risk in Risk if re.search(r"\bdelete (it|the topic)\b|create it again", risk)] == []
