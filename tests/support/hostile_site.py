"""A town that somebody writes to who has one credential, and what they may write: Hypothesis draws it."""

from typing import TYPE_CHECKING, Any

from hypothesis import strategies as st

from processors.fold.reducer import Decision
from processors.intake.ack import ack_input
from processors.intake.pillar_event import intake, to_input
from processors.state.partition_state import State
from schemas.ack import Acknowledgement, Actor
from schemas.alert import Alert
from schemas.enums import (
    AckAction,
    AckReason,
    Action,
    Disposition,
    Feed,
    Grade,
    Hazard,
    PillarKind,
    Status,
)
from schemas.errors import Cause
from schemas.feeds import PillarEvent
from schemas.fusion_log import (
    CameraAlive,
    ClockNotice,
    DeadLetterNotice,
    FeedWatermark,
    FusionInput,
    ListAge,
    Observation,
)
from schemas.registry import UNASSIGNED_ZONE
from schemas.topics import FRAMES, PILLAR_EVENTS
from schemas.units import EpochMs
from tests.support.log_records import LAT, ZONE, camera, device, entry, envelope, exercise, ms, planned
from tests.support.timeline import Timeline

if TYPE_CHECKING:
    import msgspec

MANY = 150

SITE = (
    device("P1", heartbeat_s=20, gateway="G1"),
    device("P2", lat=LAT + 0.001, gateway="G1"),
    device("G1", lat=LAT + 0.5),
    camera("C1", lat=LAT + 0.0005),
)
NEXT = "P1-next"
"""The id of the press that is to come: counters can be foreseen."""

HOSTILE_MS = (-(2**63), -1, 0, 1, 2**31, 2**63 - 1)
OFFSETS_MS = (-90_000_000, -86_400_000, -60_000, -3_000, 0, 1_000, 3_000, 19_000, 20_000, 20_001, 3_600_000)


class Site:
    """The fold behind intake, as `alarms` feeds it: a zone by the registry, and the broker's time."""

    def __init__(self, *devices: Any) -> None:
        registered = devices or SITE
        self.registered = {each.device_id for each in registered}
        self.line = Timeline(*registered, partitions=1)
        self.now_ms = int(ms(0))

    @property
    def state(self) -> State:
        return self.line.state

    @property
    def alerts(self) -> list[Alert]:
        return self.line.alerts

    def write(
        self,
        kind: PillarKind = PillarKind.PRESS,
        device_id: str = "P1",
        *,
        event_id: str | None = None,
        ahead_ms: int = 0,
        occurred_at: int | None = None,
        received_at: int | None = None,
        exercise: bool = False,
        active: bool = True,
        source: str = "",
    ) -> Decision:
        """Somebody writes an event: it goes through intake into the log, and is folded."""
        now = EpochMs(self.now_ms)
        event = PillarEvent(
            device_id=device_id,
            kind=kind,
            occurred_at=EpochMs(now + ahead_ms if occurred_at is None else occurred_at),
            received_at=EpochMs(now + ahead_ms if received_at is None else received_at),
            event_id=event_id,
            exercise=exercise,
            active=active,
        )
        fact = intake(event, now, place=f"{PILLAR_EVENTS}/0/{self.state.offset}", source=source)
        zone = ZONE if device_id in self.registered else UNASSIGNED_ZONE
        return self.push(to_input(fact, zone))

    def push(self, given: FusionInput) -> Decision:
        made = entry(given, offset=self.state.offset, append_ms=EpochMs(self.now_ms))
        return self.line.push_entry(made)[0]

    def wait(self, for_ms: int, *, ticks: bool = True) -> None:
        """Let time pass, with a tick each second."""
        end = self.now_ms + for_ms
        while ticks and self.now_ms + 1_000 <= end:
            self.now_ms += 1_000
            self.line.tick((self.now_ms - ms(0)) / 1_000)
        self.now_ms = end

    def acknowledge(self, action: AckAction, alert: Alert, *, revision: int | None = None) -> Decision:
        said = Acknowledgement(
            ack_id=f"ack-{self.state.offset}",
            incident_id=alert.incident_id,
            action=action,
            actor=Actor(name="Li", organisation="County"),
            at=EpochMs(self.now_ms),
            revision=alert.revision if revision is None else revision,
            reason=AckReason.FALSE_ALARM,
            disposition=Disposition.FALSE_PRESS,
            grade=Grade.YELLOW,
        )
        return self.push(ack_input(said, EpochMs(self.now_ms)))


