"""Entries of the log that are not folded: workers died of them, or a person says so.

    a person asks ─► a worker finds it before it comes to the record ─► applied ──► the record is skipped, told: a blue
                 └─► the record was folded before ───────────────────► too late ─► no effect
    workers die of a record ──────────────────────────────────────────► applied

Such a fact lies behind the record that it names, in the same partition. So whoever folds looks for them first: a
restore from its snapshot to the end of the log, a replay through all of it. A worker writes `applied` before it passes
a record, and skips nothing else; so a replay decides as the live run did, whenever somebody asked and whenever a
worker died. What was asked for and never came to a worker counts in a replay too: nothing was decided live.

Facts are known by their first bytes. Nothing else is decoded on the way, since that may be what kills.
"""

from collections.abc import Iterable, Mapping
from functools import cache

from processors.fold.bounds import held
from processors.fold.last_resort import minimal_red
from processors.fold.log_entry import LogEntry, record_hash
from processors.fold.reducer import fold_in_steps, read_entry
from processors.fold.stream_time import advance_time
from processors.fold.writers import may_skip
from processors.rules.skip import is_usable
from processors.state.effect import Decision
from processors.state.partition_state import State
from schemas.alert import Alert
from schemas.avro_schemas import earlier_schemas_of, schema_of
from schemas.codec import decode
from schemas.enums import InputKind, PillarKind, Reason, SkipStep
from schemas.fusion_log import FusionInput, PillarFact, SkipNotice
from schemas.ids import bounded_id


class Skips:
    """The skip facts of one partition, as far as its log has been looked at.

    Attributes:
        applied: By offset, the first fact by which a worker has skipped a record.
        requested: By offset, the first request of a person.
        too_late: Offsets that a worker had folded before anybody asked.
    """

    def __init__(self) -> None:
        self.applied: dict[int, SkipNotice] = {}
        self.requested: dict[int, SkipNotice] = {}
        self.too_late: set[int] = set()

    def note(self, entry: LogEntry, partition: int) -> SkipNotice | None:
        """Look at an entry; the fact that it is, or None."""
        notice = skip_in(entry, partition)
        if notice is None:
            return None
        match notice.step:
            case SkipStep.APPLIED:
                self.applied.setdefault(notice.offset, notice)
            case SkipStep.REQUESTED:
                self.requested.setdefault(notice.offset, notice)
            case SkipStep.TOO_LATE:
                self.too_late.add(notice.offset)
        return notice

    def of_replay(self) -> dict[int, SkipNotice]:
        """What a replay skips: what a worker has skipped, and what was asked for and never folded."""
        asked = {offset: each for offset, each in self.requested.items() if offset not in self.too_late}
        return {**asked, **self.applied}


def skips_of(entries: Iterable[tuple[int, LogEntry]]) -> dict[int, Skips]:
    """The skip facts of a whole log, by partition.

    Args:
        entries: Partition and record.
    """
    found: dict[int, Skips] = {}
    for partition, entry in entries:
        if may_be_skip(entry):
            found.setdefault(partition, Skips()).note(entry, partition)
    return found


def skip_in(entry: LogEntry, partition: int) -> SkipNotice | None:
    """The skip fact that an entry of a partition is; None for any other entry, and for one that has no effect."""
    if not may_be_skip(entry):
        return None
    try:
        notice = decode(decode(entry.value, FusionInput).payload, SkipNotice)
    except Exception:  # noqa: BLE001 - the fold decides about it as about any entry
        return None
    return notice if is_usable(notice, partition, entry.offset) and may_skip(entry, notice) else None


def may_be_skip(entry: LogEntry) -> bool:
    """Whether an entry begins as a skip fact does; costs next to nothing."""
    return entry.key == b"" and entry.value is not None and entry.value.startswith(_beginnings())


@cache
def _beginnings() -> tuple[bytes, ...]:
    """The first bytes of an envelope of a skip fact, by each schema that has this kind: header and kind."""
    schemas = [schema_of(FusionInput), *earlier_schemas_of(FusionInput).values()]
    symbols = [(each.header, each.parsed["fields"][0]["type"]["symbols"]) for each in schemas]
    # A kind is written as twice its index, in one byte as long as there are fewer than 64.
    return tuple(
        header + bytes([2 * names.index(InputKind.SKIP)])
        for header, names in symbols
        if InputKind.SKIP in names
    )


def fold_or_skip(state: State, entry: LogEntry, skips: Mapping[int, SkipNotice]) -> Iterable[Decision]:
    """Fold one entry as `fold_in_steps` does, or skip it.

    Args:
        state: The state of the entry's partition; changed in place.
        entry: The entry at or after `state.offset`.
        skips: The entries of the partition that are skipped, by their offset.
    """
    skip = skips.get(entry.offset)
    return fold_in_steps(state, entry) if skip is None else (fold_skipped(state, entry, skip),)


def fold_skipped(state: State, entry: LogEntry, skip: SkipNotice) -> Decision:
    """Pass an entry: no rule runs and the state moves on behind it. It is total, and equal for every reader.

    Args:
        state: The state of the entry's partition; changed in place.
        entry: The entry at or after `state.offset`.
        skip: The fact that names it.

    Returns:
        A decision with the reason SKIPPED; for a press a minimal red, unless nobody may look into the record.
    """
    state.last_hash = record_hash(entry)
    state.offset = entry.offset + 1
    advance_time(state, entry, None)
    red = None if skip.blind else red_of(state, entry)
    return Decision(
        reason=Reason.SKIPPED,
        alerts=() if red is None else (red,),
        detail=f"offset {entry.offset}: {skip.cause}",
    )


def red_of(state: State, entry: LogEntry) -> Alert | None:
    """The minimal red of a press that is skipped; None where it is none, or cannot be read."""
    try:
        envelope, record = read_entry(entry)
        if not isinstance(record, PillarFact) or record.kind is not PillarKind.PRESS:
            return None
        # It does not come through the fold's door, and what is out of bounds in it may be why it is skipped.
        return minimal_red(bounded_id(envelope.zone), held(record), state.now)
    except Exception:  # noqa: BLE001 - it is skipped because something is wrong with it
        return None
