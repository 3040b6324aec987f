"""What happens in the random logs: each scene lays some inputs into a log, from a moment on."""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING

from msgspec.structs import replace

from schemas.ack import Actor
from schemas.enums import AckAction, AckReason, Disposition, Grade, PillarKind
from schemas.errors import Cause
from schemas.fusion_log import MaintenanceWindow, Period
from schemas.topics import ACKS, PILLAR_EVENTS
from schemas.units import deg_e7
from tests.reference.limits import QUICK, policy
from tests.reference.steps import Answer, Report, Second
from tests.reference.town import (
    CAMERAS,
    CHILDREN,
    CROWD,
    GATEWAY,
    HARMLESS,
    OTHER_CHAIN,
    PILLARS,
    ROW,
    TOWN,
    UNREGISTERED,
)
from tests.support.log_records import ZONE, dead_letter, feed_broken, flame, ms

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.reference.generator import Generator

A = AckAction
K = PillarKind

CAUSES = (Cause.RECORDS_MISSING, Cause.FOREIGN_MEMBER, Cause.ANOTHER_LOG, Cause.LOG_TRUNCATED)
"""Why records were never read; of the first two the offsets say how many."""

HOUR_S, DAY_S = 3_600, 86_400

LIES_S = (600, HOUR_S, 25 * HOUR_S, 300 * DAY_S)
"""How far ahead a wrong time is, seconds."""

ACTIONS = (*(A.ACCEPT,) * 6, *(A.EN_ROUTE, A.ON_SCENE, A.NOTE) * 2, *A)


def presses(log: Generator, at_s: float) -> None:
    """Somebody presses, once or often, and perhaps another pillar too."""
    device_id = log.choose(*PILLARS, *PILLARS, UNREGISTERED)
    exercise = log.happens(0.1)
    for _ in range(log.choose(1, 1, 2, 3, 5)):
        log.report(at_s, device_id, K.PRESS, exercise=exercise)
        if log.happens(0.3):
            log.report(at_s + 0.4, device_id, K.RELEASE, exercise=exercise)
        if log.happens(0.15):
            log.report(at_s + 0.9, device_id, K.CANCEL, exercise=exercise)
        at_s += log.choose(0.02, 1.5, 2.9, 3.2, 8.0, 40.0, 130.0)
        if log.happens(0.3):
            device_id = log.choose(*PILLARS)


def calls_and_answers(log: Generator, at_s: float) -> None:
    """A call, an answer, and somebody beside it who presses too."""
    pair = log.choose(("P1", "P2"), ("P2", "P1"), ("P3", "P4"), ("P4", "P3"), ("P5", "P5"))
    log.report(at_s, pair[0], K.PRESS)
    for _ in range(log.choose(1, 2, 3, 4)):
        at_s += log.choose(1.0, 4.0, 12.0, 33.0)
        answer(log, at_s, pick=0)
        if log.happens(0.5):
            at_s += log.choose(2.0, 9.0)
            log.report(at_s, log.choose(*pair), K.PRESS)


def same_id_again(log: Generator, at_s: float) -> None:
    """A press, its incident is ended by a person, and a press with the same id or the same dead clock."""
    device_id = log.choose(*PILLARS)
    names = log.choose({"event_id": "again"}, {"sequence": 0}, {})
    for _ in range(2):
        received = ms(at_s)
        occurred = received if "event_id" in names else 0
        log.add(at_s, Report(device_id, K.PRESS, occurred, received, received, log.number, **names))
        end = Answer(0, A.CANCEL, f"a{log.number}", behind=0, reason=AckReason.FALSE_ALARM)
        log.add(at_s + 2.0, end)
        at_s += log.choose(5.0, 30.0, 150.0)


