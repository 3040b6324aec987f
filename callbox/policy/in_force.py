"""The policy in force: the one in the fold's state at the end of one partition of the log.

A policy is written to every partition, and to this one last: what is in force here is in force everywhere.
"""

from collections import deque
from contextlib import closing
from typing import Final

from processors.state.partition_state import State
from schemas.errors import LogBroken
from schemas.topics import FUSION_INPUT
from streams.kafka.config import KafkaConfig
from streams.kafka.log_signing import verifier_of
from streams.kafka.partition_reader import PartitionReader
from streams.kafka.reader import BrokerReader, read
from streams.state.restore import restore

LOOKED_AT: Final = 0
"""The partition that is looked at."""


def in_force(kafka: KafkaConfig, partitions: int) -> State:
    """The state at the end of the partition; `policy`, `policy_version` and `policy_revision` are in it.

    Raises:
        LogBroken: The log and its snapshots do not meet.
        BrokerUnavailable, AccessDenied, InputMissing: As `streams.kafka.reader.read`.
    """
    end = _end_of_log(kafka)
    restored = restore(BrokerReader(kafka), LOOKED_AT, partitions, end, writer_of=verifier_of(kafka))
    if restored.broken is not None:
        cause, expected, found = restored.broken
        raise LogBroken(f"{FUSION_INPUT}/{LOOKED_AT}: {cause}, expected offset {expected}, found {found}")
    return restored.state


def _end_of_log(kafka: KafkaConfig) -> int:
    """The offset after the newest record."""
    if kafka.capabilities.exact_high_watermark:
        with closing(PartitionReader(kafka, FUSION_INPUT, fetch_wait_ms=0)) as reader:
            return reader.bounds(LOOKED_AT)[1]
    last = deque(read(kafka, FUSION_INPUT, LOOKED_AT, -1), maxlen=1)
    return last[0].offset + 1 if last else 0
