"""The incidents as `dispatch.incident.v1` tells of them: the newest alert of each, in the order of their need.

The topic is compacted. Which alert of an incident is newest is said by its revision, not by its place: a repeat
after a crash lies behind what it repeats. A tombstone takes the incident off the board.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

from callbox.terminal.printable import printable
from processors.incident.lifecycle import OPEN, UNACKNOWLEDGED
from schemas.alert import Alert
from schemas.codec import decode
from schemas.enums import Grade, IncidentState
from schemas.errors import DecodeError, InputMissing
from schemas.topics import INCIDENTS
from streams.kafka.config import KafkaConfig
from streams.kafka.reader import read_all
from streams.kafka.record import LogRecord

SHORTEST: Final = 4  # characters of an id that name an incident, if no other has them
_SHOWN: Final = 6  # of an id in a list, or as many as it takes to tell all apart
_CANDIDATES: Final = 10  # that an error names

_RANKS: Final = {Grade.YELLOW: 1, Grade.BLUE: 2}  # red is 0, and so is a grade that is not known


class Board(NamedTuple):
    """What the topic told.

    Attributes:
        alerts: The newest alert of each incident, in no order.
        unreadable: How many records nobody can read.
    """

    alerts: tuple[Alert, ...]
    unreadable: int


def board(records: Iterable[LogRecord]) -> Board:
    """Read the topic.

    Args:
        records: All of it, in order within each partition.
    """
    newest: dict[bytes, Alert] = {}
    unreadable = 0
    for record in records:
        if record.key is None:  # Kafka refuses one on a compacted topic, the embedded broker does not
            continue
        if record.value is None:
            newest.pop(record.key, None)
            continue
        try:
            alert = decode(record.value, Alert)
        except DecodeError:
            unreadable += 1
            continue
        known = newest.get(record.key)
        if known is None or alert.revision >= known.revision:
            newest[record.key] = alert
    return Board(tuple(newest.values()), unreadable)


def read_board(kafka: KafkaConfig) -> Board:
    """The board as of now.

    Raises:
        BrokerUnavailable, AccessDenied, InputMissing: As `streams.kafka.reader.read`.
    """
    return board(read_all(kafka, INCIDENTS))


def is_open(alert: Alert) -> bool:
    """Whether the incident goes on; a state that this release does not know counts as open."""
    return alert.state in OPEN or alert.state is IncidentState.UNKNOWN


def wants_answer(alert: Alert) -> bool:
    """Whether somebody must still acknowledge it."""
    return alert.state in UNACKNOWLEDGED


def by_need(alerts: Iterable[Alert]) -> list[Alert]:
    """Open ones first, of these red ones, of these unacknowledged ones, of these the oldest."""
    return sorted(
        alerts,
        key=lambda alert: (
            not is_open(alert),
            _RANKS.get(alert.grade, 0),
            not wants_answer(alert),
            alert.onset,
            alert.incident_id,
        ),
    )


def find(alerts: Iterable[Alert], wanted: str) -> Alert:
    """The incident of an id, or of the beginning or the end of one.

    Raises:
        InputMissing: No incident has it, or several have; the text names them.
    """
    by_id = {alert.incident_id: alert for alert in alerts}
    if wanted in by_id:
        return by_id[wanted]
    if len(wanted) < SHORTEST:
        raise InputMissing(f"no incident {wanted!r}; of an id at least {SHORTEST} characters are needed")
    found = sorted(name for name in by_id if name.startswith(wanted) or name.endswith(wanted))
    if len(found) == 1:
        return by_id[found[0]]
    if not found:
        raise InputMissing(f"no incident begins or ends with {wanted!r}: callbox incidents list --all")
    named = ", ".join(printable(name) for name in found[:_CANDIDATES])
    more = ", …" if len(found) > _CANDIDATES else ""
    raise InputMissing(f"{len(found)} incidents begin or end with {wanted!r}, give more of it: {named}{more}")


def shown_length(alerts: Sequence[Alert]) -> int:
    """How many last characters of the ids tell all of them apart, and are no id's beginning either."""
    ids = {alert.incident_id for alert in alerts}
    longest = max(map(len, ids), default=_SHOWN)
    for length in range(_SHOWN, longest):
        ends = Counter(name[-length:] for name in ids)
        if len(ends) == len(ids) and not ends.keys() & {name[:length] for name in ids if len(name) > length}:
            return length
    return max(longest, _SHOWN)