def flames(log: Generator, at_s: float) -> None:
    """A camera sees a fire, and perhaps somebody beside it presses."""
    camera_id = log.choose(*CAMERAS)
    beside = {"C1": ("P1", "P2"), "C2": ("P5",)}[camera_id]
    for _ in range(log.choose(1, 1, 2, 4)):
        log.fact(at_s, flame(camera_id, at_s=at_s, event_id=f"o{log.number}", picture=log.happens(0.3)))
        at_s += log.choose(1.0, 6.0, 15.0, 60.0)
        if log.happens(0.4):
            log.report(at_s, log.choose(*beside), K.PRESS)
            at_s += 2.0


def copies(log: Generator, at_s: float) -> None:
    """A second forwarder, or a gateway that sends again."""
    before = [report for second, report in log.reports if second < at_s]
    if not before:
        return
    given = log.choose(*before[-12:])
    if log.happens(0.6):
        log.add(at_s, given)
        return
    received = given.received_ms + log.choose(0, 0, 400, 2_500)
    again = given._replace(feed_ms=ms(at_s), received_ms=received, place=log.number)
    log.add(at_s, again)
    log.reports.append((at_s, again))


def faults(log: Generator, at_s: float) -> None:
    """A fault comes and goes; some of its reports overtake others."""
    device_id = log.choose(*PILLARS)
    kind = log.choose(K.TAMPER, K.BATTERY, K.MAINS, K.COMMS)
    active = True
    for _ in range(log.choose(1, 2, 2, 3, 4, 8)):
        log.report(at_s, device_id, kind, active=active, delay_s=log.choose(0.0, 0.0, 0.0, 5.0, 20.0))
        active = not active if log.happens(0.9) else active
        at_s += log.choose(0.3, 2.0, 7.0, 35.0, 60.0)


def area(log: Generator, at_s: float) -> None:
    """An area loses its mains, and somebody presses."""
    kind = log.choose(K.MAINS, K.COMMS)
    lasts_s = log.choose(10.0, 60.0, 120.0, 1_000.0)
    for device_id in ROW:
        lost_s = at_s + log.random.uniform(0.0, 20.0)
        log.report(lost_s, device_id, kind)
        if lost_s + lasts_s < log.length_s:
            log.report(lost_s + lasts_s, device_id, kind, active=False)
    for _ in range(3):
        log.report(at_s + log.random.uniform(5.0, 70.0), log.choose(*ROW), K.PRESS)


def tests(log: Generator, at_s: float) -> None:
    """A scheduled test, or one that nobody has scheduled."""
    log.report(at_s, log.choose("P3", "P3", *PILLARS), K.TEST)


def goes_silent(log: Generator, at_s: float) -> None:
    """One device says nothing for a while, or for good."""
    device_id = log.choose("P2", "P3", *CHILDREN)
    log.quiet.append((device_id, at_s, at_s + log.choose(30.0, 70.0, 1_000.0)))


def site_goes_silent(log: Generator, at_s: float) -> None:
    """A gateway and all behind it say nothing for a while, or for good."""
    until = at_s + log.choose(25.0, 60.0, 100.0, 1_000.0)
    log.quiet += [(device_id, at_s, until) for device_id in (GATEWAY, *CHILDREN)]


def feed_unread(log: Generator, at_s: float) -> None:
    """One partition of the pillars' feed, or all of it, is not read for a while; ticks go on."""
    until = at_s + log.choose(40.0, 70.0, 130.0, 1_000.0)
    log.unread = (at_s, until, log.choose((), (0,)))
    if not log.unread[2]:
        log.quiet += [(device_id, at_s, until) for device_id in TOWN]


def registry_change(log: Generator, at_s: float) -> None:
    """The registry changes a pillar while it may have an open call."""
    device_id = log.choose(*PILLARS)
    known = TOWN[device_id]
    if log.happens(0.7):
        log.report(at_s - 0.5, device_id, K.PRESS)
    changed = log.choose(
        replace(known, lat_e7=known.lat_e7 + deg_e7(0.0003)),
        replace(known, lat_e7=known.lat_e7 + deg_e7(0.02)),
        replace(known, chain=OTHER_CHAIN),
        replace(known, removed=True),
        replace(known, heartbeat_s=log.choose(20, 60, None)),
    )
    log.fact(at_s, replace(changed, revision=2 + int(at_s)))
    log.report(at_s + log.choose(1.0, 5.0), device_id, K.PRESS)


