"""Who is heard: of each press, whether it opens an incident, joins one, or is silent (F2, F14, F15; 1, 7, 8a, 9).

A bounce is certain only where nothing speaks for two presses, since whoever presses must be heard and F2 lets a press
be dropped only if it is surely the same. Two things speak for two: the pillar's own clock says that they happened
apart, as it does of presses that a gateway has kept and gives one received_at; or the mark of an exercise has changed
between them, which no contact does by bouncing.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from schemas.alert import Alert
from schemas.enums import Grade, PillarKind, Reason, Status
from schemas.fusion_log import Observation, PillarFact
from schemas.registry import UNASSIGNED_ZONE, RegistryDevice
from tests.reference.crowds import is_unregistered_press
from tests.reference.drive import Entry
from tests.reference.limits import HOUR, MINUTE, SECOND
from tests.reference.steps import Report
from tests.reference.town import FAR_M, NEAR_M, Place, metres, place_of
from tests.reference.view import OVER, Incident, View, is_press

MEMORY = 30
"""Reports of one device that certainly do not make the fold forget an earlier one."""

MARGIN_MS = 5 * SECOND
"""A fact this close to the end of a window may be inside or outside, because clocks differ by that much."""

TOGETHER_MS = 20 * SECOND
"""A bounce comes into the log with its press; what comes later may be one whose gateway's clock stands still."""

LATE_MS = 40 * SECOND

EXERCISE_MS = 4 * HOUR
"""How long an exercise lasts that nobody ends (F21)."""

FEW_UNREGISTERED = 10
"""So many devices that nobody has registered are single ones for certain."""

HELD_MS = MINUTE
"""A flame may be held for this long before anybody is told of it."""


class Same(NamedTuple):
    """What makes two reports of one device the same one (F1)."""

    kind: PillarKind
    exercise: bool
    source: tuple[object, ...]


@dataclass
class Heard:
    """A press that has come.

    Attributes:
        same: What it is.
        received: When its gateway received it, or its append time where that is impossible.
        incident_id: The incident that it opened or joined, or that it was a bounce of.
        counted: It was a press of its own, no copy and no bounce.
        order: How many reports of its device came before it.
        arrived: When it came into the log.
        zone: The zone that it came in.
        occurred: When it happened by its pillar's clock, or None where that is not to be believed.
    """

    same: Same
    received: int
    incident_id: str
    counted: bool
    order: int
    arrived: int
    zone: str
    occurred: int | None


class Verdict(NamedTuple):
    """What must come of a press.

    Attributes:
        may_be_silent: It need not be heard.
        must_be_silent: It must not be heard.
        joins: The incidents of which one must take it in.
        may_open: It may open an incident of its own.
        why: The rule.
    """

    may_be_silent: bool
    must_be_silent: bool
    joins: frozenset[str]
    may_open: bool
    why: str


def same_of(report: Report, record: PillarFact) -> Same:
    """The identity of a report: the source's own id, or everything that tells two events apart."""
    if report.event_id:
        return Same(record.kind, report.exercise, (report.event_id,))
    replaced = record.received_at != report.received_ms
    place = report.place if replaced else -1
    return Same(
        record.kind,
        report.exercise,
        (report.occurred_ms, report.sequence, report.received_ms, report.active, place),
    )


