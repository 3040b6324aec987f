"""The log of one partition for the fold bench: what happened before, then the mix that is measured.

    register ─► heartbeats and what devices said before ─► presses and answers: open incidents ─► mix | presses

The log is folded while it is made, so that every press raises an incident, every acknowledgement is accepted and the
number of open incidents stays about the same. Time is stream time: inputs come as often as so many devices send them.
"""

from collections import deque
from collections.abc import Iterable, Iterator
from heapq import heappop, heappush
from typing import NamedTuple

from benchmarks.fold.log import Input, LogWriter, Part
from benchmarks.fold.site import HEARTBEAT_S, devices_of, zones_of
from processors.state.event_ids import WINDOW_SIZE
from schemas.ack import AckFact, Actor
from schemas.enums import (
    AckAction,
    DeviceKind,
    Disposition,
    Family,
    Hazard,
    IncidentState,
    InputKind,
    PillarKind,
    Reason,
)
from schemas.fusion_log import CameraAlive, Observation
from schemas.registry import RegistryDevice
from schemas.topics import LOG_PARTITIONS
from schemas.units import SECOND_MS, EpochMs

START = EpochMs(1_760_000_000_000)
SEED = 7

DELAY_MS = 200  # from a device to the log
EVENING_S = 300  # of presses and answers before the mix
SILENT_ONE_IN = 1_000  # devices that say nothing any more when the mix begins
RELEASED_AFTER_MS = 2_000
TRIES = 10_000  # to find an incident in one of a few states
RECENT = 100  # presses, and heartbeats, of which copies come

ACTOR = Actor(name="operator 1", organisation="control room")
ATTENDED = (IncidentState.ACKED, IncidentState.ASSIGNED, IncidentState.ON_SCENE)

SHARES = {
    Part.HEARTBEAT: 85,
    Part.DUPLICATE: 8,
    Part.PRESS: 4,
    Part.ACKNOWLEDGEMENT: 2,
    Part.OBSERVATION: 1,
}
"""Of a hundred inputs."""


class Size(NamedTuple):
    """How large a partition is.

    Attributes:
        zones: Ten devices each.
        open_incidents: When the mix begins, about.
        remembered: Events that each pillar has sent before, heartbeats apart: as many as are ever remembered.
    """

    zones: int = 1_000
    open_incidents: int = 4_600
    remembered: int = WINDOW_SIZE