def new_policy(log: Generator, at_s: float) -> None:
    """Another policy comes into force."""
    values = log.choose(QUICK, {}, {"bounce_ms": 1_000}, {"reach_m": 50})
    log.fact(at_s, policy(values, 1 + int(at_s * 10)))


def flush(log: Generator, at_s: float) -> None:
    """A gateway empties its buffer: many reports with one received_at, then somebody presses."""
    device_id = log.choose("P1", "P2", "P5")
    for number in range(log.choose(20, 66, 90, 200)):
        log.report(at_s + number / 1_000, device_id, K.HEARTBEAT, delay_s=number / 1_000)
    log.report(at_s + 0.2, device_id, K.PRESS, delay_s=0.2)


def many_answers(log: Generator, at_s: float) -> None:
    """People answer to what nobody knows any more, in one batch."""
    for number in range(log.choose(10, 70, 250)):
        log.add(at_s + number / 1_000, Answer(-1, A.ACCEPT, f"many-{log.number}"))


def dead_letters(log: Generator, at_s: float) -> None:
    """Records of the feed that cannot be used; a second worker may say it again."""
    for _ in range(log.choose(1, 2, 5)):
        cause = log.choose(Cause.UNDECODABLE, Cause.UNDECODABLE, Cause.UNKNOWN_DEVICE)
        notice = replace(dead_letter(log.number, at_s=at_s), cause=cause)
        log.fact(at_s, notice)
        if log.happens(0.3):
            log.fact(at_s + 0.1, notice)
        at_s += log.choose(0.2, 5.0, 30.0)


def lost_records(log: Generator, at_s: float) -> None:
    """Records that were never read; somebody tells it again, with more or without, or of another partition."""
    cause = log.choose(*CAUSES)
    is_span = cause in (Cause.RECORDS_MISSING, Cause.FOREIGN_MEMBER)
    topic, begin = log.choose(PILLAR_EVENTS, PILLAR_EVENTS, ACKS), log.choose(0, 100)
    for _ in range(log.choose(1, 2, 3, 5)):
        end = begin + log.choose(1, 12, 200)
        notice = feed_broken(
            begin if is_span else end,
            end if is_span else begin,
            at_s=at_s,
            cause=cause,
            records=end - begin if is_span and log.happens(0.8) else None,
            since_s=log.choose(None, -600.0, at_s - 30.0),
            topic=topic,
            topic_id="topic-1" if log.happens(0.9) else f"topic-{log.number}",
            partition=0 if log.happens(0.8) else 1,
            client="kcat@/10.0.0.9" if cause is Cause.FOREIGN_MEMBER else "",
        )
        log.fact(at_s, notice)
        if log.happens(0.3):
            log.fact(at_s + 0.1, replace(notice, worker="alarms.b@host-2", at=ms(at_s + 0.1)))
        begin = log.choose(begin, end, end + 50)
        at_s += log.choose(0.2, 5.0, 30.0, 70.0)


def planned_work(log: Generator, at_s: float) -> None:
    """Work that was said in advance, what it causes, and a press in the middle of it."""
    device_id = log.choose("P2", "P3", "P5", "P6")
    begins = at_s + log.choose(0.0, 10.0)
    ends = begins + log.choose(20.0, 60.0, 150.0)
    covered = log.choose({"devices": (device_id,)}, {"devices": (device_id,)}, {"gateway": GATEWAY}, {})
    window = MaintenanceWindow(
        window_id=f"w{log.number}",
        zone=ZONE,
        revision=1,
        periods=(Period(begins_at=ms(begins), ends_at=ms(ends)),),
        actor=Actor(name="Li", organisation="Works"),
        **covered,
    )
    log.fact(at_s - 0.9, window)
    if log.happens(0.2):
        log.fact(at_s + 15.0, replace(window, revision=2, ended=True))
    for _ in range(log.choose(1, 2, 3)):
        kind = log.choose(K.TAMPER, K.BATTERY, K.MAINS)
        lost_s = begins + log.random.uniform(1.0, 15.0)
        log.report(lost_s, device_id, kind)
        if log.happens(0.6):
            log.report(lost_s + log.choose(5.0, 40.0, 80.0), device_id, kind, active=False)
    if log.happens(0.5):
        log.quiet.append((device_id, begins, ends + log.choose(-5.0, 30.0)))
    log.report(begins + 10.0, device_id, K.PRESS)


