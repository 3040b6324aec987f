"""What somebody knows who sees only the inputs and the alerts: the time, the limits, the devices, the incidents."""

from dataclasses import dataclass, field
from typing import NamedTuple

from schemas.ack import AckFact
from schemas.alert import Alert, Position
from schemas.enums import AckAction, Grade, Hazard, IncidentState, PillarKind, Reason, Status
from schemas.fusion_log import (
    ExpectedFeeds,
    FeedWatermark,
    MaintenanceWindow,
    Observation,
    PillarFact,
    PolicyRecord,
    Tick,
)
from schemas.registry import ChainLink, RegistryDevice
from tests.reference.drive import Entry
from tests.reference.limits import MINUTE, SECOND, Limits
from tests.reference.steps import Answer

S = IncidentState

EMERGENCIES = (Hazard.EMERGENCY_CALL, Hazard.FIRE)
ENDS = (S.CLOSED, S.CANCELLED)
ASKING = (S.RAISED, S.REJECTED)
ANSWERED = (S.ACKED, S.ASSIGNED, S.ON_SCENE)
OVER = (S.CLEARED, S.CLEARED_UNACKED)
ALARMS = (Reason.SHELVING_OVER, Reason.MORE_RECORDS, Reason.DEVICE_MOVED)
"""Reasons after which an answer that was given before may be refused, whatever the state is."""

RANK = {Grade.BLUE: 0, Grade.YELLOW: 1, Grade.RED: 2}

LEAP_MS = 5 * MINUTE
"""Stream time leaps by more only when a second clock agrees (F11)."""

HOLE_MS = 30 * SECOND
"""No tick or no watermark for longer than this is a hole in what was listened to (F7)."""


class Clock:
    """Stream time, naively: of an append time and the clock of a tick's writer, two must agree on a leap (F11)."""

    def __init__(self) -> None:
        self.now = 0
        self.ticked_ms = 0
        self.is_unsure = False
        self._last_tick = 0

    def take(self, entry: Entry) -> None:
        appended = int(entry.given.append_ms)
        is_near = not self.now or appended <= self.now + LEAP_MS
        if isinstance(entry.record, Tick):
            writer = appended if entry.record.at is None else int(entry.record.at)
            self.now = max(
                self.now, appended if is_near else min(appended, writer)
            )  # as far as both have come
            self.ticked_ms += min(self.now - (self._last_tick or self.now), LEAP_MS)
            self._last_tick = self.now
            self.is_unsure = False
        elif is_near:
            self.now = max(self.now, appended)
        else:
            self.is_unsure = entry.step.honest_at is None


@dataclass
class Incident:
    """An incident as its alerts show it.

    Nobody is told that a fire still burns, and yet it is a fact of the incident, from which its window counts (9):
    `burning_now` is when a camera that the incident names saw one last. One of many unregistered devices `is_group`:
    further presses are told of it a little later, and each asks for an answer all the same (F5, F17).
    """

    incident_id: str
    number: int
    zone: str
    status: Status
    hazard: Hazard
    state: IncidentState = S.CANDIDATE
    grade: Grade = Grade.BLUE
    revision: int = 0
    press_count: int = 0
    source_count: int = 0
    position: Position | None = None
    chain: tuple[ChainLink, ...] = ()
    flapping: bool = False
    devices: set[tuple[str, str]] = field(default_factory=set)
    sources: set[tuple[str, str]] = field(default_factory=set)
    first_received: int = 0
    last_received: int = 0
    first_now: int = 0
    last_fact_now: int = 0
    burning_now: int = 0
    joined_revision: int = 0
    alarm_revision: int = 0
    asked_from: int | None = None
    asked_until: int | None = None
    tiers: list[str] = field(default_factory=list)
    state_since: int = 0
    spoken_at: int = 0
    spoken_ticked: int = 0
    touched_by_person_at: int = 0
    over_reminders: list[int] = field(default_factory=list)
    is_pending: bool = False
    is_unsure: bool = False
    is_group: bool = False

    @property
    def is_open(self) -> bool:
        return self.state not in ENDS

    @property
    def is_emergency(self) -> bool:
        return self.hazard in EMERGENCIES

    def names(self, device_id: str) -> bool:
        return any(name == device_id for _, name in self.devices)


@dataclass
class Watch:
    """How far a feed has been listened to without a hole.

    Attributes:
        since: When the present stretch without a hole began, or None.
        last: When it was last heard from.
    """

    since: int | None = None
    last: int = 0

    def read(self, at: int) -> None:
        if self.since is None or at - self.last > HOLE_MS:
            self.since = at
        self.last = max(self.last, at)


