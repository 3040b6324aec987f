"""Topics that belong to one sender each: whose a topic is, and where its dead letters lie."""

import pytest

from schemas.topic_family import is_member_name, member_of, member_topic
from schemas.topics import (
    ACKS,
    FRAMES,
    PILLAR_EVENTS,
    ack_topic,
    base_of,
    dead_letter_topic,
    gateway_of,
    organisation_of,
    pillar_topic,
    topic_named,
)


@pytest.mark.parametrize("name", ["gw-1", "G", "7", "a" * 64])
def test_the_topic_of_a_sender_names_the_sender(name: str) -> None:
    assert member_of("feed.v1", member_topic("feed.v1", name)) == name


@pytest.mark.parametrize(
    "name", ["-a", "a-", "a.b", "a_b", "dlq", "DLQ", "a" * 65, "ä", "a\n", " ", "../x", "*"]
)
def test_no_sender_may_be_called_what_another_topic_is_or_what_is_no_name(name: str) -> None:
    assert not is_member_name(name)
    assert member_of("feed.v1", f"feed.v1.{name}") is None
    with pytest.raises(ValueError, match="allowed are letters"):
        member_topic("feed.v1", name)


def test_the_shared_topic_belongs_to_nobody_and_another_one_to_no_family() -> None:
    assert (gateway_of(PILLAR_EVENTS), organisation_of(ACKS)) == ("", "")
    assert gateway_of(FRAMES) is gateway_of(ack_topic("county")) is gateway_of(f"{PILLAR_EVENTS}.dlq") is None
    assert pillar_topic("") == PILLAR_EVENTS


def test_all_topics_of_a_family_have_one_topic_of_dead_letters() -> None:
    assert dead_letter_topic(pillar_topic("gw-1")) == dead_letter_topic(PILLAR_EVENTS)
    assert dead_letter_topic(ack_topic("county")) == dead_letter_topic(ACKS)
    assert dead_letter_topic(FRAMES) == f"{FRAMES}.dlq"
    assert base_of(pillar_topic("gw-1")) == PILLAR_EVENTS


def test_the_topic_of_a_gateway_has_what_the_shared_one_has() -> None:
    shared, own = topic_named(PILLAR_EVENTS), topic_named(pillar_topic("gw-1"))
    assert shared is not None
    assert own is not None
    assert (own.record, own.settings, own.retention_ms) == (
        shared.record,
        shared.settings,
        shared.retention_ms,
    )
    assert topic_named(f"{PILLAR_EVENTS}.no_name") is None
