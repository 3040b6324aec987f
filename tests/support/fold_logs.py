"""Logs of the fold for Hypothesis: few devices close together, with repeats, early and late events and wrong zones.

A log is folded while it is drawn, so that its acknowledgements are about incidents that exist. Where `lying` is asked
for, append times and the clocks of ticks may be wrong as well.
"""

from typing import NamedTuple

from hypothesis import strategies as st
from msgspec.structs import replace

from processors.fold.log_entry import LogEntry
from processors.fold.reducer import Decision, fold
from processors.incident.lifecycle import is_possible
from processors.rules.ack import ACK_RULES
from processors.state.partition_state import State, new_state
from processors.state.record_loss import CAUSES
from schemas.ack import NOTE_LENGTH, Actor
from schemas.codec import encode
from schemas.enums import (
    AckAction,
    AckReason,
    Disposition,
    Feed,
    Grade,
    InputKind,
    PillarKind,
)
from schemas.errors import Cause
from schemas.fusion_log import CameraAlive, FeedBrokenNotice, FusionInput, PillarFact, Tick
from schemas.partitioning import partition_of
from schemas.registry import UNASSIGNED_ZONE
from schemas.topics import ACKS, FRAMES, FUSION_INPUT, HOTLIST, PILLAR_EVENTS
from schemas.units import EpochMs, deg_e7
from tests.support.fold_site import POLICIES, SITE
from tests.support.log_records import (
    ACTOR,
    START,
    ZONE,
    ack,
    alive,
    before_0_4,
    clock_notice,
    dead_letter,
    device,
    entry,
    envelope,
    exercise,
    expected,
    fact,
    feed_broken,
    flame,
    list_age,
    log_broken,
    ms,
    planned,
)

PARTITIONS = 2
"""With two partitions, the zone of the devices and the zone of feeds share one partition."""


LOSS_CAUSES = tuple(sorted(CAUSES))
"""Causes of records that were never read; in one order, so that a failing log is drawn again."""


class Step(NamedTuple):
    """One input, and when it is appended."""

    at: EpochMs
    given: FusionInput


def other_zone(*, same_partition: bool) -> str:
    """Another zone, in the same partition as ZONE or in another one."""
    ours = partition_of(ZONE, PARTITIONS)
    return next(
        name for name in map(str, range(99)) if (partition_of(name, PARTITIONS) == ours) is same_partition
    )


OURS, FOREIGN = other_zone(same_partition=True), other_zone(same_partition=False)

NOBODY = Actor(name=" ", organisation="County control room")

UNKNOWN_INCIDENT = f"{ZONE}-of-which-nobody-heard"


class LogPlan(NamedTuple):
    """The devices and inputs of one log. There are few, so that they have to do with each other.

    Attributes:
        speakers: Devices, registered or not.
        kinds: The inputs: p press, c cancel, k any report of a pillar, h heartbeat, x fault active or cleared,
            e press in an exercise, o flame, l camera alive, a acknowledgement, d device, u policy, f dead letter, list
            age, broken log or lost records, w watermark, t tick, m maintenance window, q exercise announced, n clock
            notice, g expected feeds.
        clock_s: What the clocks of the writers of ticks may differ by, seconds; None is a tick of before 0.5.0.
        ahead_s: What append times may be ahead by, seconds.
    """

    speakers: tuple[str, ...]
    kinds: str
    clock_s: tuple[float | None, ...]
    ahead_s: tuple[float, ...]


log_plans = st.builds(
    LogPlan,
    st.lists(st.sampled_from((*SITE, "X1", "X2")), min_size=1, max_size=5, unique=True).map(tuple),
    st.sampled_from(
        (
            "p",
            "pc",
            "ppcd",
            "ppke",
            "poatt",
            "ppooccaaattt",
            "oodct",
            "paaaaattt",
            "oaaaaatttu",
            "aaat",
            "aaaaxt",
            "xxxttta",
            "xxxxaaattud",
            "xxppaottd",
            "xxttdd",
            "hhhwtttttd",
            "hwllttttdkp",
            "fffwwtttta",
            "pppkcooudtfaaehlwx",
            "xxxmttta",
            "xmxtxtaau",
            "eeqpetttc",
            "eeepkttta",
            "hhhgwtttmd",
            "fffffta",
            "nnntta",
            "ppaaadt",
            "pppkcooudtfaaehlwxmqng",
        )
    ),
    st.sampled_from(((0.0,), (0.0,), (None,))),
    st.just((0.0,)),
)