def assert_heard(site: Site, event_id: str, device_id: str = "P1", **how: Any) -> Alert:
    """Somebody presses, honestly: a red names the press at once."""
    decision = site.write(device_id=device_id, event_id=event_id, **how)
    named = [alert for alert in decision.alerts if alert.sources[-1].event_id == event_id]
    assert named, f"{decision.reason}: nobody is told of the press"
    assert (named[0].grade, named[0].status) == (Grade.RED, Status.ACTUAL)
    assert named[0].action in {Action.RAISE, Action.UPDATE}
    return named[0]


def hostile_times() -> st.SearchStrategy[int]:
    """What stands in a record for a time: impossible, or so many milliseconds from now."""
    return st.sampled_from(HOSTILE_MS)


@st.composite
def writings(draw: st.DrawFn) -> dict[str, Any]:
    """One event of the pillar topic. Only what is a real press leaves the id of the honest press alone."""
    kind = draw(st.sampled_from([kind for kind in PillarKind if kind is not PillarKind.UNKNOWN]))
    exercise = draw(st.booleans())
    is_real_press = kind is PillarKind.PRESS and not exercise
    ids = ["a", "b", f"exercise:{NEXT}", None] + ([] if is_real_press else [NEXT])
    return {
        "kind": kind,
        "device_id": draw(st.sampled_from(["P1", "P1", "P1", "P2", "G1", "C1", "X1", "P" * 300])),
        "event_id": draw(st.sampled_from(ids)),
        "ahead_ms": draw(st.sampled_from(OFFSETS_MS)),
        "received_at": draw(st.none() | hostile_times()),
        "occurred_at": draw(st.none() | hostile_times()),
        "exercise": exercise,
        "active": draw(st.booleans()),
    }


@st.composite
def facts(draw: st.DrawFn) -> FusionInput:
    """A fact that another credential may write: of a camera, a feed, a clock, of planned work or an exercise."""
    at = EpochMs(draw(st.sampled_from(HOSTILE_MS)) if draw(st.booleans()) else ms(draw(st.integers(-99, 99))))
    number = draw(st.sampled_from([0, 1, 999]))
    offset, score = draw(st.sampled_from(HOSTILE_MS)), draw(st.sampled_from([-(2**63), 0, 2**63 - 1]))
    name, is_on = draw(st.sampled_from(["P1", "C1", "X1"])), draw(st.booleans())
    zone, topic = (
        draw(st.sampled_from([ZONE, UNASSIGNED_ZONE])),
        draw(st.sampled_from([PILLAR_EVENTS, FRAMES, "made-up"])),
    )
    cause = draw(st.sampled_from([Cause.UNDECODABLE, Cause.UNKNOWN_DEVICE]))
    records: list[msgspec.Struct] = [
        Observation(
            observation_id=NEXT,
            device_id=name,
            hazard=Hazard.FIRE,
            occurred_at=at,
            received_at=at,
            score_permille=score,
        ),
        CameraAlive(device_id=name, received_at=at),
        FeedWatermark(feed=Feed.PILLARS, topic=topic, partitions=(number,), at=at),
        DeadLetterNotice(
            feed=Feed.PILLARS,
            topic=PILLAR_EVENTS,
            partition=number,
            offset=offset,
            cause=cause,
            at=at,
            device_id=name,
        ),
        ListAge(feed=Feed.PILLARS, topic=PILLAR_EVENTS, newest_at=at, stale=is_on),
        planned((-99, 9_999), devices=draw(st.sampled_from([(), ("P1",)]))),
        exercise(-99, 9_999, revision=number, ended=is_on),
        ClockNotice(worker="P1", apart_ms=number, differs=is_on, at=at),
    ]
    return envelope(draw(st.sampled_from(records)), zone=zone)


@st.composite
def answers(draw: st.DrawFn) -> tuple[AckAction, int, int | None]:
    """An acknowledgement of one of the latest incidents, and the revision that it claims to have seen."""
    action = draw(st.sampled_from([each for each in AckAction if each is not AckAction.UNKNOWN]))
    return action, draw(st.integers(1, 3)), draw(st.none() | st.sampled_from([-(2**63), 0, 1, 2, 2**63 - 1]))


Act = dict[str, Any] | FusionInput | tuple[AckAction, int, int | None] | int
"""A writing, a fact, an answer, or so many milliseconds that pass."""


def acts() -> st.SearchStrategy[list[Act]]:
    each = st.one_of(
        writings(), writings(), facts(), answers(), st.sampled_from([0, 400, 2_900, 3_100, 17_000, 61_000])
    )
    return st.lists(each, max_size=25)


def do(site: Site, act: Act) -> None:
    if isinstance(act, int):
        site.wait(act)
    elif isinstance(act, FusionInput):
        site.push(act)
    elif isinstance(act, tuple):
        action, which, revision = act
        if len(site.alerts) >= which:
            site.acknowledge(action, site.alerts[-which], revision=revision)
    else:
        site.write(**act)
