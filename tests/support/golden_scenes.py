"""The scenes from which the golden logs are recorded: an hour with every kind of event, and a storm at many places."""

from itertools import count
from random import Random

from msgspec.structs import replace

from processors.state.policy import ByGrade, FusionPolicy, Grades
from schemas.alert import Alert
from schemas.enums import (
    AckAction,
    AckReason,
    DeviceKind,
    Disposition,
    Feed,
    Grade,
    Hazard,
    PillarKind,
    Tier,
)
from schemas.errors import Cause
from schemas.fusion_log import CameraAlive, ClockNotice, ExerciseNotice, MaintenanceWindow, Period
from schemas.partitioning import partition_of
from schemas.registry import UNASSIGNED_ZONE, ChainLink, RegistryDevice, ResponsePoint
from schemas.topics import FRAMES, HOTLIST
from schemas.units import deg_e7
from tests.support.log_records import (
    ACTOR,
    LAT,
    ZONE,
    alive,
    camera,
    dead_letter,
    device,
    flame,
    gateway,
    list_age,
    ms,
)
from tests.support.timeline import Timeline

HOUR_S = 3_600
PARTITIONS = 2
"""With two partitions, the zone of the devices and the zone of feeds share one partition."""

FOUR_TIERS = tuple(
    ChainLink(tier=tier, unit=f"{tier.value}-1")
    for tier in (Tier.VILLAGE, Tier.TOWNSHIP, Tier.COUNTY, Tier.MULTI_AGENCY)
)


def station(name: str, lat: float, lon: float = 120.003) -> ResponsePoint:
    return ResponsePoint(name=name, lon_e7=deg_e7(lon), lat_e7=deg_e7(lat))


def site() -> tuple[RegistryDevice, ...]:
    return (
        device("P1", chain=FOUR_TIERS, points=(station("west", LAT), station("south", LAT - 0.01))),
        device("P2", lat=LAT + 0.0012, test_every_s=1_200),
        device(
            "P3", lat=LAT + 0.5, chain=FOUR_TIERS, reports_release=False, points=(station("far", LAT + 1),)
        ),
        camera("C1", lat=LAT + 0.0005),
        device("C2", kind=DeviceKind.CAMERA, lat=LAT + 0.3, heartbeat_s=60),
        gateway("G1", heartbeat_s=60),
        *(device(f"B{n}", lat=LAT + 0.2 + n / 1e3, heartbeat_s=60, gateway="G1") for n in range(4)),
        device("K1", kind=DeviceKind.CHECKPOINT, lat=LAT + 0.4),
    )


class Hour:
    """An hour of regular inputs (ticks, heartbeats, frames, watermarks), with scripted inputs in between."""

    def __init__(self) -> None:
        assert partition_of(ZONE, PARTITIONS) == partition_of(UNASSIGNED_ZONE, PARTITIONS)
        self.line = Timeline(*site(), partitions=PARTITIONS)
        self._at_s = 0.0
        self._numbers = count(1)
        self.silent: set[str] = set()

    def until(self, at_s: float) -> None:
        """Push the ticks, heartbeats, frames and watermarks until a second."""
        while self._at_s + 5 <= at_s:
            self._at_s += 5
            now = self._at_s
            self.line.tick(now)
            self.line.push(alive(now, 0, 1), at_s=now)
            self.line.push(alive(now, 0, topic=FRAMES, feed=Feed.CAMERAS), at_s=now)
            if now % 60 == 0:
                for name in ("G1", "B0", "B1", "B2", "B3"):
                    if name not in self.silent:
                        self.line.pillar(PillarKind.HEARTBEAT, now, name)
                self.line.push(CameraAlive(device_id="C2", received_at=ms(now)), at_s=now)

    def press(self, at_s: float, name: str = "P1", *, exercise: bool = False) -> str:
        """Push a press and its release; returns the id of the incident."""
        self.until(at_s)
        decision = self.line.pillar(PillarKind.PRESS, at_s, name, exercise=exercise)
        self.line.pillar(PillarKind.RELEASE, at_s + 1, name)
        return decision.alerts[0].incident_id

    def report(self, kind: PillarKind, at_s: float, name: str, *, active: bool = True) -> None:
        self.until(at_s)
        self.line.pillar(kind, at_s, name, active=active)

    def sees(self, at_s: float, name: str = "C1", *, picture: bool = False) -> None:
        self.until(at_s)
        seen = flame(name, at_s=at_s, event_id=f"o{next(self._numbers)}", picture=picture)
        self.line.push(seen, at_s=at_s)

    def last(self, hazard: Hazard) -> Alert:
        return [alert for alert in self.line.alerts if alert.hazard is hazard][-1]