LYING_CLOCKS = ((0.0,), (None,), (0.0, 0.0, 8.0, -8.0), (0.0, 0.0, 0.0, 400.0, -400.0))

LYING_APPENDS = ((0.0,) * 12 + (8.0, 240.0), (0.0,) * 12 + (3_600.0, 90_000.0))


@st.composite
def inputs(
    draw: st.DrawFn, wanted: str, at_s: float, plan: LogPlan, state: State, known: list[str]
) -> FusionInput:
    """One input that is received about when it happened."""
    if wanted == "t":
        is_next = draw(st.sampled_from((True, True, True, False)))
        clock_s = draw(st.sampled_from(plan.clock_s))
        at = None if clock_s is None else ms(at_s + clock_s)
        return envelope(Tick(number=state.tick + 1 if is_next else draw(st.integers(1, 30)), at=at))
    if wanted == "u":
        return envelope(draw(st.sampled_from(POLICIES)))
    if wanted in "mqng":
        return draw(said_by_people_and_workers(wanted, at_s, plan.speakers))
    if wanted == "a" and known:
        return draw(acknowledgements(at_s, state, known))
    return draw(device_inputs(wanted, at_s, draw(st.sampled_from(plan.speakers))))


@st.composite
def device_inputs(draw: st.DrawFn, wanted: str, at_s: float, speaker: str) -> FusionInput:
    """One input of a device or a feed."""
    if wanted == "d":
        return draw(registry_records(speaker))
    received_s = at_s + draw(st.sampled_from((0.0, 0.0, 0.0, -0.5, -2.0, -30.0, 15.0)))
    zone = draw(st.sampled_from((ZONE,) * 12 + (OURS, FOREIGN)))
    if wanted in "fw":
        return draw(feed_records(received_s, zone, is_alive=wanted == "w"))
    if wanted == "l":
        return envelope(CameraAlive(device_id=speaker, received_at=ms(received_s)), zone=zone)
    name = f"e{draw(st.integers(0, 15))}"
    if wanted == "o":
        seen = flame(speaker, at_s=received_s, event_id=name, picture=draw(st.booleans()))
        return envelope(seen, zone=zone)
    return envelope(draw(reports(wanted, speaker, received_s, name)), zone=zone)


@st.composite
def reports(draw: st.DrawFn, wanted: str, speaker: str, received_s: float, name: str) -> PillarFact:
    """One report of a pillar: p, c, k, h, x or e; a press in place of an acknowledgement of nothing."""
    any_kind = draw(st.sampled_from(PillarKind))
    kind = {
        "p": PillarKind.PRESS,
        "e": PillarKind.PRESS,
        "a": PillarKind.PRESS,
        "c": PillarKind.CANCEL,
        "h": PillarKind.HEARTBEAT,
        "x": draw(st.sampled_from((PillarKind.TAMPER, PillarKind.BATTERY))),
    }.get(wanted, any_kind)
    return fact(
        kind,
        speaker,
        at_s=received_s,
        event_id=name,
        active=draw(st.booleans()),
        exercise=wanted == "e" or (wanted == "k" and draw(st.booleans())),
    )


@st.composite
def registry_records(draw: st.DrawFn, speaker: str) -> FusionInput:
    """A registry record: a device is added, changed, moved within its zone or to another one, or removed."""
    site = SITE.get(speaker, device(speaker))
    zone = draw(st.sampled_from((ZONE, ZONE, ZONE, OURS)))
    moved = replace(
        site,
        zone=zone,
        revision=draw(st.sampled_from((1, 2, 3, 4, 5, 6))),
        removed=draw(st.sampled_from((False, False, True))),
        lat_e7=site.lat_e7 + deg_e7(draw(st.sampled_from((0.0, 0.0, 0.0009, 3.0)))),
        heartbeat_s=draw(st.sampled_from((site.heartbeat_s, site.heartbeat_s, 20, None))),
        gateway=draw(st.sampled_from((site.gateway, site.gateway, None, "G1"))),
    )
    return envelope(moved, zone=zone)


