"""What falls silent: told in time, never too early nor while nobody listened, and as one site (3, F7 to F9, F18).

A copy is no sign of life: it was counted when the report came first. F2 says what a copy is: the same id, and a
received_at within the bounce window of the first one, because two gateways that hear one report have two clocks. A
heartbeat is a copy only with the same received_at, since its source may repeat ids.
"""

from collections.abc import Iterator

from schemas.alert import Alert
from schemas.enums import Hazard, IncidentState, PillarKind, Reason, Status
from schemas.fusion_log import CameraAlive, Observation, PillarFact, Tick
from schemas.registry import RegistryDevice
from tests.reference.drive import Entry
from tests.reference.limits import SECOND
from tests.reference.view import OVER, Incident, View

BEGINS = (Reason.CONDITION_ACTIVE, Reason.CONDITION_BACK, Reason.SITE_SILENT)
SLACK_MS = 4 * SECOND
"""Ticks and watermarks come once a second, and an interval below 20 s may be reported two seconds later."""

FEED_SILENT_MS = 30 * SECOND
"""A feed whose worker reports nothing for longer is silent."""

EARLY_MS = SECOND
BUFFERED_MS = 40 * SECOND
"""What was longer on its way may have come out of a buffer."""

SITE_MISSES = 3
"""This many silent devices behind one gateway are a silent site."""

SAME_TIME_MS = 6 * SECOND
"""Devices that fell silent within this time have one cause."""