def hour() -> Timeline:
    """Presses, flames, acknowledgements, silence, flapping, exercises and another policy; the last third is quiet."""
    play = Hour()
    _calls(play)
    _fires(play)
    _faults(play)
    _silence(play)
    play.until(2_300)
    policy = FusionPolicy(
        grades=Grades(fire=Grade.RED), hold_ms=ByGrade(red=0, yellow=5_000, blue=0), reach_m=150
    )
    play.line.policy(policy, at_s=2_300)
    play.sees(2_310, "C2", picture=True)
    play.line.policy(FusionPolicy(reach_m=2_000), revision=2, at_s=2_311)
    play.line.push(device("P2", lat=LAT + 0.6, revision=2), at_s=2_320)
    play.line.push(device("B3", lat=LAT + 0.2, revision=2, removed=True), at_s=2_321)
    play.press(2_330, "stranger")
    play.press(2_331, "P2", exercise=True)
    _planned_and_many(play)
    play.until(HOUR_S)
    return play.line


def _planned_and_many(play: Hour) -> None:
    """Planned work, an exercise with an end, a note, a wrong clock, causes of dead letters, and a mains failure."""
    push = play.line.push
    call = play.press(2_400, "P1")
    play.line.acknowledge(AckAction.NOTE, call, 2_410, note="The gate is locked.")
    play.line.acknowledge(AckAction.CANCEL, call, 2_411, reason=AckReason.FALSE_ALARM, revision=99)
    window = MaintenanceWindow(
        window_id="east-1",
        zone=ZONE,
        revision=1,
        devices=("B0",),
        periods=(Period(begins_at=ms(2_420), ends_at=ms(2_700)),),
        actor=ACTOR,
    )
    push(window, at_s=2_415)
    play.report(PillarKind.TAMPER, 2_430, "B0")
    notice = ExerciseNotice(
        exercise_id="east", zone=ZONE, revision=1, at=ms(2_440), ends_at=ms(2_600), actor=ACTOR
    )
    push(notice, at_s=2_440)
    play.press(2_450, "P3", exercise=True)
    play.until(2_610)
    play.press(2_620, "P3", exercise=True)  # after its end: real
    push(
        ClockNotice(worker="alarms@one", apart_ms=4_000, differs=True, at=ms(2_625)),
        at_s=2_625,
        zone=UNASSIGNED_ZONE,
    )
    push(
        ClockNotice(worker="alarms@one", apart_ms=3, differs=False, at=ms(2_640)),
        at_s=2_640,
        zone=UNASSIGNED_ZONE,
    )
    for number, cause in enumerate((Cause.UNDECODABLE, Cause.UNKNOWN_DEVICE, Cause.UNDECODABLE)):
        letter = replace(
            dead_letter(20 + number, at_s=2_650), cause=cause, device_id="strange" if number == 1 else ""
        )
        push(letter, at_s=2_650 + number, zone=UNASSIGNED_ZONE)
    for active, at_s in ((True, 2_800), (False, 3_000)):
        for number, name in enumerate(("B1", "B2", "P1", "P2", "P3", "G1", "K1", "C2")):
            play.report(PillarKind.MAINS, at_s + number / 10, name, active=active)
    push(device("P3", lat=LAT + 0.51, chain=FOUR_TIERS[:2], reports_release=False, revision=2), at_s=3_100)


def _calls(play: Hour) -> None:
    acknowledge = play.line.acknowledge
    first = play.press(12)
    play.line.press(13.5, "P1")  # a bounce
    play.press(20)
    play.report(PillarKind.CANCEL, 30, "P1")
    acknowledge(AckAction.ACCEPT, first, 70, revision=1)
    acknowledge(AckAction.ACCEPT, first, 71, ack_id="a-1")
    acknowledge(AckAction.ACCEPT, first, 71, ack_id="a-1")
    play.press(80, "P2")
    acknowledge(AckAction.REJECT, first, 90, reason=AckReason.NO_UNIT_FREE)
    play.until(100)
    acknowledge(AckAction.EN_ROUTE, first, 101)
    acknowledge(AckAction.ON_SCENE, first, 140)
    acknowledge(AckAction.CLEAR, first, 160)
    far = play.press(170, "P3")
    play.until(420)  # so that every tier is asked
    acknowledge(AckAction.SHELVE, far, 421, reason=AckReason.NUISANCE)
    acknowledge(AckAction.REGRADE, far, 422, grade=Grade.YELLOW, reason=AckReason.LESS_SERIOUS)
    acknowledge(AckAction.SHELVE, far, 423, reason=AckReason.NUISANCE, shelve_s=60)
    acknowledge(AckAction.CLOSE, "east-nothing", 424, disposition=Disposition.FOUNDED)