def crowd(log: Generator, at_s: float) -> None:
    """Somebody makes up devices and lets them press; a pillar that is not registered yet is among them (F17)."""
    draws = Random(f"{log.length_s} {at_s} {log.number}")
    exercise = draws.random() < 0.1
    for number, name in enumerate(CROWD[: draws.choice((15, 21, 40, 60))]):
        moment = round(at_s + number * draws.choice((0.0, 0.05, 0.7)), 3)
        at = ms(moment)
        press = Report(name, K.PRESS, at, at, at, log.number, event_id=f"{name}-1", exercise=exercise)
        log.add(moment, press)
        if draws.random() < 0.1:
            log.add(
                moment + 4.0,
                press._replace(event_id=f"{name}-2", received_ms=at + 4_000, feed_ms=ms(moment + 4)),
            )


def wrong_time(log: Generator, at_s: float) -> None:
    """One record that means nothing has an append time far ahead, or one writer of a tick is far ahead."""
    if any(step.honest_at for _, _, step in log.steps):
        return
    lie_s = at_s + log.choose(*LIES_S)
    if log.happens(0.5):
        beat = Report(HARMLESS, K.HEARTBEAT, ms(at_s), ms(at_s), ms(at_s), 0, event_id="harmless")
        log.add(lie_s, beat, honest_s=at_s)
    elif log.happens(0.5):
        log.add(lie_s, Second(ms(at_s)), honest_s=at_s)
    else:
        log.add(at_s, Second(ms(lie_s)), honest_s=at_s)


def answers(log: Generator, at_s: float) -> None:
    """People answer, also to what is over or unknown."""
    for _ in range(log.choose(1, 1, 2, 3)):
        answer(log, at_s, pick=log.choose(0, 0, 0, 1, 2, 4, -1))
        at_s += log.choose(0.5, 3.0, 20.0)


def answer(log: Generator, at_s: float, pick: int) -> None:
    """One acknowledgement, mostly complete."""
    action = log.choose(*ACTIONS)
    note = log.choose(None, None, None, "a note", "a note", "", "n" * 501)
    given = Answer(
        pick,
        action,
        f"a{log.number}",
        behind=log.choose(None, None, 0, 0, 0, 1, 2, -1),
        reason=AckReason.NUISANCE if log.happens(0.95) else None,
        disposition=Disposition.FOUNDED if log.happens(0.95) else None,
        grade=log.choose(Grade.YELLOW, Grade.YELLOW, Grade.RED, Grade.BLUE, None),
        shelve_s=log.choose(None, None, 20, 100_000),
        note="a note" if action is A.NOTE and log.happens(0.7) else note,
        age_ms=700_000 if log.happens(0.04) else 200,
        has_actor=not log.happens(0.05),
    )
    log.add(at_s, given)
    if log.happens(0.1):
        log.add(at_s + 0.2, given)  # it is sent twice


if TYPE_CHECKING:
    Scene = Callable[[Generator, float], None]

SCENES: tuple[Scene, ...] = (
    *(presses,) * 5,
    *(calls_and_answers,) * 6,
    *(same_id_again,) * 2,
    *(flames,) * 2,
    *(copies,) * 4,
    *(faults,) * 3,
    *(answers,) * 4,
    *(registry_change,) * 2,
    *(wrong_time,) * 2,
    *(planned_work,) * 2,
    *(lost_records,) * 2,
    tests,
    goes_silent,
    site_goes_silent,
    feed_unread,
    new_policy,
    flush,
    many_answers,
    dead_letters,
)
"""The scenes, each as often as it is drawn."""