class Silence:
    """Checks what is told of silence, and what should have been."""

    rule = "silence"

    def __init__(self) -> None:
        self._spoke: dict[str, int] = {}
        self._lived: dict[str, int] = {}
        self._received: dict[str, int] = {}
        self._said: dict[tuple[str, PillarKind, str], list[int]] = {}
        self._registered: dict[str, int] = {}
        self._promised: dict[str, int] = {}
        self._promises: dict[str, tuple[object, ...]] = {}
        self._back: dict[str, int] = {}
        self._pressed: dict[str, int] = {}
        self._closed_at: dict[str, int] = {}
        self._tested: dict[str, int] = {}
        self._told: dict[str, int] = {}
        self._missed: set[str] = set()

    def check(self, entry: Entry, view: View) -> Iterator[str]:
        for alert in entry.alerts:
            if alert.hazard is Hazard.SITE_COMM_FAIL and alert.reason in BEGINS and alert.sources:
                self._back.pop(alert.sources[0].device_id, None)
            is_new = alert.revision == 1 or alert.reason in BEGINS
            is_area = alert.reason is Reason.AREA_FAULT
            if not is_new or is_area or alert.status is not Status.ACTUAL or not alert.sources:
                continue
            device_id = alert.sources[0].device_id
            if alert.hazard is Hazard.SITE_COMM_FAIL:
                yield from self._site(device_id, view)
            elif alert.hazard is Hazard.COMM_FAIL:
                self._told[device_id] = view.now
                yield from self._silent(entry, alert, device_id, view)
            elif alert.hazard is Hazard.STUCK_BUTTON:
                pressed = self._pressed.get(device_id)
                stuck_ms = view.limits.of("stuck_ms")
                yield from _too_early("stuck", pressed, stuck_ms, view, stuck_ms)
            elif alert.hazard is Hazard.TEST_MISSED and device_id in view.registry:
                every_ms = (view.registry[device_id].test_every_s or 0) * 1_000
                yield from _too_early(
                    "test missed", self._tested.get(device_id), every_ms, view, every_ms // 10
                )
        yield from _one_feed(entry, view)

    def after(self, entry: Entry, view: View) -> Iterator[str]:
        record = entry.record
        if isinstance(record, PillarFact):
            self._report(record, view)
        elif isinstance(record, (Observation, CameraAlive)):
            self._spoke[record.device_id] = self._lived[record.device_id] = view.now
        elif isinstance(record, RegistryDevice):
            self._register(record, view)
        elif isinstance(record, Tick):
            yield from self._overdue(view)
            yield from self._feed(view)

    def _report(self, record: PillarFact, view: View) -> None:
        self._comes_back(record.device_id, view)
        self._spoke[record.device_id] = view.now
        is_copy = self._is_copy(record, view)
        latest = self._received.get(record.device_id, 0)
        is_buffered = record.received_at < min(latest, view.now - BUFFERED_MS)
        if not is_copy and not is_buffered:  # what was kept is no sign of life either (F9)
            self._lived[record.device_id] = view.now
        self._received[record.device_id] = max(latest, int(record.received_at))
        if record.kind is PillarKind.PRESS:
            self._pressed.setdefault(record.device_id, view.now)  # a held contact may repeat its press
            self._closed_at[record.device_id] = int(record.received_at)
        elif record.kind is PillarKind.RELEASE:
            if not is_copy and record.received_at >= self._closed_at.get(record.device_id, 0):
                self._pressed.pop(record.device_id, None)
        elif record.kind is PillarKind.TEST and not is_copy:
            self._tested[record.device_id] = view.now

    def _is_copy(self, record: PillarFact, view: View) -> bool:
        """Whether a report has come before; it is remembered."""
        said = self._said.setdefault((record.device_id, record.kind, record.event_id), [])
        within_ms = 0 if record.kind is PillarKind.HEARTBEAT else view.limits.of("bounce_ms")
        is_copy = any(abs(record.received_at - before) <= within_ms for before in said)
        said.append(int(record.received_at))
        return is_copy

    def _register(self, record: RegistryDevice, view: View) -> None:
        self._registered[record.device_id] = view.now
        promises = (
            (self._promised, (record.zone, record.removed, record.heartbeat_s, record.gateway)),
            (self._tested, (record.zone, record.removed, record.test_every_s)),
        )
        for since, promise in promises:
            if promise not in self._promises.get(record.device_id, ()):
                since[record.device_id] = view.now
        self._promises[record.device_id] = tuple(promise for _, promise in promises)

    def _silent(self, entry: Entry, alert: Alert, device_id: str, view: View) -> Iterator[str]:
        device = view.registry.get(device_id)
        if device is None or not device.heartbeat_s:
            yield f"{device_id} is told silent, but promises nothing"
            return
        interval_ms = device.heartbeat_s * 1_000
        spoke = max(self._lived.get(device_id, 0), self._promised[device_id])
        if view.now - spoke < interval_ms - EARLY_MS:
            yield f"{device_id} is told silent, but spoke {(view.now - spoke) / 1000:g} s ago (3, F9)"
        since = view.listening_since()
        if since is None:
            yield f"{device_id} is told silent while nobody listens (F7)"
        elif view.now - since < interval_ms - EARLY_MS and since > self._promised[device_id] + SLACK_MS:
            yield f"{device_id} is told silent {(view.now - since) / 1000:g} s after a hole (F7)"
        read_until = min((watch.last for watch in view.feed.values()), default=0)
        if since is not None and read_until < max(spoke, since) + interval_ms - EARLY_MS:
            yield f"{device_id} is told silent, but its feed was not read until it had to speak (3)"
        if device.gateway is not None and alert.reason is not Reason.STILL_THERE:
            yield from self._child(entry, device, view)

    def _site(self, gateway_id: str, view: View) -> Iterator[str]:
        """A site is silent if its gateway is, or enough of what is behind it."""
        quiet = [
            device_id
            for device_id, device in view.registry.items()
            if gateway_id in (device_id, device.gateway)
            and view.now - self._lived.get(device_id, 0) > (device.heartbeat_s or 0) * 1_000 - EARLY_MS
        ]
        if gateway_id not in quiet and len(quiet) < SITE_MISSES:
            yield f"{gateway_id} is told as a silent site, but spoke, and so does what is behind it (3)"

    def _child(self, entry: Entry, device: RegistryDevice, view: View) -> Iterator[str]:
        site = next(
            (
                known
                for known in view.incidents.values()
                if known.hazard is Hazard.SITE_COMM_FAIL
                and known.is_open
                and known.names(device.gateway or "")
            ),
            None,
        )
        changes_now = site is not None and any(
            alert.incident_id == site.incident_id for alert in entry.alerts
        )
        if site is not None and site.state is IncidentState.RAISED and not site.flapping and not changes_now:
            yield f"{device.device_id} is told silent beside its silent site (3)"
            return
        back = self._back.get(device.gateway or "")
        if back is not None and view.now - back < (device.heartbeat_s or 0) * 1_000 - EARLY_MS:
            yield f"{device.device_id} is told silent {(view.now - back) / 1000:g} s after its site is back (F18)"
        gateway = view.registry.get(device.gateway or "")
        if gateway is None or gateway.removed or gateway.heartbeat_s != device.heartbeat_s:
            return
        spoke, at = self._spoke.get(device.gateway or "", 0), self._spoke.get(device.device_id, 0)
        interval_ms = (device.heartbeat_s or 0) * 1_000
        is_both = view.now - max(spoke, at) > interval_ms
        if spoke and at and is_both and abs(spoke - at) < SAME_TIME_MS:
            yield f"{device.device_id} is told silent before its site, which fell silent with it (F18)"

    def _feed(self, view: View) -> Iterator[str]:
        """The pillars' feed is not read, or not all of it, or it never was: one incident says so (F8)."""
        if view.feed_expected_at is None or view.ticks.since is None:
            return
        last = min((watch.last for watch in view.feed.values()), default=view.feed_expected_at)
        is_silent = view.now > max(last, view.ticks.since) + FEED_SILENT_MS + SLACK_MS
        is_told = any(
            known.hazard is Hazard.FEED_SILENT and (known.spoken_at > last or known.is_open)
            for known in view.incidents.values()
        )
        if not is_silent:
            self._missed.discard("feed")
        elif not is_told and "feed" not in self._missed:
            self._missed.add("feed")
            yield f"the feed is not read for {(view.now - last) / 1000:g} s, and nobody is told (F8)"

    def _comes_back(self, device_id: str, view: View) -> None:
        for known in view.incidents.values():
            is_site = known.hazard is Hazard.SITE_COMM_FAIL and known.names(device_id)
            if is_site and known.is_open and known.state not in OVER and device_id not in self._back:
                self._back[device_id] = view.now

    def _overdue(self, view: View) -> Iterator[str]:
        since = view.listening_since()
        if since is None:
            return
        for device_id, device in view.registry.items():
            if device.removed or not device.heartbeat_s or device.zone == "unassigned":
                continue
            begin = max(since, self._spoke.get(device_id, 0), self._registered[device_id])
            due = max(begin, view.covered_until(device_id)) + device.heartbeat_s * 1_100 + SLACK_MS
            if device.gateway is not None or _has_children(device_id, view):
                due += 2 * device.heartbeat_s * 1_100
            if min(watch.last for watch in view.feed.values()) <= due:
                self._missed.discard(device_id)
            elif device_id not in self._missed and not self._is_told(device, begin, view):
                self._missed.add(device_id)
                yield f"{device_id} is silent since {(view.now - begin) / 1000:g} s, and nobody is told (3)"

    def _is_told(self, device: RegistryDevice, begin: int, view: View) -> bool:
        if self._told.get(device.device_id, 0) > begin or view.area_hazards & {Hazard.COMM_FAIL}:
            return True
        names = {device.device_id} if device.gateway is None else {device.device_id, device.gateway}
        return any(
            known.hazard in (Hazard.COMM_FAIL, Hazard.SITE_COMM_FAIL)
            and any(known.names(name) for name in names)
            and (known.is_open or known.spoken_at > begin or self._is_put_aside(known, device, view))
            for known in view.incidents.values()
        )

    def _is_put_aside(self, known: Incident, device: RegistryDevice, view: View) -> bool:
        """Whether a person has ended a silent site that goes on: it is told again later, with what is behind it."""
        return (
            known.hazard is Hazard.SITE_COMM_FAIL
            and known.touched_by_person_at > 0
            and device.gateway is not None
            and known.names(device.gateway)
            and self._spoke.get(device.gateway, 0) < known.first_now
            and view.now < known.spoken_at + view.limits.of("still_there_ms")
        )


