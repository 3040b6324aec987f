"""The storms: what happens when, and 630 presses in one second in the middle of each.

    mains   630 pillars lose mains within a second, and have it back half an hour later; presses when their hold ends
    uplink  5,000 devices behind one uplink are silent for ten minutes; presses in the second in which it is back
    mobile  the same with pillars that report over one mobile network, without gateways
    broker  nothing is appended for ten minutes, then all that gateways kept in one second; presses in that second

Ticks and watermarks come once a second, heartbeats once a minute, spread over it. Somebody accepts each press within
half a minute, is there within four and closes it within ten; nobody answers anything blue.
"""

import random
from collections.abc import Callable, Iterator
from typing import NamedTuple

from benchmarks.storms.log import StormLog, ms
from benchmarks.storms.site import HEARTBEAT_S, County, registry_of
from processors.intake.ack import ack_input
from processors.intake.envelope import envelope
from processors.intake.pillar_event import to_input
from schemas.ack import Acknowledgement, Actor
from schemas.enums import AckAction, DeviceKind, Disposition, InputKind, PillarKind
from schemas.fusion_log import FusionInput, PillarFact
from schemas.registry import RegistryDevice
from schemas.units import EpochMs

SEED = 11
ACTOR = Actor(name="operator 1", organisation="county control room")

BEGINS_S = 600.0
"""All is well until then, so that everything is supervised."""

AWAY_S = 600.0
"""How long uplink and broker are away."""

MAINS_BACK_S = BEGINS_S + 1_800.0
HELD_S = 30.0
"""A blue is held for so long: all that began within a second is told by the tick a second later."""

ANSWERS = ((AckAction.ACCEPT, 5, 25), (AckAction.ON_SCENE, 60, 240), (AckAction.CLOSE, 300, 600))
"""What people say of each press, and when: earliest and latest, seconds after it."""


class Input(NamedTuple):
    """One record on its way: when it is appended, what it is, and the device if it is a press."""

    at_s: float
    given: FusionInput
    press: str = ""


class Storm(NamedTuple):
    """One storm.

    Attributes:
        county: Where it happens.
        lasts_s: How long the log is, seconds.
        presses_at_s: In the second from here on, `presses` pillars are pressed.
        is_silent: Whether a device reports nothing at a time, seconds.
        away: The broker is away in [from, to), seconds: what is received then is appended at the end of it.
        faults: The kind of fault that all pillars have in [from, to), seconds.
        presses: How many pillars are pressed, one each.
    """

    county: County
    lasts_s: float
    presses_at_s: float
    is_silent: Callable[[float], bool] = lambda _at_s: False
    away: tuple[float, float] | None = None
    faults: tuple[PillarKind, float, float] | None = None
    presses: int = 630


def _is_uplink_away(at_s: float) -> bool:
    return BEGINS_S <= at_s < BEGINS_S + AWAY_S


STORMS = {
    "mains": Storm(
        County(zones=21, pillars=30),
        7_200,
        BEGINS_S + HELD_S + 1,
        faults=(PillarKind.MAINS, BEGINS_S, MAINS_BACK_S),
    ),
    "uplink": Storm(County(zones=20, pillars=249), 3_600, BEGINS_S + AWAY_S, is_silent=_is_uplink_away),
    "mobile": Storm(
        County(zones=20, pillars=249, is_direct=True), 3_600, BEGINS_S + AWAY_S, is_silent=_is_uplink_away
    ),
    "broker": Storm(
        County(zones=21, pillars=30), 3_600, BEGINS_S + AWAY_S, away=(BEGINS_S, BEGINS_S + AWAY_S)
    ),
}


def run(storm: Storm) -> StormLog:
    """Fold a storm, from the registry to its end."""
    log = StormLog()
    devices = list(registry_of(storm.county))
    for device in devices:
        name = f"{device.device_id}:{device.revision}"
        log.append(0, envelope(InputKind.DEVICE, name, device.zone, device))
    answers: list[Input] = []
    waiting = sorted(_reports(storm, devices), key=lambda each: each.at_s)
    waiting.reverse()
    chance = random.Random(SEED)
    for second in range(int(storm.lasts_s)):
        if storm.away is None or not storm.away[0] <= second < storm.away[1]:
            log.tick(second)
            if storm.away is None or second != storm.away[1]:
                log.watermark(second)  # not before what has waited is read
        while waiting and waiting[-1].at_s < second + 1:
            given = waiting.pop()
            alerts = log.append(given.at_s, given.given, press=given.press)
            if given.press:
                incident_ids = [alert.incident_id for alert in alerts if alert.press_count]
                answers += _answers(given, incident_ids[:1], chance)
                answers.sort(reverse=True, key=lambda each: each.at_s)
        while answers and answers[-1].at_s < second + 1:
            answer = answers.pop()
            log.append(answer.at_s, answer.given)
    return log


def _reports(storm: Storm, devices: list[RegistryDevice]) -> Iterator[Input]:
    """All that devices report, when it is appended."""
    pillars = [device for device in devices if device.kind is DeviceKind.PILLAR]
    for order, device in enumerate(devices):
        yield from _heartbeats(storm, device, 1 + order * HEARTBEAT_S / len(devices) % HEARTBEAT_S)
    if storm.faults is not None:
        kind, begins_s, ends_s = storm.faults
        for order, device in enumerate(pillars):
            spread_s = order / len(pillars)
            yield _report(device, kind, begins_s + spread_s)
            yield _report(device, kind, ends_s + spread_s, active=False)
    pressed = random.Random(SEED).sample(pillars, storm.presses)
    for order, device in enumerate(pressed):
        yield _report(device, PillarKind.PRESS, storm.presses_at_s + order / len(pressed))


def _heartbeats(storm: Storm, device: RegistryDevice, first_s: float) -> Iterator[Input]:
    received_s = first_s
    while received_s < storm.lasts_s:
        if not storm.is_silent(received_s):
            is_kept = storm.away is not None and storm.away[0] <= received_s < storm.away[1]
            at_s = storm.away[1] if storm.away is not None and is_kept else received_s
            yield _report(device, PillarKind.HEARTBEAT, at_s, received_s=received_s)
        received_s += HEARTBEAT_S


def _report(
    device: RegistryDevice,
    kind: PillarKind,
    at_s: float,
    *,
    active: bool = True,
    received_s: float | None = None,
) -> Input:
    received_at = ms(at_s if received_s is None else received_s)
    fact = PillarFact(
        event_id=f"{kind}:{received_at}:{active}",
        device_id=device.device_id,
        kind=kind,
        occurred_at=received_at,
        received_at=received_at,
        active=active,
    )
    press = device.device_id if kind is PillarKind.PRESS else ""
    return Input(at_s, to_input(fact, device.zone), press)


def _answers(press: Input, incident_ids: list[str], chance: random.Random) -> Iterator[Input]:
    """Somebody accepts a press, goes there, and closes it."""
    for incident_id in incident_ids:
        for action, earliest_s, latest_s in ANSWERS:
            at_s = press.at_s + chance.uniform(earliest_s, latest_s)
            is_close = action is AckAction.CLOSE
            ack = Acknowledgement(
                ack_id=f"{incident_id}:{action}",
                incident_id=incident_id,
                action=action,
                actor=ACTOR,
                at=EpochMs(ms(at_s) - 100),
                revision=1,
                disposition=Disposition.FOUNDED if is_close else None,
            )
            yield Input(at_s, ack_input(ack, ms(at_s)))
