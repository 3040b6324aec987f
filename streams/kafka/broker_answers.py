"""When each partition's leader answered last, by librdkafka's statistics.

A consumer that is idle asks every leader for records twice a second, so that silence of some seconds means that the
connection is dead, whatever TCP believes of it. Source of the fields: STATISTICS.md of librdkafka 2.
"""

import json
from collections.abc import Iterator
from typing import Any, Final, NamedTuple

from schemas.units import EpochMs
from streams.kafka.batch import Place

_UP: Final = "UP"
_STEADY: Final = "steady"
_NO_BROKER: Final = -1


class LeaderAnswer(NamedTuple):
    """What one partition's leader has said.

    Attributes:
        place: The partition.
        at: When its leader answered last, milliseconds of our clock; 0 where no connection to it stands.
        is_fetched_out: Whether the client has asked for everything that the broker had then.
        has_leader: Whether there is a broker to fetch it from.
    """

    place: Place
    at: EpochMs
    is_fetched_out: bool
    has_leader: bool


class Statistics(NamedTuple):
    """One report of librdkafka.

    Attributes:
        is_steady: Whether the member has its share of the group, and does not rebalance.
        heard_at: When any broker has answered last, milliseconds of our clock; 0 where no connection stands.
        answers: Of every partition that it fetches.
    """

    is_steady: bool
    heard_at: EpochMs
    answers: tuple[LeaderAnswer, ...]


def read_statistics(text: str, now: EpochMs) -> Statistics:
    """Read a report.

    Args:
        text: librdkafka's JSON.
        now: Our time as it came.
    """
    report = json.loads(text)
    heard = {
        broker["nodeid"]: EpochMs(now - max(0, broker.get("rxidle", 0)) // 1000)
        for broker in report.get("brokers", {}).values()
        if broker.get("state") == _UP
    }
    is_steady = report.get("cgrp", {}).get("join_state") == _STEADY
    return Statistics(is_steady, max(heard.values(), default=EpochMs(0)), tuple(_answers(report, heard)))


def _answers(report: Any, heard: dict[int, EpochMs]) -> Iterator[LeaderAnswer]:
    for topic in report.get("topics", {}).values():
        for number, partition in topic.get("partitions", {}).items():
            if int(number) < 0 or partition.get("fetch_state") != "active":
                continue
            leader, end = partition.get("leader", _NO_BROKER), partition.get("hi_offset", -1)
            yield LeaderAnswer(
                Place(topic["topic"], int(number)),
                heard.get(leader, EpochMs(0)),
                is_fetched_out=0 <= end <= partition.get("next_offset", -1),
                has_leader=leader != _NO_BROKER,
            )