class PartitionLog:
    """Makes the log of one partition, and folds it.

    Args:
        size: How large.
        partition: Which; its zones belong to it.
        start: When its devices were registered.
        on_wire: Entries and envelopes hold bytes, for a broker; the fold itself never looks at them.
    """

    def __init__(
        self, size: Size, *, partition: int = 0, start: EpochMs = START, on_wire: bool = False
    ) -> None:
        self._size = size
        self.writer = LogWriter(partition, start, on_wire=on_wire)
        self.devices = list(devices_of(zones_of(partition, LOG_PARTITIONS, size.zones)))
        self._pillars = [device for device in self.devices if device.kind is DeviceKind.PILLAR]
        self._cameras = [device for device in self.devices if device.kind is DeviceKind.CAMERA]
        self._ticked_ms = start
        self._beats = 0
        self._mute: frozenset[str] = frozenset()
        self._pressed: deque[Input] = deque(maxlen=RECENT)
        self._beaten: deque[Input] = deque(maxlen=RECENT)
        self._releases: deque[tuple[EpochMs, RegistryDevice]] = deque()
        self._open: list[str] = []
        self._free: list[RegistryDevice] = []
        self._between_ms = HEARTBEAT_S * SECOND_MS * SHARES[Part.HEARTBEAT] / 100 / len(self.devices)

    def registered(self) -> Iterator[Input]:
        """Register every device; each sends one heartbeat and has reported events before."""
        for device in self.devices:
            event_id = f"{device.device_id}:{device.revision}"
            yield self.writer.push(Part.TIME, InputKind.DEVICE, event_id, device.zone, device)
        yield from self._time()
        for number in range(self._size.remembered):
            for device in self._pillars:
                self.writer.at_ms += 0.01
                at = EpochMs(self.writer.now - (self._size.remembered - number) * SECOND_MS)
                yield self.writer.pillar(Part.TIME, device, PillarKind.RELEASE, at)
        for _ in self.devices:
            self.writer.at_ms += 0.01
            yield self._heartbeat()

    def evening(self) -> Iterator[Input]:
        """Presses and answers, until as many incidents are open as wanted; heartbeats and ticks go on."""
        chosen = self.writer.random.sample(self._pillars, self._size.open_incidents)
        apart_ms = EVENING_S * SECOND_MS / len(chosen)
        pressed_ms = self.writer.at_ms
        due: list[tuple[float, str, AckAction]] = []
        while chosen:
            yield from self._step()
            yield self._heartbeat()
            while due and due[0][0] <= self.writer.at_ms:
                _, incident_id, action = heappop(due)
                yield self._answer(incident_id, action)
            while chosen and pressed_ms <= self.writer.at_ms:
                yield self._press(chosen.pop())
                pressed_ms += apart_ms
                for delay_s, action in self._answers():
                    heappush(due, (self.writer.at_ms + delay_s * SECOND_MS, self._open[-1], action))

    def mixed(self, count: int) -> Iterator[Input]:
        """The mix, with ticks between: `count` inputs in the given shares, in hundreds."""
        if not self._mute:
            mute = self.writer.random.sample(self._pillars, len(self.devices) // SILENT_ONE_IN)
            self._mute = frozenset(device.device_id for device in mute)
        hundred = [part for part, share in SHARES.items() for _ in range(share)]
        for _ in range(count // len(hundred)):
            self.writer.random.shuffle(hundred)
            for part in hundred:
                yield from self._step()
                yield self._of_mix(part)

    def presses(self, count: int) -> Iterator[Input]:
        """New presses and nothing else; as many devices without an incident must be left."""
        for _ in range(count):
            self.writer.at_ms += self._between_ms
            yield self._press(self._free_pillar())

    def ticks(self, count: int, every_ms: int) -> Iterator[Input]:
        """Ticks and nothing else."""
        for _ in range(count):
            self.writer.at_ms += every_ms
            yield self.writer.tick()

    def _of_mix(self, part: Part) -> Input:
        match part:
            case Part.HEARTBEAT:
                return self._heartbeat()
            case Part.DUPLICATE:
                return self._again()
            case Part.PRESS:
                return self._press(self._free_pillar())
            case Part.ACKNOWLEDGEMENT:
                return self._answer(*self._answerable())
            case _:
                return self._flame()

    def _step(self) -> Iterator[Input]:
        """Advance the time by one input: ticks and releases that are due by then are made."""
        self.writer.at_ms += self._between_ms
        while self._releases and self._releases[0][0] <= self.writer.at_ms:
            _, device = self._releases.popleft()
            yield self.writer.pillar(Part.TIME, device, PillarKind.RELEASE, self.writer.now)
        if self.writer.at_ms - self._ticked_ms >= SECOND_MS:
            yield from self._time()

    def _time(self) -> Iterator[Input]:
        """Write the feeds' watermarks of now and a tick."""
        self._ticked_ms = self.writer.now
        yield from self.writer.feed_words()
        yield self.writer.tick()

    def _heartbeat(self) -> Input:
        """The next device in turn."""
        while (device := self.devices[self._beats % len(self.devices)]).device_id in self._mute:
            self._beats += 1
        self._beats += 1
        at = EpochMs(self.writer.now - DELAY_MS)
        if device.kind is DeviceKind.CAMERA:
            alive = CameraAlive(device_id=device.device_id, received_at=at)
            event_id = f"{device.device_id}:{at}"
            given = self.writer.push(Part.HEARTBEAT, InputKind.CAMERA_ALIVE, event_id, device.zone, alive)
        else:
            given = self.writer.pillar(Part.HEARTBEAT, device, PillarKind.HEARTBEAT, at)
        self._beaten.append(given)
        return given

    def _press(self, device: RegistryDevice) -> Input:
        given = self.writer.pillar(Part.PRESS, device, PillarKind.PRESS, EpochMs(self.writer.now - DELAY_MS))
        assert self.writer.last[0].reason is Reason.FIRST_FACT, self.writer.last[0]
        self._open.append(self.writer.last[0].alerts[0].incident_id)
        self._pressed.append(given)
        if device.reports_release:
            self._releases.append((EpochMs(self.writer.now + RELEASED_AFTER_MS), device))
        return given

    def _free_pillar(self) -> RegistryDevice:
        """A pillar without an open incident; each is pressed before one is pressed again."""
        for _ in range(2 * len(self._pillars)):
            if not self._free:
                self._free = self.writer.random.sample(self._pillars, len(self._pillars))
            device = self._free.pop()
            key = (device.zone, device.device_id)
            if device.device_id not in self._mute and not self.writer.state.by_device.get(key):
                return device
        raise AssertionError("every pillar has an open incident")

    def _again(self) -> Input:
        """A copy of an earlier input: of a press or of a heartbeat, one as often as the other."""
        old = self.writer.random.choice(self.writer.random.choice((self._pressed, self._beaten)))
        return self.writer.fold(Part.DUPLICATE, old.envelope, old.record)

    def _flame(self) -> Input:
        """A camera reports a fire, for the first time or again."""
        device = self.writer.random.choice(self._cameras)
        at = EpochMs(self.writer.now - DELAY_MS)
        seen = Observation(
            observation_id=self.writer.event_id(),
            device_id=device.device_id,
            hazard=Hazard.FIRE,
            occurred_at=at,
            received_at=at,
            score_permille=self.writer.random.randrange(500, 1_000),
        )
        return self.writer.push(
            Part.OBSERVATION, InputKind.OBSERVATION, seen.observation_id, device.zone, seen
        )

    def _answers(self) -> Iterator[tuple[float, AckAction]]:
        """The acknowledgements of one incident and their times: nine of ten accept, most get help, some close."""
        if self.writer.random.random() < 0.1:
            return
        at_s = self.writer.random.uniform(5, 25)
        yield at_s, AckAction.ACCEPT
        if self.writer.random.random() < 0.8:
            at_s += self.writer.random.uniform(10, 60)
            yield at_s, AckAction.EN_ROUTE
            if self.writer.random.random() < 0.5:
                yield at_s + self.writer.random.uniform(30, 120), AckAction.ON_SCENE

    def _answerable(self) -> tuple[str, AckAction]:
        """An open incident and an action that is possible on it; half of the actions end one."""
        wanted = self.writer.random.choices(
            (AckAction.ACCEPT, AckAction.CLEAR, AckAction.CLOSE), weights=(30, 20, 50)
        )[0]
        states = (IncidentState.RAISED,) if wanted is AckAction.ACCEPT else ATTENDED
        for _ in range(TRIES):
            at = self.writer.random.randrange(len(self._open))
            incident = self.writer.state.incidents.get(self._open[at])
            if incident is None:
                self._open[at] = self._open[-1]
                self._open.pop()
            elif incident.state in states and incident.family is Family.EMERGENCY:
                return incident.incident_id, wanted
        raise AssertionError(f"no incident to {wanted}")

    def _answer(self, incident_id: str, action: AckAction) -> Input:
        incident = self.writer.state.incidents[incident_id]
        fact = AckFact(
            ack_id=self.writer.event_id(),
            incident_id=incident_id,
            action=action,
            actor=ACTOR,
            at=EpochMs(self.writer.now - SECOND_MS),
            received_at=EpochMs(self.writer.now - DELAY_MS),
            revision=incident.revision,
            disposition=Disposition.FOUNDED if action is AckAction.CLOSE else None,
        )
        return self.writer.push(
            Part.ACKNOWLEDGEMENT, InputKind.ACKNOWLEDGEMENT, fact.ack_id, incident.zone, fact
        )


def run_through(inputs: Iterable[Input]) -> int:
    """Make inputs without keeping them, and return their number."""
    return sum(1 for _ in inputs)