class Work(NamedTuple):
    """Planned work, from when the log has said it.

    Attributes:
        record: The window.
        begins: Its first moment.
        ends: The first moment after it.
    """

    record: MaintenanceWindow
    begins: int
    ends: int


class View:
    """Everything that an outsider remembers; oracles read it as it was before the entry that they judge."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.limits = Limits()
        self.registry: dict[str, RegistryDevice] = {}
        self.places: dict[str, set[tuple[int, int]]] = {}
        self.incidents: dict[str, Incident] = {}
        self.ticks = Watch()
        self.feed: dict[int, Watch] = {}
        self.feed_expected_at: int | None = None
        self.last_tick_now = 0
        self.area_hazards: set[Hazard] = set()
        self.windows: dict[str, Work] = {}

    @property
    def now(self) -> int:
        return self.clock.now

    def listening_since(self) -> int | None:
        """Since when ticks and all partitions of the pillars' feed have come without a hole; None where not now."""
        watches = [self.ticks, *self.feed.values()]
        if not self.feed or any(watch.since is None or self.now - watch.last > HOLE_MS for watch in watches):
            return None
        return max(watch.since or 0 for watch in watches)

    def is_covered(self, device_id: str, at: int) -> bool:
        """Whether planned work covers a device at a time."""
        return any(
            self._covers(work, device_id) and work.begins <= at < work.ends for work in self.windows.values()
        )

    def covered_until(self, device_id: str) -> int:
        """When the planned work on a device ends that ends last; 0 where none was ever said."""
        if not self.windows:
            return 0
        return max((work.ends for work in self.windows.values() if self._covers(work, device_id)), default=0)

    def _covers(self, work: Work, device_id: str) -> bool:
        record, device = work.record, self.registry.get(device_id)
        if not record.devices and record.gateway is None:
            return True
        behind = device is not None and record.gateway is not None and device.gateway == record.gateway
        return device_id in record.devices or device_id == record.gateway or behind

    def before(self, entry: Entry) -> None:
        """Take in the time and what arrives, before the entry is judged."""
        self.clock.take(entry)

    def after(self, entry: Entry) -> None:
        """Take in what the entry says and what came of it, after it was judged."""
        record = entry.record
        if isinstance(record, Tick):
            self.ticks.read(self.now)
            self.last_tick_now = self.now
        elif isinstance(record, FeedWatermark):
            for number in record.partitions:
                self.feed.setdefault(number, Watch()).read(self.now)
        elif isinstance(record, ExpectedFeeds):
            self.feed_expected_at = self.now
        elif isinstance(record, MaintenanceWindow):
            self._plan(record)
        elif isinstance(record, PolicyRecord):
            self._rule(record)
        elif isinstance(record, RegistryDevice):
            self._register(record)
        elif isinstance(record, Observation):
            self._burns(record)
        for alert in entry.alerts:
            self._alert(entry, alert)

    def _rule(self, record: PolicyRecord) -> None:
        if self.limits.apply(record):
            for incident in self.incidents.values():
                incident.is_unsure = True

    def _plan(self, record: MaintenanceWindow) -> None:
        period = record.periods[0]
        begins = max(int(period.begins_at), self.now)
        ends = min(int(period.ends_at), self.now) if record.ended else int(period.ends_at)
        self.windows[record.window_id] = Work(record, begins, ends)

    def _burns(self, record: Observation) -> None:
        for incident in self.incidents.values():
            if incident.names(record.device_id):
                incident.burning_now = self.now

    def _register(self, record: RegistryDevice) -> None:
        known = self.registry.get(record.device_id)
        if known is not None and known.revision >= record.revision:
            return
        self.registry[record.device_id] = record
        self.places.setdefault(record.device_id, set()).add((record.lat_e7, record.lon_e7))
        for incident in self.incidents.values():
            if incident.names(record.device_id):
                incident.is_unsure = True

    def _alert(self, entry: Entry, alert: Alert) -> None:
        known = self.incidents.get(alert.incident_id)
        is_first = known is None
        if known is None:
            known = Incident(
                alert.incident_id,
                len(self.incidents),
                alert.zone,
                alert.status,
                alert.hazard,
                first_now=self.now,
            )
            self.incidents[alert.incident_id] = known
        _take(known, alert, entry, self, is_first=is_first)
        is_area = any(source.event_id.startswith("area:") for source in alert.sources)
        if alert.reason is Reason.AREA_FAULT or is_area:  # one that planned work has held says so
            self.area_hazards.add(alert.hazard)