class Presses:
    """Predicts what comes of each press."""

    rule = "press"

    def __init__(self) -> None:
        self._heard: dict[str, list[Heard]] = {}
        self._reports: dict[str, int] = {}
        self._cancelled: dict[tuple[str, bool], int] = {}
        self._flames: list[tuple[int, Place | None]] = []
        self._marked_since: dict[str, int] = {}
        self._unregistered: set[str] = set()

    def check(self, entry: Entry, view: View) -> Iterator[str]:
        record = entry.record
        if isinstance(record, PillarFact):
            self._reports[record.device_id] = self._reports.get(record.device_id, 0) + 1
            if record.exercise:
                self._marked_since.setdefault(entry.zone, view.now)
            if record.kind is PillarKind.CANCEL:
                self._cancelled[record.device_id, record.exercise] = self._reports[record.device_id]
        if isinstance(record, Observation):
            place = _place(view, record.device_id)
            self._flames.append((view.now, place))
        if isinstance(record, PillarFact) and is_press(record) and isinstance(entry.step.what, Report):
            yield from self._press(entry, entry.step.what, record, view)

    def _press(self, entry: Entry, report: Report, record: PillarFact, view: View) -> Iterator[str]:
        if is_unregistered_press(entry):
            self._unregistered.add(record.device_id)
            if len(self._unregistered) > FEW_UNREGISTERED:  # tests/reference/crowds.py judges them
                return
        told = [
            alert
            for alert in entry.alerts
            if alert.press_count and alert.reason is not Reason.RELATED and alert.status is not Status.TEST
        ]
        same = same_of(report, record)
        verdict = self.verdict(same, record, entry.zone, view)
        named = [alert for alert in told if (record.device_id, record.event_id) in _sources(alert)]
        if verdict.must_be_silent and told:
            yield f"must be silent ({verdict.why}), but {told[0].reason.value} went out"
        elif not verdict.may_be_silent and not named:
            yield f"is not heard: {verdict.why}; the fold says {entry.decisions[0].reason.value}"
        elif named and not verdict.must_be_silent and not self._may_be_real(record, entry.zone, view):
            yield from _judge(named, told, verdict, record, view)
            yield from _late(named[0], entry, record, view)
        self._remember(same, record, named, entry.zone, view, verdict)

    def _may_be_real(self, record: PillarFact, zone: str, view: View) -> bool:
        """Whether a marked press may be real, since the exercise that it belongs to has had its time (F21).

        Which mark belongs to which exercise then is tested in tests/unit/processors/rules/test_planned_work.py.
        """
        if not record.exercise:
            return False
        return view.now - self._marked_since[zone] > EXERCISE_MS - MARGIN_MS

    def verdict(self, same: Same, record: PillarFact, zone: str, view: View) -> Verdict:
        joins, may_open, why = self._target(record, zone, view)
        silence = self._silence(same, record, zone, view)
        if silence is not None:
            is_certain, why = silence
            return Verdict(True, is_certain, joins, may_open, why)
        return Verdict(False, False, joins, may_open, why)

    def _silence(self, same: Same, record: PillarFact, zone: str, view: View) -> tuple[bool, str] | None:
        """Whether it is a copy, a resend or a bounce; the first value says whether that is certain."""
        before = self._heard.get(record.device_id, [])
        known = [each for each in before if each.same == same]
        bounce_ms = view.limits.of("bounce_ms")
        order = self._reports[record.device_id]
        near = [each for each in known if abs(each.received - record.received_at) <= bounce_ms]
        if near:
            is_fresh = any(
                order - each.order < MEMORY and each.counted and each.zone == zone for each in near
            )
            return is_fresh, "the same report again (F2)"
        for each in known:
            incident = view.incidents.get(each.incident_id)
            # A person has said of a cleared one that it is over, so whoever presses then must be heard.
            if incident is not None and incident.is_open and incident.state not in OVER:
                is_listed = each.counted and incident.source_count <= 40 and incident.zone == zone
                is_listed = is_listed and not self._has_cancelled(record, each)
                return is_listed, "a resend into the incident that it opened or joined (F2)"
        return self._bounce(record, before, zone, view)

    def _bounce(
        self, record: PillarFact, before: list[Heard], zone: str, view: View
    ) -> tuple[bool, str] | None:
        bounce_ms = view.limits.of("bounce_ms")
        mine = [each for each in before if each.same.exercise is record.exercise]
        for each in reversed(mine):
            apart = record.received_at - each.received
            if abs(apart) > bounce_ms:
                continue
            incident = view.incidents.get(each.incident_id)
            if incident is None or not incident.is_open:
                continue
            if self._has_cancelled(record, each):
                continue
            counted = [one for one in before if one.counted]
            is_last = bool(counted) and counted[-1] is each and apart >= 0
            is_last = is_last and not _happened_apart(each, record)
            is_last = (
                is_last and max(view.now - each.arrived, abs(view.now - record.received_at)) < TOGETHER_MS
            )
            is_touched = incident.touched_by_person_at >= view.now - 2 * bounce_ms or incident.state in OVER
            return is_last and not is_touched and incident.zone == zone, "a bounce (requirement 1)"
        return None

    def _has_cancelled(self, record: PillarFact, press: Heard) -> bool:
        """Whether the caller has taken a press back since: then the next one is a press, whatever its id."""
        return self._cancelled.get((record.device_id, record.exercise), -1) > press.order

    def _target(self, record: PillarFact, zone: str, view: View) -> tuple[frozenset[str], bool, str]:
        status = Status.EXERCISE if record.exercise else Status.ACTUAL
        candidates = [
            each
            for each in view.incidents.values()
            if each.is_open and each.is_emergency and each.status is status and each.zone == zone
        ]
        own = [each for each in candidates if each.names(record.device_id)]
        if own:
            return (
                frozenset(each.incident_id for each in own),
                False,
                "its own device's open incident (F14, F15)",
            )
        reach = [(each, self._reach(each, record, view)) for each in candidates]
        surely = [each for each, sure in reach if sure]
        maybe = frozenset(each.incident_id for each, sure in reach if sure is not False)
        may_open = not surely or self._has_held_flame(record, view)
        why = "an open incident of its family within reach (9)" if surely else "a first press (1, F2)"
        return maybe, may_open, why

    def _has_held_flame(self, record: PillarFact, view: View) -> bool:
        mine = _place(view, record.device_id)
        return any(
            mine is not None and place is not None and metres(mine, place) < FAR_M and view.now - at < HELD_MS
            for at, place in self._flames
        )

    def _reach(self, incident: Incident, record: PillarFact, view: View) -> bool | None:
        """Whether an incident of others takes the press in; None where that is not certain."""
        mine = _place(view, record.device_id)
        if mine is None or incident.position is None:
            return False
        apart = metres(mine, Place(incident.position.lat, incident.position.lon))
        reach_m = view.limits.of("reach_m")
        if apart > FAR_M * reach_m / 200:
            return False
        rolling, at_most = view.limits.window(incident.grade)
        times = (int(record.received_at), int(record.occurred_at), view.now)
        since_last = [
            at - last
            for at in times
            for last in (incident.last_received, incident.last_fact_now, incident.spoken_at)
        ]
        since_first = [at - first for at in times for first in (incident.first_received, incident.first_now)]
        since_burning = [at - incident.burning_now for at in times] if incident.burning_now else []
        if min((*since_last, *since_burning)) > rolling + MARGIN_MS or min(since_first) > at_most + MARGIN_MS:
            return False
        is_near = apart < NEAR_M * reach_m / 200
        is_in = max(since_last) < rolling - MARGIN_MS and max(since_first) < at_most - MARGIN_MS
        is_straight = min(since_last) > -MARGIN_MS and not view.clock.is_unsure
        return True if is_near and is_in and is_straight else None

    def _remember(
        self, same: Same, record: PillarFact, named: list[Alert], zone: str, view: View, verdict: Verdict
    ) -> None:
        mine = self._heard.setdefault(record.device_id, [])
        order = self._reports[record.device_id]
        occurred = None if record.clock_suspect else int(record.occurred_at)
        if named and not verdict.must_be_silent:
            name = named[0].incident_id
            mine.append(Heard(same, int(record.received_at), name, True, order, view.now, zone, occurred))
            return
        earlier = [each for each in mine if each.same.exercise is record.exercise]
        incident_id = earlier[-1].incident_id if earlier else ""
        mine.append(Heard(same, int(record.received_at), incident_id, False, order, view.now, zone, occurred))