@st.composite
def said_by_people_and_workers(
    draw: st.DrawFn, wanted: str, at_s: float, speakers: tuple[str, ...]
) -> FusionInput:
    """Planned work, an exercise, a notice of a clock, or which feeds are expected."""
    revision, is_ended = draw(st.integers(1, 5)), draw(st.sampled_from((False, False, True)))
    zone = draw(st.sampled_from((ZONE, ZONE, ZONE, OURS)))
    begin_s = at_s + draw(st.sampled_from((-10.0, 0.0, 5.0)))
    end_s = begin_s + draw(st.sampled_from((-1.0, 5.0, 20.0, 60.0, 3_600.0, 40 * 86_400.0)))
    if wanted == "m":
        covered = draw(st.sampled_from(((speakers[0],), speakers, ())))
        again_s = draw(st.sampled_from((None, 30.0)))
        periods = (
            ((begin_s, end_s),) if again_s is None else ((begin_s, end_s), (end_s + again_s, end_s + 60))
        )
        return envelope(
            planned(
                *draw(st.sampled_from((periods, periods, periods, ()))),
                window_id=draw(st.sampled_from(("w1", "w2"))),
                revision=revision,
                devices=covered,
                gateway=draw(st.sampled_from((None, None, "G1"))),
                zone=zone,
                ended=is_ended,
            ),
            zone=zone,
        )
    if wanted == "q":
        return envelope(exercise(at_s, end_s, revision=revision, zone=zone, ended=is_ended), zone=zone)
    if wanted == "n":
        worker = draw(st.sampled_from(("fusion", "pillars", "alarms@host-1", "")))
        return envelope(clock_notice(at_s, differs=not is_ended, worker=worker), zone=UNASSIGNED_ZONE)
    topics = draw(st.sampled_from(((PILLAR_EVENTS,), (PILLAR_EVENTS, FRAMES), ("made-up",), ())))
    return envelope(expected(*topics, revision=revision))


@st.composite
def feed_records(draw: st.DrawFn, at_s: float, zone: str, *, is_alive: bool) -> FusionInput:
    """One record of a worker about its feed."""
    if is_alive:
        partitions = draw(st.sampled_from(((0,), (1,), (0, 1))))
        of = draw(st.sampled_from((0, 0, 1, 2)))
        if draw(st.booleans()):
            return envelope(alive(at_s, *partitions, count=of))
        return envelope(alive(at_s, *partitions, topic=FRAMES, feed=Feed.CAMERAS, count=of))
    if draw(st.sampled_from((False, False, True))):
        return envelope(draw(lost_records(at_s)), zone=draw(st.sampled_from((zone, UNASSIGNED_ZONE))))
    offset, stale = draw(st.integers(0, 3)), draw(st.booleans())
    report = draw(
        st.sampled_from(
            (
                dead_letter(offset, at_s=at_s),
                dead_letter(offset, at_s=at_s, cause=Cause.PROCESSING_FAILED),
                dead_letter(offset, at_s=at_s, cause=Cause.UNKNOWN_DEVICE, device_id=f"X{offset}"),
                list_age(at_s, stale=stale, topic=HOTLIST, feed=Feed.HOTLIST),
                log_broken(offset, at_s=at_s),
            )
        )
    )
    is_earlier = draw(st.booleans())  # logs from before 0.4.0 have another record for the same
    return envelope(
        before_0_4(report) if is_earlier else report, zone=draw(st.sampled_from((zone, UNASSIGNED_ZONE)))
    )


@st.composite
def lost_records(draw: st.DrawFn, at_s: float) -> FeedBrokenNotice:
    """Records of an input that were never read; some notices say what cannot be true."""
    expected, found = draw(st.sampled_from(((0, 4), (4, 9), (2, 7), (9, 0), (2**63 - 1, -(2**63)))))
    return feed_broken(
        expected,
        found,
        at_s=at_s,
        cause=draw(st.sampled_from((*LOSS_CAUSES, Cause.UNKNOWN, Cause.PICTURE_EMPTY))),
        records=draw(st.sampled_from((None, 0, 5, -1, 2**63 - 1))),
        since_s=draw(st.sampled_from((None, at_s - 60, at_s + 10**6))),
        topic=draw(st.sampled_from((PILLAR_EVENTS, PILLAR_EVENTS, ACKS, HOTLIST, FUSION_INPUT, "made-up"))),
        topic_id=draw(st.sampled_from(("", "topic-1", "topic-2"))),
        partition=draw(st.sampled_from((0, 0, 1, -1))),
        client=draw(st.sampled_from(("", "", "stranger@/10.0.0.9", "x" * 10_000, "\n{count}"))),
    )