def _take(known: Incident, alert: Alert, entry: Entry, view: View, *, is_first: bool) -> None:
    """Bring an incident up to an alert."""
    sources = {(source.device_id, source.event_id) for source in alert.sources}
    devices = {(source.feed.value, source.device_id) for source in alert.sources}
    is_join = bool(devices - known.devices) or alert.press_count > known.press_count
    risen = RANK.get(alert.grade, 0) > RANK.get(known.grade, 0) and alert.ack_id is None
    again = alert.state is S.RAISED and known.state not in ASKING
    if is_join:
        known.joined_revision = alert.revision
    if again or (risen and not is_first) or alert.reason in ALARMS:
        known.alarm_revision = alert.revision
    if sources - known.sources:
        received = [source.received_at for source in alert.sources]
        known.first_received, known.last_received = min(received), max(received)
        known.last_fact_now = view.now
    known.is_group = known.is_group or alert.reason is Reason.UNREGISTERED_GROUP
    _ask(known, alert, entry, view, again=again or risen)
    if alert.state is not known.state:
        known.state_since, known.over_reminders = view.now, []
    if alert.reason is Reason.STILL_UNACKNOWLEDGED and alert.state is S.CLEARED_UNACKED:
        known.over_reminders.append(view.now)
    if alert.ack_id is not None:
        known.touched_by_person_at = view.now
    known.devices |= devices
    known.sources |= sources
    known.hazard, known.state, known.grade, known.revision = (
        alert.hazard,
        alert.state,
        alert.grade,
        alert.revision,
    )
    known.press_count, known.source_count, known.flapping = (
        alert.press_count,
        alert.source_count,
        alert.flapping,
    )
    known.position, known.chain = alert.position, alert.chain
    known.spoken_at, known.spoken_ticked = max(view.now, alert.sent), view.clock.ticked_ms


def _ask(known: Incident, alert: Alert, entry: Entry, view: View, *, again: bool) -> None:
    """Since when somebody is being asked to answer, and by whom: two times where two clocks disagree."""
    is_escalation = (
        alert.reason in (Reason.NOBODY_ACKNOWLEDGED, Reason.REJECTED_BY_UNIT) and alert.ack_id is None
    )
    if alert.tier.value not in known.tiers:
        known.tiers.append(alert.tier.value)
    restarts = again or is_escalation or alert.reason is Reason.REGRADED
    answer = entry.step.what
    action = answer.action if isinstance(answer, Answer) and alert.ack_id is not None else AckAction.NOTE
    new_caller = calls_again(known, alert, entry)
    if alert.state in ASKING:
        known.is_pending = False
        if restarts or known.asked_from is None or new_caller:
            known.asked_from, known.asked_until = min(view.now, alert.sent), max(view.now, alert.sent)
            known.is_unsure = view.clock.is_unsure or (new_caller and known.state in ASKING)
        return
    if alert.state in ANSWERED and new_caller:
        known.is_pending = True
        known.asked_from, known.asked_until = min(view.now, alert.sent), max(view.now, alert.sent)
        known.is_unsure = view.clock.is_unsure
    elif known.is_pending and is_escalation:
        known.asked_from, known.asked_until = min(view.now, alert.sent), max(view.now, alert.sent)
    elif known.is_pending and is_old_answer(known, entry):
        known.is_unsure = True
    elif alert.state not in ANSWERED or action is not AckAction.NOTE:
        known.is_pending, known.asked_from, known.asked_until = False, None, None


def calls_again(known: Incident, alert: Alert, entry: Entry) -> bool:
    """Whether this press asks for an answer of its own: another caller, or one after a unit is on the way (F5)."""
    record = entry.record
    if alert.reason is Reason.UNREGISTERED_GROUP and known.revision:
        # It is told for presses that nobody had been told of; an answer's own alert may have counted them already.
        return True
    if not isinstance(record, PillarFact) or record.kind is not PillarKind.PRESS or not known.revision:
        return False
    if alert.press_count <= known.press_count:
        return False
    is_another = not known.names(record.device_id)
    return is_another or known.state in (S.ASSIGNED, S.ON_SCENE)


def is_old_answer(known: Incident, entry: Entry) -> bool:
    """Whether an answer was given by somebody who had not seen who has joined: it may be none to them (F4, F5)."""
    record = entry.record
    revision = record.revision if isinstance(record, AckFact) else None
    return revision is not None and revision < known.joined_revision


def is_press(record: object) -> bool:
    return isinstance(record, PillarFact) and record.kind is PillarKind.PRESS


def is_flame(record: object) -> bool:
    return isinstance(record, Observation)