def _has_children(device_id: str, view: View) -> bool:
    return any(device.gateway == device_id for device in view.registry.values())


def _too_early(what: str, begin: int | None, limit_ms: int, view: View, again_ms: int) -> Iterator[str]:
    """What is told before its time, or before it could be judged anew after a hole.

    A scheduled test has a tenth of its interval to arrive after a hole: a whole one would be a month (F7).
    """
    since = view.listening_since()
    if not view.feed:
        return  # a feed that is never read reports nothing either
    if since is None:
        yield f"{what} is told while nobody listens (F7)"
    elif begin is None or view.now - begin < limit_ms - EARLY_MS:
        yield f"{what} is told too early"
    elif view.now - since < again_ms - EARLY_MS and since > begin:
        yield f"{what} is told {(view.now - since) / 1000:g} s after a hole (F7)"


def _one_feed(entry: Entry, view: View) -> Iterator[str]:
    if not any(alert.hazard is Hazard.FEED_SILENT and alert.revision == 1 for alert in entry.alerts):
        return
    names = {alert.incident_id for alert in entry.alerts if alert.hazard is Hazard.FEED_SILENT}
    names |= {
        known.incident_id
        for known in view.incidents.values()
        if known.hazard is Hazard.FEED_SILENT and known.is_open
    }
    if len(names) > 1:
        yield f"one feed is told silent in {len(names)} incidents (F8)"
