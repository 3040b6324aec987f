"""When each partition's leader answered last, by librdkafka's statistics.

A consumer that is idle asks every leader for records twice a second, so that silence of some seconds means that the
connection is dead, whatever TCP believes of it. Source of the fields: STATISTICS.md of librdkafka 2.
"""

import json
from collections.abc import Iterator, Mapping
from typing import Any, Final, NamedTuple

from schemas.units import EpochMs
from streams.kafka.batch import PartitionPlace

_UP: Final = "UP"
_STEADY: Final = "steady"
_COORDINATOR: Final = "logical"
_NO_BROKER: Final = -1


class LeaderAnswer(NamedTuple):
    """What one partition's leader has said.

    Attributes:
        place: The partition.
        at: When its leader answered last, milliseconds of our clock; 0 where no connection to it stands.
        is_fetched_out: Whether the client has asked for everything that the broker had, as far as the client knows: of
            a partition that comes back it knows the end of an earlier assignment until the broker answers.
        next_offset: What it asks for next.
        has_leader: Whether there is a broker to fetch it from.
    """

    place: PartitionPlace
    at: EpochMs
    is_fetched_out: bool
    next_offset: int
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
    brokers = [each for each in report.get("brokers", {}).values() if each.get("state") == _UP]
    leaders: dict[int, EpochMs] = {}
    for broker in brokers:
        node = broker.get("nodeid", _NO_BROKER)
        # The connections to the coordinator and to the first address fetch nothing, and bear the number of no broker.
        if node != _NO_BROKER and broker.get("source") != _COORDINATOR:
            leaders[node] = max(_heard_at(broker, now), leaders.get(node, EpochMs(0)))
    heard_at = max((_heard_at(broker, now) for broker in brokers), default=EpochMs(0))
    is_steady = report.get("cgrp", {}).get("join_state") == _STEADY
    return Statistics(is_steady, heard_at, tuple(_answers(report, leaders)))


def _heard_at(broker: Any, now: EpochMs) -> EpochMs:
    return EpochMs(now - max(0, broker.get("rxidle", 0)) // 1000)


def _answers(report: Any, leaders: Mapping[int, EpochMs]) -> Iterator[LeaderAnswer]:
    for topic, described in report.get("topics", {}).items():
        for number, partition in described.get("partitions", {}).items():
            if int(number) < 0 or partition.get("fetch_state") != "active":
                continue
            leader, end = partition.get("leader", _NO_BROKER), partition.get("hi_offset", -1)
            next_offset = partition.get("next_offset", -1)
            yield LeaderAnswer(
                PartitionPlace(topic, int(number)),
                leaders.get(leader, EpochMs(0)),
                is_fetched_out=0 <= end <= next_offset,
                next_offset=next_offset,
                has_leader=leader != _NO_BROKER,
            )
