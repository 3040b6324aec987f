"""Who may write what into the log: the kinds of each writer, and the topics that it may speak of.

    policy says nothing of signatures ─► every record is taken for what it says
    require_signatures ───────────────► a record counts only as its writer's: of a kind that is that writer's own
                                          ├─ another's, or nobody's ─► no effect, and a blue says so
                                          └─ a press ────────────────► heard all the same, as of an unregistered device

Whose record it is the shell has found out by its signature (streams/kafka/log_signing.py), and a recording keeps the
verdict, so that it folds to the same incidents where nobody has the keys. Policies, registry records, planned work,
exercises and what else people decide are the operators' alone.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any, Final, NamedTuple

from processors.fold.log_entry import LogEntry
from processors.state.partition_state import State
from schemas.enums import InputKind, SkipStep
from schemas.fusion_log import SkipNotice
from schemas.topics import ACKS, FRAMES, FUSION_INPUT, HOTLIST, PILLAR_EVENTS, PLATE_READS, REGISTRY


class Writer(StrEnum):
    """Who has a key of their own: each worker, by its name, and the operators' commands."""

    ALARMS = "alarms"
    FRAMES = "frames"
    PLATES = "plates"
    FUSION = "fusion"
    OPERATOR = "operator"


class Permit(NamedTuple):
    """What one writer may say.

    Attributes:
        kinds: The kinds of its records.
        topics: The topics that a record of it may be about.
    """

    kinds: frozenset[InputKind]
    topics: frozenset[str]


_OF_EVERY_WORKER: Final = (InputKind.FEED_BROKEN, InputKind.CLOCK)

PERMITS: Final[Mapping[str, Permit]] = {
    Writer.ALARMS: Permit(
        frozenset(
            {
                *_OF_EVERY_WORKER,
                InputKind.PILLAR_EVENT,
                InputKind.ACKNOWLEDGEMENT,
                InputKind.SHELVING,
                InputKind.FEED_WATERMARK,
                InputKind.DEAD_LETTER,
            }
        ),
        frozenset({PILLAR_EVENTS, ACKS, REGISTRY}),
    ),
    Writer.FRAMES: Permit(
        frozenset(
            {
                *_OF_EVERY_WORKER,
                InputKind.OBSERVATION,
                InputKind.CAMERA_ALIVE,
                InputKind.FEED_WATERMARK,
                InputKind.DEAD_LETTER,
            }
        ),
        frozenset({FRAMES, REGISTRY}),
    ),
    Writer.PLATES: Permit(
        frozenset({*_OF_EVERY_WORKER, InputKind.LIST_AGE, InputKind.DEAD_LETTER}),
        frozenset({PLATE_READS, REGISTRY, HOTLIST}),
    ),
    Writer.FUSION: Permit(
        frozenset({*_OF_EVERY_WORKER, InputKind.TICK, InputKind.LOG_BROKEN, InputKind.SKIP}),
        frozenset({FUSION_INPUT}),
    ),
}
"""What each worker may say. Operators may write every kind: `callbox dlq retry` writes again what a worker wrote."""

_NAMES: Final = {InputKind.CLOCK, InputKind.FEED_BROKEN}
"""Kinds in which a worker says its own name, `worker` or `worker@machine`, and nobody else's."""


def may_write(state: State, entry: LogEntry, kind: InputKind, record: Any) -> bool:
    """Whether a record counts: where signatures are required and somebody has looked, only as its writer's own.

    Args:
        state: Read only.
        entry: The entry, with who has written it.
        kind: The kind that its envelope names.
        record: The record, or None.
    """
    if isinstance(record, SkipNotice):
        return may_skip(entry, record)
    writer = entry.writer
    if writer is None or writer == Writer.OPERATOR or not state.policy.require_signatures:
        return True
    permit = PERMITS.get(writer)
    if permit is None or kind not in permit.kinds:
        return False
    topic = getattr(record, "topic", None)
    if topic is not None and not any(topic == own or topic.startswith(f"{own}.") for own in permit.topics):
        return False
    return kind not in _NAMES or _is_own_name(writer, getattr(record, "worker", ""))


def may_skip(entry: LogEntry, notice: SkipNotice) -> bool:
    """Whether the writer of an entry may skip records: operators ask for it, fusion applies it.

    Where somebody has looked at signatures, a fact without one counts for nothing, whatever the policy says: what the
    policy says at its place is not known before the log is folded up to it.
    """
    if entry.writer is None or entry.writer == Writer.FUSION:
        return True
    return entry.writer == Writer.OPERATOR and notice.step is SkipStep.REQUESTED


def _is_own_name(writer: str, name: str) -> bool:
    return name == writer or name.startswith((f"{writer}@", f"{writer}-", f"{writer}."))