@st.composite
def acknowledgements(draw: st.DrawFn, at_s: float, state: State, known: list[str]) -> FusionInput:
    """An acknowledgement of an incident that is open, ended or unknown; mostly possible and complete."""
    about = known[-1 - draw(st.integers(0, min(3, len(known) - 1)))]
    about = draw(st.sampled_from((about,) * 15 + (UNKNOWN_INCIDENT,)))
    incident = state.incidents.get(about)
    possible = tuple(
        a
        for a, rule in ACK_RULES.items()
        if incident is not None and is_possible(incident.state, rule.transition)
    )
    actions = draw(st.sampled_from((possible or tuple(AckAction),) * 4 + (tuple(AckAction),)))
    latest = 1 if incident is None else incident.revision
    shown = (latest, latest, max(1, latest - 1), latest + 1, 1)
    # The broker has appended it before it comes into the log, and some are sent long after they were given.
    received_s = at_s - draw(st.sampled_from((0.0, 0.0, 0.5, 30.0)))
    given = envelope(
        ack(
            about,
            draw(st.sampled_from(actions)),
            at_s=received_s - draw(st.sampled_from((0.0,) * 9 + (700.0,))),
            received_s=received_s,
            ack_id=f"a{draw(st.integers(0, 30))}",
            revision=draw(st.sampled_from((None,) * 4 + shown)),
            note=draw(st.sampled_from((None, None, "The gate is locked.", "", "x" * (NOTE_LENGTH + 1)))),
            actor=draw(st.sampled_from((ACTOR,) * 9 + (NOBODY,))),
            reason=draw(st.sampled_from((AckReason.NUISANCE,) * 10 + (AckReason.UNKNOWN, None))),
            disposition=draw(st.sampled_from((Disposition.FOUNDED,) * 6 + (Disposition.UNKNOWN, None))),
            shelve_s=draw(st.sampled_from((None, None, None, 5, 5, 5, 1_000_000, 0))),
            grade=draw(st.sampled_from((Grade.YELLOW, Grade.YELLOW, Grade.RED, Grade.BLUE, None))),
        )
    )
    return replace(given, kind=InputKind.SHELVING) if draw(st.booleans()) else given


GAPS = (
    (0.0, 0.4, 2.0),
    (0.0, 1.0, 1.0, 5.0, 25.0),
    (0.0, 2.0, 50.0, 200.0),
    (0.001, 5.0, 1_000.0, 50_000.0),
)
"""Seconds between inputs."""


OPENINGS = ("", "", "", "p", "ot", "xt", "hwtt")
"""Inputs with which a log may begin, so that the rest is often about an incident that was raised."""


@st.composite
def logs(draw: st.DrawFn, max_size: int = 40, *, lying: bool = False) -> list[Step]:
    """A few devices, registered from the start or not, then inputs from milliseconds to half a day apart."""
    plan = draw(log_plans)
    if lying:
        plan = plan._replace(
            clock_s=draw(st.sampled_from(LYING_CLOCKS)), ahead_s=draw(st.sampled_from(LYING_APPENDS))
        )
    steps = [
        Step(START, envelope(SITE[name])) for name in plan.speakers if name in SITE and draw(st.booleans())
    ]
    if draw(st.booleans()):
        steps.append(Step(START, envelope(POLICIES[0])))
    state, known = start(), list[str]()
    folded(entries(steps), state)
    gaps = draw(st.sampled_from(GAPS))
    at_s = 0.0
    opening = draw(st.sampled_from(OPENINGS))
    for number in range(draw(st.integers(max(1, len(opening)), max_size))):
        at_s += 2.0 if number < len(opening) else draw(st.sampled_from(gaps))
        wanted = opening[number] if number < len(opening) else draw(st.sampled_from(plan.kinds))
        append_s = at_s + draw(st.sampled_from(plan.ahead_s))
        step = Step(ms(append_s), draw(inputs(wanted, at_s, plan, state, known)))
        steps.append(step)
        fold(state, entry(step.given, offset=state.offset, append_ms=step.at))
        known += [incident_id for incident_id in state.incidents if incident_id not in known]
    return steps


def entries(steps: list[Step]) -> list[LogEntry]:
    return [entry(given, offset=offset, append_ms=at) for offset, (at, given) in enumerate(steps)]


def start() -> State:
    return new_state(partition_of(ZONE, PARTITIONS), PARTITIONS)


def folded(log: list[LogEntry], state: State | None = None) -> list[Decision]:
    state = start() if state is None else state
    return [decision for each in log for decision in fold(state, each)[1]]


def sent(decisions: list[Decision]) -> list[bytes]:
    """Everything that is published, in order: alerts, and answers to acknowledgements."""
    out = []
    for decision in decisions:
        out += [encode(alert) for alert in decision.alerts]
        if decision.result is not None:
            out.append(encode(decision.result))
    return out
