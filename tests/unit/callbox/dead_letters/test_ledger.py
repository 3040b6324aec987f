"""Which letters tell of one record, and how many there are of each kind."""

import pytest
from msgspec.structs import replace

from callbox.dead_letters.ledger import count_by_cause, format_place, identity, ledger, parse_place
from schemas.errors import Cause
from schemas.topics import ACKS, PILLAR_EVENTS, REGISTRY, dead_letter_topic
from streams.kafka.producer import RecordMetadata
from tests.support.dead_letters import dead_letter, lying
from tests.support.log_records import ms


def test_a_place_is_read_as_it_is_written() -> None:
    text = "alarm.pillar-event.v1.dlq/0/17"
    assert parse_place(text) == RecordMetadata(dead_letter_topic(PILLAR_EVENTS), 0, 17)
    assert format_place(parse_place(text)) == text


@pytest.mark.parametrize(
    "text",
    [
        "",
        "alarm.pillar-event.v1.dlq",
        "alarm.pillar-event.v1.dlq/0",
        "alarm.pillar-event.v1.dlq/0/-1",
        "alarm.pillar-event.v1.dlq/0/1/2",
        "alarm.pillar-event.v1.dlq/0/²",
        "alarm.pillar-event.v1/0/17",
        "dispatch.alert.v1.dlq/0/17",
    ],
)
def test_what_is_no_place_of_a_letter_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"TOPIC\.dlq/PARTITION/OFFSET"):
        parse_place(text)


def test_a_bad_record_of_the_registry_is_one_record_however_many_workers_give_it_up() -> None:
    bad = dead_letter(b"poison", topic=REGISTRY, cause=Cause.UNDECODABLE)
    workers = ("plates", "alarms", "frames", "alarms")
    (given,) = ledger(lying(*(replace(bad, worker=worker) for worker in workers))).records
    assert (given.dead_letters, given.workers) == (4, ("alarms", "frames", "plates"))
    assert (given.first, given.place) == ("site.registry.v1.dlq/0/0", "site.registry.v1.dlq/0/3")
    assert (given.first_at, given.newest_at) == (ms(0), ms(3))
    (count,) = count_by_cause([given])
    assert (count.records, count.dead_letters, count.newest_at) == (1, 4, ms(3))


def test_another_place_another_cause_and_a_topic_made_anew_are_other_records() -> None:
    one = dead_letter()
    others = (dead_letter(offset=18), dead_letter(cause=Cause.UNDECODABLE), dead_letter(at=ms(1)))
    assert len(ledger(lying(one, *others, one)).records) == 4
    assert len({identity(each) for each in (one, *others)}) == 4


def test_the_newest_comes_first_and_what_is_no_letter_is_counted() -> None:
    told = ledger(lying(dead_letter(offset=1), b"poison", dead_letter(offset=2)))
    assert [given.offset for given in told.records] == [2, 1]
    assert told.unreadable == 1


def test_records_are_counted_by_topic_cause_and_workers() -> None:
    given = ledger(
        lying(
            dead_letter(offset=1),
            dead_letter(offset=2),
            dead_letter(offset=3, cause=Cause.INVALID_FIELD),
            dead_letter(topic=ACKS),
        )
    ).records
    assert [(count.topic, count.cause, count.workers, count.records) for count in count_by_cause(given)] == [
        (PILLAR_EVENTS, Cause.INVALID_FIELD, ("alarms",), 1),
        (PILLAR_EVENTS, Cause.UNKNOWN_DEVICE, ("alarms",), 2),
        (ACKS, Cause.UNKNOWN_DEVICE, ("alarms",), 1),
    ]