def _fires(play: Hour) -> None:
    acknowledge = play.line.acknowledge
    play.sees(500)
    play.sees(504, picture=True)
    play.until(515)
    fire = play.last(Hazard.FIRE).incident_id
    play.report(PillarKind.TAMPER, 520, "P1")
    play.press(525)
    play.until(560)
    acknowledge(AckAction.ACCEPT, fire, 561)
    acknowledge(AckAction.CLEAR, fire, 580)
    play.sees(590)
    acknowledge(AckAction.ACCEPT, fire, 600)
    play.until(900)  # without progress
    acknowledge(AckAction.CANCEL, fire, 901, reason=AckReason.FALSE_ALARM)
    acknowledge(AckAction.ACCEPT, fire, 902)


def _faults(play: Hour) -> None:
    acknowledge = play.line.acknowledge
    play.report(PillarKind.BATTERY, 912, "B0")
    for at_s in range(960, 1_020, 8):
        play.report(PillarKind.BATTERY, at_s, "B0", active=at_s % 16 == 0)
    play.report(PillarKind.MAINS, 1_030, "B1")
    play.until(1_100)
    mains = play.last(Hazard.MAINS).incident_id
    acknowledge(AckAction.OUT_OF_SERVICE, mains, 1_101, reason=AckReason.PLANNED_WORK)
    acknowledge(AckAction.IN_SERVICE, mains, 1_150)
    play.report(PillarKind.MAINS, 1_160, "B1", active=False)
    play.line.pillar(PillarKind.PRESS, 1_200, "B2")  # and is not released
    play.until(1_300)
    play.report(PillarKind.RELEASE, 1_301, "B2")
    play.report(PillarKind.TEST, 1_310, "P2")
    play.line.push(dead_letter(3, at_s=1_320), at_s=1_320, zone=UNASSIGNED_ZONE)
    for at_s, stale in ((1_330, True), (1_400, False)):
        play.until(at_s)
        age = list_age(at_s, stale=stale, topic=HOTLIST, feed=Feed.HOTLIST)
        play.line.push(age, at_s=at_s, zone=UNASSIGNED_ZONE)


def _silence(play: Hour) -> None:
    play.until(1_500)
    play.silent |= {"B1"}
    play.until(1_700)
    play.silent |= {"B2", "B3", "G1"}
    play.until(1_900)
    play.silent.clear()
    play.until(2_100)
    exercise = play.press(2_110, "P3", exercise=True)
    play.line.acknowledge(AckAction.ACCEPT, exercise, 2_115)
    play.press(2_120, "P3")
    play.line.acknowledge(AckAction.CLOSE, exercise, 2_130, disposition=Disposition.TEST)


def storm() -> Timeline:
    """Sixty devices at random places of one township, with a random input every few seconds."""
    chance = Random(4)
    devices = [
        device(
            f"S{n}",
            kind=DeviceKind.CAMERA if n % 5 == 0 else DeviceKind.PILLAR,
            lat=LAT + chance.uniform(-0.01, 0.01),
            lon=120.0 + chance.uniform(-0.01, 0.01),
            chain=FOUR_TIERS,
            points=(station("town", LAT, 120.0),),
        )
        for n in range(60)
    ]
    line = Timeline(*devices, partitions=PARTITIONS)
    for step in range(900):
        at_s = step * 2.5 + chance.random()
        what, n = chance.random(), chance.randrange(60)
        open_ids = list(line.state.incidents)
        if step % 3 == 0:
            line.tick(at_s)
        elif what < 0.3 and open_ids:
            line.acknowledge(
                chance.choice((AckAction.ACCEPT, AckAction.ON_SCENE, AckAction.CLEAR, AckAction.CANCEL)),
                chance.choice(open_ids),
                at_s,
                reason=AckReason.NO_LONGER_NEEDED,
            )
        elif n % 5 == 0:
            line.push(
                flame(f"S{n}", at_s=at_s, event_id=f"o{step}", score=chance.randrange(1_001)), at_s=at_s
            )
        else:
            kind = chance.choice((PillarKind.PRESS, PillarKind.PRESS, PillarKind.TAMPER, PillarKind.CANCEL))
            line.pillar(kind, at_s, f"S{n}", active=chance.random() < 0.6)
    return line


SCENES = {"hour": hour, "storm": storm}
