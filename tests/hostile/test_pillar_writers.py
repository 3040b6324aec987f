"""What somebody can do who may write the pillar topic, and no more than that: any event of any device, at any time.

The credential is a gateway's: `alarm.pillar-event.v1` may be written with any device id, kind, id, time and flag. The
broker alone says when a record was appended. Whoever stands at a pillar and presses must be heard all the same.

`test_a_press_is_heard_whatever_anybody_has_written_before` is the law; it also lets the attacker acknowledge, and
write camera and feed facts, which needs further credentials.
"""

from collections.abc import Sequence
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from processors.fold import apply as changes
from processors.fold.reducer import Decision
from processors.fold.snapshot_codec import dump, load
from processors.incident.lifecycle import OVER
from processors.intake.ack import ack_input
from processors.intake.pillar_event import intake, to_input
from processors.rules import dedup
from processors.state.event_ids import EventIdWindow
from processors.state.partition_state import State
from schemas.ack import Acknowledgement, Actor
from schemas.alert import Alert
from schemas.codec import encode
from schemas.enums import (
    AckAction,
    AckReason,
    Action,
    Disposition,
    Feed,
    Grade,
    Hazard,
    PillarKind,
    Reason,
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
from schemas.ids import fingerprint
from schemas.registry import UNASSIGNED_ZONE
from schemas.topics import BY_NAME, FRAMES, FUSION_SNAPSHOT, PILLAR_EVENTS, pillar_topic
from schemas.units import EpochMs
from tests.support.log_records import LAT, ZONE, alive, camera, device, entry, envelope, exercise, ms, planned
from tests.support.timeline import Timeline

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


@pytest.mark.parametrize(
    "kind", [kind for kind in PillarKind if kind not in {PillarKind.UNKNOWN, PillarKind.PRESS}]
)
def test_events_20_s_ahead_drop_no_press(kind: PillarKind) -> None:
    site = Site()
    for number in range(70):
        site.write(kind, event_id=f"forged-{number}", ahead_ms=20_000)
    assert_heard(site, "honest")


@pytest.mark.parametrize("exercise", [False, True])
@pytest.mark.parametrize(
    "kind", [kind for kind in PillarKind if kind not in {PillarKind.UNKNOWN, PillarKind.PRESS}]
)
def test_an_event_with_the_id_of_the_next_press_makes_it_no_copy(kind: PillarKind, exercise: bool) -> None:
    site = Site()
    site.write(kind, event_id=NEXT, exercise=exercise)
    assert_heard(site, NEXT)


@pytest.mark.parametrize(
    ("forged", "honest"),
    [("a", "a"), ("a", "exercise:a"), ("exercise:a", "exercise:exercise:a"), ("real:a", "exercise:real:a")],
)
def test_a_press_of_an_exercise_makes_no_real_press_a_copy_whatever_the_ids(forged: str, honest: str) -> None:
    site = Site()
    site.write(event_id=forged, exercise=True)
    assert_heard(site, honest)


def test_a_press_whose_mark_somebody_else_has_set_for_its_site_is_real() -> None:
    site = Site()
    for name in ("P1", "P2", "G1"):
        site.write(PillarKind.TAMPER, name, exercise=True)
        site.write(device_id=name, exercise=True)
    assert_heard(site, "honest")


@pytest.mark.parametrize("after_ms", [4_000, 17_000, 20_000, 22_000])
def test_a_forged_press_from_the_future_makes_an_honest_one_no_bounce(after_ms: int) -> None:
    site = Site()
    site.write(event_id="forged", ahead_ms=20_000)
    site.wait(after_ms)
    assert_heard(site, "honest")


@pytest.mark.parametrize("after_ms", [17_500, 20_001, 22_500])
def test_a_forged_press_from_the_future_that_was_cancelled_makes_an_honest_one_no_copy(after_ms: int) -> None:
    site = Site()
    raised = site.write(event_id=NEXT, ahead_ms=20_000).alerts[0]
    site.wait(5_000)
    assert site.acknowledge(AckAction.CANCEL, raised).reason is Reason.CANCELLED
    site.wait(after_ms - 5_000)
    assert_heard(site, NEXT)


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


@settings(max_examples=MANY)
@given(acts(), st.sampled_from([0, 200, 4_000]))
def test_a_press_is_heard_whatever_anybody_has_written_before(before: Sequence[Act], after_ms: int) -> None:
    """Only a press of the same pillar in the same moment stands for it (requirement 1): that one has been told."""
    site = Site()
    for act in before:
        do(site, act)
    site.wait(after_ms)
    decision = site.write(event_id=NEXT)
    named = [alert for alert in decision.alerts if alert.sources[-1].event_id == NEXT]
    if named:
        assert (named[0].grade, named[0].status) == (Grade.RED, Status.ACTUAL)
        return
    pressed = site.state.devices[ZONE, "P1"]
    assert decision.reason is Reason.BOUNCE
    assert site.state.now - (pressed.press_seen_at or 0) <= site.state.policy.bounce_ms
    incident = site.state.incidents[pressed.press_incident or ""]
    assert (incident.grade, incident.status) == (Grade.RED, Status.ACTUAL)
    assert incident.revision
    assert incident.state not in OVER


def press_unregistered(
    site: Site, count: int, *, over_ms: int = 0, first: int = 0, **how: Any
) -> list[Alert]:
    """Devices that nobody has registered are pressed, each once; returns the alerts meanwhile."""
    before = len(site.alerts)
    for number in range(first, first + count):
        if over_ms:
            site.wait(over_ms // count)
        site.write(device_id=f"made-up-{number}", event_id=f"press-{number}", **how)
    return site.alerts[before:]


def of_group(alerts: Sequence[Alert]) -> list[Alert]:
    return [alert for alert in alerts if alert.reason is Reason.UNREGISTERED_GROUP]


def test_12000_unregistered_devices_are_twenty_incidents_and_one_group() -> None:
    site = Site()
    told = press_unregistered(site, 12_000, over_ms=60_000)
    assert len({alert.incident_id for alert in told if alert.action is Action.RAISE}) == 21
    group = of_group(told)
    assert (group[0].action, group[0].grade, group[0].zone) == (Action.RAISE, Grade.RED, UNASSIGNED_ZONE)
    assert len({alert.incident_id for alert in group}) == 1
    assert len(group) <= 7
    assert site.state.unregistered_count == 10_000
    site.wait(11_000)
    latest = of_group(site.alerts)[-1]
    assert (latest.press_count, len(latest.sources)) == (11_980, 50)
    assert len(latest.related_incidents) == 10
    assert "11980 presses" in latest.texts[0].description


def test_after_a_flood_the_reminders_are_those_of_few_incidents() -> None:
    site = Site()
    press_unregistered(site, 2_000, over_ms=20_000)
    site.wait(60_000)
    before = len(site.alerts)
    site.wait(600_000)
    assert len(site.alerts) - before <= 10 * 21
    assert len([each for each in site.state.incidents.values() if each.grade is Grade.RED]) == 21


def test_a_registered_pillar_is_its_own_red_amid_a_flood_and_keeps_its_state() -> None:
    site = Site()
    own = assert_heard(site, "before")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(changes, "MAX_UNREGISTERED", 100)
        press_unregistered(site, 150)
    assert site.state.unregistered_count == 100
    assert site.write(event_id="before").reason is Reason.DUPLICATE, "what it remembers is not evicted"
    site.wait(4_000)
    heard = assert_heard(site, "amid")
    assert (heard.incident_id, heard.zone, heard.press_count) == (own.incident_id, ZONE, 2)


@pytest.mark.parametrize("after", [0, 20, 21, 150])
def test_a_pillar_that_is_not_registered_yet_is_told_amid_a_flood_within_ten_seconds(after: int) -> None:
    site = Site()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(changes, "MAX_UNREGISTERED", 100)
        press_unregistered(site, after, ahead_ms=19_000)
        site.write(device_id="new-pillar", event_id="in need")
        press_unregistered(site, 40, first=1_000)
        site.wait(11_000)
    named = {
        (source.device_id, source.event_id)
        for alert in site.alerts
        if alert.grade is Grade.RED
        for source in alert.sources
    }
    assert ("new-pillar", "in need") in named


def test_whoever_closes_the_group_has_seen_every_press_of_it() -> None:
    site = Site()
    press_unregistered(site, 21)
    site.wait(11_000)
    shown = of_group(site.alerts)[-1]
    assert site.acknowledge(AckAction.ACCEPT, shown).reason is Reason.ACCEPTED
    shown = site.alerts[-1]
    site.write(device_id="new-pillar", event_id="in need")
    assert site.acknowledge(AckAction.CLOSE, shown).reason is Reason.OUTDATED_REVISION
    site.wait(61_000)
    told = of_group(site.alerts)[-1]
    assert told.sources[-1].event_id == "in need"
    assert told.ack_by is not None, "another caller asks for an answer of their own (F5)"
    latest = [alert for alert in site.alerts if alert.incident_id == told.incident_id][-1]
    assert site.acknowledge(AckAction.CLOSE, latest).reason is Reason.CLOSED


def test_few_a_minute_for_hours_are_bounded_too() -> None:
    site = Site()
    told = press_unregistered(site, 200, over_ms=200 * 6_000)
    assert len({alert.incident_id for alert in told if alert.grade is Grade.RED}) == 51
    before = len(site.alerts)
    site.wait(120_000)
    assert len(site.alerts) - before <= 2 * 51


def test_when_the_flood_is_over_an_unregistered_device_is_its_own_red_at_once_again() -> None:
    site = Site()
    press_unregistered(site, 100)
    site.wait(61_000)
    alone = assert_heard(site, "later", "late-comer")
    assert alone.reason is Reason.UNREGISTERED_DEVICE


def test_a_flood_that_goes_on_after_a_person_has_closed_the_group_opens_another() -> None:
    site = Site()
    press_unregistered(site, 30)
    site.wait(11_000)
    site.acknowledge(AckAction.ACCEPT, of_group(site.alerts)[-1])
    assert site.acknowledge(AckAction.CLOSE, site.alerts[-1]).reason is Reason.CLOSED
    closed = site.alerts[-1].incident_id
    again = press_unregistered(site, 2, first=100)
    assert [alert.action for alert in again] == [Action.RAISE]
    assert again[0].incident_id != closed


def test_an_unregistered_device_that_is_registered_presses_at_its_own_place_and_is_named() -> None:
    site = Site()
    press_unregistered(site, 40)
    site.push(envelope(device("made-up-39", lat=LAT + 0.3), zone=ZONE))
    site.registered.add("made-up-39")
    told = assert_heard(site, "mine", "made-up-39")
    assert (told.reason, told.zone, told.position is not None) == (Reason.FIRST_FACT, ZONE, True)
    assert "made-up-39" in told.texts[0].description


def test_unregistered_devices_of_an_exercise_are_grouped_by_themselves_and_no_real_one_is_with_them() -> None:
    site = Site()
    told = press_unregistered(site, 60, exercise=True)
    assert {alert.status for alert in told} == {Status.EXERCISE}
    assert len({alert.incident_id for alert in told}) == 21
    real = press_unregistered(site, 60, first=100)
    assert {alert.status for alert in real} == {Status.ACTUAL}
    assert len({alert.incident_id for alert in real}) == 21


def test_a_flood_and_a_restart_amid_it_give_the_same_bytes() -> None:
    site, other = Site(), Site()
    for each in (site, other):
        press_unregistered(each, 300, over_ms=3_000)
    other.line.state = load(dump(other.state))
    for each in (site, other):
        press_unregistered(each, 300, over_ms=30_000, first=300)
        each.wait(70_000)
    assert [encode(alert) for alert in site.alerts] == [encode(alert) for alert in other.alerts]
    assert dump(site.state) == dump(other.state)


def long_id(*parts: str | int) -> str:
    """An id of the most characters that intake leaves as they are; no compression makes it much shorter."""
    return "".join(fingerprint(*parts, piece) for piece in range(5))[:128]


def test_a_snapshot_of_a_full_house_of_unregistered_devices_with_the_longest_ids_can_be_stored() -> None:
    """A tenth of it: those that came while they were few remember 64 presses each, all others 8."""
    site, part = Site(), 10
    few = dedup.FEW_UNREGISTERED // part
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(dedup, "FEW_UNREGISTERED", few)
        for number in range(changes.MAX_UNREGISTERED // part):
            for press in range(64 if number < few else 9):
                name = long_id(number, press)[: dedup.NAME_LENGTH]
                site.write(device_id=long_id("device", number), event_id=name)
    kept = [len(known.press_ids.ids) for known in site.state.devices.values() if known.site is None]
    assert (max(kept), min(kept)) == (64, 8)
    assert len(dump(site.state)) * part < BY_NAME[FUSION_SNAPSHOT].max_message_bytes


BOUND = device("P1", heartbeat_s=20, source="gw-1")
"""A pillar whose events must come in the topic of its gateway."""

NOT_PRESSES = [kind for kind in PillarKind if kind not in {PillarKind.UNKNOWN, PillarKind.PRESS}]


def bound_site() -> Site:
    return Site(BOUND, device("P2", lat=LAT + 0.3, source="gw-1"), device("P3", lat=LAT + 0.4))


def blues(site: Site) -> list[Alert]:
    return [alert for alert in site.alerts if alert.hazard is Hazard.UNEXPECTED_SOURCE]


def own(site: Site) -> Any:
    """What the fold knows of the bound pillar, without the window of other sources."""
    known = site.state.devices[ZONE, "P1"]
    return msgspec.structs.replace(known, other_source_ids=EventIdWindow()), site.state.last_reports.get(
        (ZONE, "P1")
    )


@pytest.mark.parametrize("source", ["gw-2", ""])
def test_a_press_through_another_gateway_is_heard_and_marked_and_a_blue_tells_of_it(source: str) -> None:
    site = bound_site()
    red = assert_heard(site, "e1", source=source)
    assert (red.reason, red.action) == (Reason.UNEXPECTED_SOURCE, Action.RAISE)
    (blue,) = blues(site)
    assert (blue.grade, blue.zone, blue.responsible_unit) == (Grade.BLUE, ZONE, "village-1")
    assert "P1" in blue.texts[0].description
    site.wait(4_000)
    again = assert_heard(site, "e2", source=source)
    assert (again.incident_id, again.reason, again.press_count) == (
        red.incident_id,
        Reason.UNEXPECTED_SOURCE,
        2,
    )
    assert len(blues(site)) == 1


def test_a_press_through_its_own_gateway_is_as_any_press() -> None:
    site = bound_site()
    assert assert_heard(site, "e1", source="gw-1").reason is Reason.FIRST_FACT
    assert not blues(site)


@pytest.mark.parametrize("source", ["gw-2", ""])
def test_without_a_binding_every_source_is_as_good_as_another(source: str) -> None:
    site = bound_site()
    assert assert_heard(site, "e1", "P3", source=source).reason is Reason.FIRST_FACT
    assert not blues(site)


@pytest.mark.parametrize("exercise", [False, True])
@pytest.mark.parametrize("kind", NOT_PRESSES)
def test_nothing_but_a_press_through_another_gateway_touches_the_pillar(
    kind: PillarKind, exercise: bool
) -> None:
    site = bound_site()
    red = assert_heard(site, "pressed", source="gw-1")
    site.write(PillarKind.TAMPER, event_id="opened", source="gw-1")
    before, open_before = own(site), site.state.incidents[red.incident_id]
    decision = site.write(
        kind, event_id="forged", source="gw-2", exercise=exercise, active=False, ahead_ms=20_000
    )
    assert decision.reason is Reason.UNEXPECTED_SOURCE
    assert (own(site), site.state.incidents[red.incident_id]) == (before, open_before)
    assert [alert.hazard for alert in decision.alerts] == [Hazard.UNEXPECTED_SOURCE]
    assert site.state.exercises == {}


def test_heartbeats_through_another_gateway_keep_no_pillar_from_being_found_silent() -> None:
    site = bound_site()
    topic = pillar_topic("gw-1")
    for second in range(60):
        site.wait(1_000)
        at = (site.now_ms - ms(0)) / 1_000
        site.push(envelope(alive(at, 0, topic=topic)))
        site.write(PillarKind.HEARTBEAT, event_id=f"beat-{second}", source="gw-2")
    assert Hazard.COMM_FAIL in {alert.hazard for alert in site.alerts}


def test_a_pillar_is_not_silent_while_nobody_reads_the_topic_of_its_gateway() -> None:
    site = bound_site()
    for _ in range(60):
        site.wait(1_000)
        site.push(envelope(alive((site.now_ms - ms(0)) / 1_000, 0)))
    hazards = {alert.hazard for alert in site.alerts}
    assert Hazard.COMM_FAIL not in hazards
    assert Hazard.FEED_SILENT in hazards


def test_a_forged_press_with_the_next_id_makes_the_honest_one_neither_copy_nor_bounce() -> None:
    for wait_ms in (0, 1_000, 60_000):
        site = bound_site()
        site.write(event_id=NEXT, source="gw-2")
        site.wait(wait_ms)
        assert assert_heard(site, NEXT, source="gw-1").press_count == 2


def test_a_press_of_an_exercise_through_another_gateway_is_real_unless_there_is_an_exercise() -> None:
    site = bound_site()
    assert_heard(site, "marked", source="gw-2", exercise=True)
    announced = bound_site()
    announced.push(envelope(exercise(0, 3_600)))
    decision = announced.write(event_id="marked", source="gw-2", exercise=True)
    assert decision.alerts[0].status is Status.EXERCISE


def test_a_copy_of_what_came_through_another_gateway_changes_nothing() -> None:
    site = bound_site()
    for kind in (PillarKind.PRESS, PillarKind.RELEASE, PillarKind.HEARTBEAT):
        site.write(kind, event_id="e1", source="gw-2")
        before = dump(site.state)
        assert site.write(kind, event_id="e1", source="gw-2").reason is Reason.DUPLICATE
        assert len(dump(site.state)) == len(before)


def test_another_gateway_that_writes_for_ever_is_told_of_once_and_of_each_device_after_a_pause() -> None:
    site = bound_site()
    for number in range(500):
        site.write(PillarKind.RELEASE, event_id=f"r{number}", source="gw-2")
        site.wait(1_000)
    assert len(blues(site)) == 1
    site.write(PillarKind.RELEASE, "P2", event_id="another", source="gw-2")
    site.wait(61_000)
    told = blues(site)[-1]
    assert (len(blues(site)), told.reason, told.source_count) == (2, Reason.MORE_RECORDS, 501)
    assert {source.device_id for source in told.sources} == {"P1", "P2"}
    site.write(PillarKind.RELEASE, "P2", event_id="third", source="gw-3")
    assert len({alert.incident_id for alert in blues(site)}) == 2, "each gateway by itself"


def test_the_registry_may_bind_a_pillar_to_another_gateway_and_free_it_again() -> None:
    site = bound_site()
    site.push(envelope(device("P1", revision=2, source="gw-2")))
    assert assert_heard(site, "e1", source="gw-2").reason is Reason.FIRST_FACT
    site.push(envelope(device("P1", revision=3)))
    site.wait(4_000)
    assert assert_heard(site, "e2", source="gw-9").reason is Reason.PRESSED_AGAIN


@settings(max_examples=MANY)
@given(acts(), st.sampled_from([0, 200, 4_000]))
def test_a_press_through_its_own_gateway_is_always_named_whatever_comes_through_others(
    before: Sequence[Act], after_ms: int
) -> None:
    site = Site(BOUND, *SITE[1:])
    for act in before:
        do(site, act | {"source": "gw-2"} if isinstance(act, dict) else act)
    site.wait(after_ms)
    assert_heard(site, NEXT, source="gw-1")
