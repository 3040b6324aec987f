"""The board: the newest alert of each incident in `dispatch.incident.v1`, sorted by urgency.

The topic is compacted. The newest alert of an incident is the one with the highest revision, not the last one: after a
crash, repeats of earlier alerts follow. A tombstone removes the incident from the board.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
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

SHORTEST: Final = 4  # characters of an id that are enough to name an incident
_SHOWN: Final = 6  # characters of an id in a list, or as many as it takes to distinguish all
_CANDIDATES: Final = 10  # incidents that an error names at most

_RANKS: Final = {Grade.YELLOW: 1, Grade.BLUE: 2}  # red is 0, and so is a grade that is not known


class Board(NamedTuple):
    """The content of the topic.

    Attributes:
        alerts: The newest alert of each incident, unsorted.
        unreadable: How many records this release cannot decode.
    """

    alerts: tuple[Alert, ...]
    unreadable: int


def board(records: Iterable[LogRecord]) -> Board:
    """Make the board of records.

    Args:
        records: All records of the topic, in order within each partition.
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
    """Read the board as it is now.

    Raises:
        BrokerUnavailable, AccessDenied, InputMissing: As `streams.kafka.reader.read`.
    """
    return board(read_all(kafka, INCIDENTS))


def is_open(alert: Alert) -> bool:
    """Whether the incident is open; a state that this release does not know counts as open."""
    return alert.state in OPEN or alert.state is IncidentState.UNKNOWN


def wants_answer(alert: Alert) -> bool:
    """Whether somebody must still acknowledge it, or answer a further caller while a unit looks after the first."""
    return alert.state in UNACKNOWLEDGED or (alert.ack_by is not None and is_open(alert))


def by_need(alerts: Iterable[Alert]) -> list[Alert]:
    """Sort alerts: open ones first, among them the red ones, then the unacknowledged ones, then the oldest."""
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
    """Find an incident by its id, or by the beginning or the end of its id.

    Raises:
        InputMissing: No incident matches, or several do; the text names them.
    """
    return find_each(alerts, (wanted,))[0]


def find_each(alerts: Iterable[Alert], wanted: Iterable[str]) -> list[Alert]:
    """Find several incidents, each as `find` does, in the order in which they are wanted.

    Raises:
        InputMissing: As `find`, for the first one that cannot be found.
    """
    by_id = {alert.incident_id: alert for alert in alerts}
    return [by_id[_meant(by_id, each)] for each in wanted]


def _meant(ids: Collection[str], wanted: str) -> str:
    """The one id that is wanted, or begins or ends so."""
    if wanted in ids:
        return wanted
    if len(wanted) < SHORTEST:
        raise InputMissing(f"no incident {wanted!r}; of an id at least {SHORTEST} characters are needed")
    found = sorted(name for name in ids if name.startswith(wanted) or name.endswith(wanted))
    if len(found) == 1:
        return found[0]
    if not found:
        raise InputMissing(f"no incident begins or ends with {wanted!r}: callbox incidents list --all")
    named = ", ".join(printable(name) for name in found[:_CANDIDATES])
    more = ", …" if len(found) > _CANDIDATES else ""
    raise InputMissing(f"{len(found)} incidents begin or end with {wanted!r}, give more of it: {named}{more}")


def shown_length(alerts: Sequence[Alert]) -> int:
    """How many last characters of the ids distinguish all of them, and are not the beginning of another one."""
    ids = {alert.incident_id for alert in alerts}
    longest = max(map(len, ids), default=_SHOWN)
    for length in range(_SHOWN, longest):
        ends = Counter(name[-length:] for name in ids)
        if len(ends) == len(ids) and not ends.keys() & {name[:length] for name in ids if len(name) > length}:
            return length
    return max(longest, _SHOWN)
