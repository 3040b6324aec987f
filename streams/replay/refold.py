"""Replay: fold a log again, from its first record, and compare what comes out with what was published.

    fusion.input.v1 ─► read_log ─► refold ─► folded alerts and answers ─┐
    dispatch, maintenance and test alerts, answers to acknowledgements  │
      ─► read_alerts ───────────────────────────────────────────────────┴─► differences: none, or a guarantee is broken

A live record may be there twice (at least once); it must be the same bytes then. Order is not compared: an incident's
alerts are ordered by their revision. `dispatch.incident.v1` is compacted, so that not all of it is there to compare:
what it says are alerts of the other topics once more.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from enum import StrEnum
from typing import Final, NamedTuple

from processors.fold.log_entry import LogEntry
from processors.fold.output import encode_alert
from processors.fold.skipping import fold_or_skip, skips_of
from processors.incident.issue import topic_for
from processors.state.partition_state import State, new_state
from schemas.ack import AckResult
from schemas.alert import Alert
from schemas.codec import decode, encode
from schemas.errors import DecodeError, LogBroken
from schemas.topics import ACK_RESULTS, ALERTS, FUSION_INPUT, MAINTENANCE, TEST_ALERTS
from schemas.units import EpochMs
from streams.kafka.config import KafkaConfig
from streams.kafka.log_signing import verifier_of
from streams.kafka.reader import read_all
from streams.kafka.record import LogRecord
from streams.kafka.topics import partition_count

OUTPUTS: Final = (ALERTS, MAINTENANCE, TEST_ALERTS, ACK_RESULTS)
"""Everything that the fold writes for others and that stays as it was written."""

Alerts = Mapping[str, Sequence[bytes]]
"""Encoded alerts, and answers to acknowledgements, by topic."""


class DifferenceKind(StrEnum):
    """How the two sides differ in one alert or answer."""

    MISSING = "missing"
    UNEXPECTED = "unexpected"
    OTHER_BYTES = "other bytes"
    UNREADABLE = "unreadable"


class Difference(NamedTuple):
    """One alert or answer that a replay and the live run do not agree on.

    Attributes:
        topic: Where it is, or should be.
        name: Which: an alert's id, or an answer's ack id and incident id; empty where it cannot be read.
        what: Missing: folded, but not out. Unexpected: out, but not folded. Other bytes: both, or twice, and unequal.
    """

    topic: str
    name: str
    what: DifferenceKind

    def __str__(self) -> str:
        kind = "answer" if self.topic == ACK_RESULTS else "alert"
        return f"{self.topic}: {kind} {self.name or '?'}: {self.what}"


class Log(NamedTuple):
    """A whole log as it was recorded.

    Attributes:
        partitions: How many it has.
        entries: Partition and record; those of one partition in the order of their offsets.
    """

    partitions: int
    entries: Sequence[tuple[int, LogEntry]]


def log_entry(record: LogRecord, writer_of: Callable[[LogRecord], str] | None = None) -> LogEntry:
    """A record of the log as the fold reads it.

    Args:
        record: The record.
        writer_of: Finds out who has written it; None where nobody looks.
    """
    writer = None if writer_of is None else writer_of(record)
    return LogEntry(record.offset, EpochMs(record.timestamp_ms), record.key, record.value, writer)


def read_log(kafka: KafkaConfig) -> Log:
    """The log as it is now, from its first record, with who has written each where the config names the keys.

    Raises:
        BrokerUnavailable: No broker answers.
        AccessDenied: The broker refuses us.
        InputMissing: There is no log, or there are no keys where the config names them.
    """
    partitions, writer_of = partition_count(kafka, FUSION_INPUT), verifier_of(kafka)
    records = read_all(kafka, FUSION_INPUT)
    return Log(partitions, [(record.partition, log_entry(record, writer_of)) for record in records])


def read_alerts(kafka: KafkaConfig) -> dict[str, list[bytes]]:
    """Every alert and every answer that went out, repeats too; those that are no records at all as empty bytes.

    Raises:
        As `read_log`.
    """
    return {topic: [record.value or b"" for record in read_all(kafka, topic)] for topic in OUTPUTS}


def refold(entries: Iterable[tuple[int, LogEntry]], partitions: int) -> dict[str, list[bytes]]:
    """Fold a log with a fresh state for each partition. What the log says is skipped is skipped here too.

    Args:
        entries: Partition and record, from the first record on; partitions may alternate. All of it is looked at
            before anything is folded: what says that a record is skipped lies behind it.
        partitions: How many the log has.

    Returns:
        Encoded records for each topic in OUTPUTS, those of one partition in order.

    Raises:
        LogBroken: A partition does not begin at its first record, so that nothing can be said about it.
    """
    log = list(entries)
    skips = {partition: found.of_replay() for partition, found in skips_of(log).items()}
    states: dict[int, State] = {}
    alerts: dict[str, list[bytes]] = {topic: [] for topic in OUTPUTS}
    for partition, entry in log:
        state = states.get(partition)
        if state is None:
            if entry.offset != 0:
                raise LogBroken(f"{FUSION_INPUT}[{partition}]: begins at offset {entry.offset}, not at 0")
            state = states[partition] = new_state(partition, partitions)
        for decision in fold_or_skip(state, entry, skips.get(partition, {})):
            for alert in decision.alerts:
                with suppress(ValueError):  # a live worker does not publish it either
                    alerts[topic_for(alert)].append(encode_alert(alert))
            if decision.result is not None:
                alerts[ACK_RESULTS].append(encode(decision.result))
    return alerts


def differences(folded: Alerts, live: Alerts) -> list[Difference]:
    """Compare what a replay gives with what was published.

    Args:
        folded: What `refold` gave.
        live: What lies in the topics; repeats are allowed if they are the same bytes.

    Returns:
        Nothing, if they agree; else every difference, topic by topic.
    """
    found = []
    for topic in dict.fromkeys((*folded, *live)):
        wanted, odd = _by_id(topic, folded.get(topic, ()))
        there, odd_live = _by_id(topic, live.get(topic, ()))
        found += [*odd, *odd_live]
        found += [Difference(topic, name, DifferenceKind.MISSING) for name in wanted if name not in there]
        found += [Difference(topic, name, DifferenceKind.UNEXPECTED) for name in there if name not in wanted]
        found += [
            Difference(topic, name, DifferenceKind.OTHER_BYTES)
            for name in wanted
            if name in there and wanted[name] != there[name]
        ]
    return found


def repeats(alerts: Alerts) -> int:
    """How many alerts and answers are there once more."""
    return sum(len(payloads) - len(_by_id(topic, payloads)[0]) for topic, payloads in alerts.items())


def _by_id(topic: str, payloads: Iterable[bytes]) -> tuple[dict[str, bytes], list[Difference]]:
    """The first of each alert or answer, and every repeat that is not the same bytes."""
    name_of = _NAMES.get(topic, _alert_name)
    first: dict[str, bytes] = {}
    odd = []
    for payload in payloads:
        try:
            name = name_of(payload)
        except DecodeError:
            odd.append(Difference(topic, "", DifferenceKind.UNREADABLE))
            continue
        if first.setdefault(name, payload) != payload:
            odd.append(Difference(topic, name, DifferenceKind.OTHER_BYTES))
    return first, odd


def _alert_name(payload: bytes) -> str:
    return decode(payload, Alert).alert_id


def _answer_name(payload: bytes) -> str:
    """An ack id alone may be given twice, to acknowledgements of two incidents."""
    result = decode(payload, AckResult)
    return f"{result.ack_id}/{result.incident_id}"


_NAMES: Mapping[str, Callable[[bytes], str]] = {ACK_RESULTS: _answer_name}
"""How the records of a topic are told apart; where nothing stands here, they are alerts."""