def _happened_apart(before: Heard, record: PillarFact) -> bool:
    """Whether the pillar's own clock says that two presses happened apart: no clock of minutes between two of them."""
    if before.occurred is None or record.clock_suspect:
        return False
    apart = abs(record.occurred_at - before.occurred)
    minute = max(before.occurred, int(record.occurred_at))
    is_between = before.received < minute <= record.received_at
    return apart > LATE_MS and not (apart == MINUTE and minute % MINUTE == 0 and is_between)


def _judge(
    named: list[Alert], told: list[Alert], verdict: Verdict, record: PillarFact, view: View
) -> Iterator[str]:
    """A press that was heard: in the right incident, as a red, once, and counted."""
    if len(told) != 1 or len(named) != 1:
        yield f"went out in {len(told)} alerts of calls"
    alert = named[0]
    known = view.incidents.get(alert.incident_id)
    if known is None and not verdict.may_open:
        yield f"opened an incident, but belongs to one: {verdict.why}"
    if known is not None and alert.incident_id not in verdict.joins:
        why = "which is over" if not known.is_open else f"expected {verdict.why}"
        yield f"joined a wrong incident, {why}"
    if alert.grade is not Grade.RED:
        yield f"is {alert.grade.value} and not red"
    if (alert.status is Status.EXERCISE) is not record.exercise:
        yield f"has status {alert.status.value}"
    if alert.press_count <= (0 if known is None else known.press_count):
        yield f"is not counted: {alert.press_count} presses"
    if alert.state in OVER:
        yield f"leaves the incident {alert.state.value}"


def _late(alert: Alert, entry: Entry, record: PillarFact, view: View) -> Iterator[str]:
    """Whether it says that it comes late: the whole way counts, from the press to the log (F13)."""
    way_ms = entry.given.append_ms - record.occurred_at
    is_certain = abs(way_ms - LATE_MS) > MARGIN_MS and not view.clock.is_unsure
    if is_certain and alert.late is not (way_ms > LATE_MS):
        yield f"came {way_ms / 1000:g} s after it was pressed, and the alert says late={alert.late} (F13)"


def _sources(alert: Alert) -> set[tuple[str, str]]:
    return {(source.device_id, source.event_id) for source in alert.sources}


def _place(view: View, device_id: str) -> Place | None:
    record: RegistryDevice | None = view.registry.get(device_id)
    return None if record is None or record.zone == UNASSIGNED_ZONE else place_of(record)
