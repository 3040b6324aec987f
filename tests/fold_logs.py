"""Logs of the fold for Hypothesis: few devices that meet, say things twice, early, late, and in wrong zones."""

from typing import NamedTuple

from hypothesis import strategies as st
from msgspec.structs import replace

from processors.entry import LogEntry
from processors.incidents import Decision, fold
from processors.policy import FusionPolicy, Window, Windows, policy_record
from processors.state import State, new_state
from schemas.codec import encode
from schemas.enums import PillarKind
from schemas.log import FusionInput, Tick
from schemas.partitioning import partition_of
from schemas.units import EpochMs
from tests.timeline import (
    LAT,
    PARTITIONS,
    START,
    ZONE,
    camera,
    dead_letter,
    device,
    entry,
    envelope,
    fact,
    flame,
    ms,
    zone_of,
)

SITE = {
    "P1": device("P1"),
    "P2": device("P2", lat=LAT + 0.001),
    "P3": device("P3", lat=LAT + 1.0),
    "C1": camera("C1"),
    "C2": camera("C2", lat=LAT + 0.001),
}
"""P2 stands 111 m from P1, P3 far away."""

POLICIES = tuple(
    policy_record(policy, revision)
    for revision, policy in enumerate(
        (
            FusionPolicy(bounce_ms=1_000),
            FusionPolicy(windows=Windows(red=Window(rolling_ms=10_000, at_most_ms=20_000)), reach_m=50),
            FusionPolicy(bounce_ms=70_000, windows=Windows(red=Window(rolling_ms=1, at_most_ms=1))),
        ),
        start=1,
    )
)
"""The last contradicts itself."""


class Step(NamedTuple):
    """One input, and when it is appended."""

    at: EpochMs
    given: FusionInput


OURS, FOREIGN = zone_of(is_ours=True), zone_of(is_ours=False)


class Cast(NamedTuple):
    """Who plays in one log: few, so that they meet."""

    speakers: tuple[str, ...]
    kinds: str


@st.composite
def inputs(draw: st.DrawFn, at_s: float, cast: Cast) -> FusionInput:
    """One input that arrives about when it happened."""
    wanted = draw(st.sampled_from(cast.kinds))
    if wanted in "tu":
        number = draw(st.integers(1, 30))
        return envelope(Tick(number=number) if wanted == "t" else POLICIES[number % len(POLICIES)])
    speaker = draw(st.sampled_from(cast.speakers))
    if wanted == "d":
        removed = draw(st.sampled_from((False, False, True)))
        site = SITE.get(speaker, device(speaker))
        return envelope(replace(site, revision=draw(st.integers(1, 3)), removed=removed))
    received_s = at_s + draw(st.sampled_from((0.0, 0.0, 0.0, -0.5, -2.0, -30.0, 15.0)))
    name = f"e{draw(st.integers(0, 15))}"
    zone = draw(st.sampled_from((ZONE,) * 12 + (OURS, FOREIGN)))
    if wanted == "f":
        return envelope(dead_letter(draw(st.integers(0, 3)), at_s=received_s), zone=zone)
    if wanted == "o":
        seen = flame(speaker, at_s=received_s, event_id=name, picture=draw(st.booleans()))
        return envelope(seen, zone=zone)
    any_kind = draw(st.sampled_from(PillarKind))
    kind = {"p": PillarKind.PRESS, "c": PillarKind.CANCEL}.get(wanted, any_kind)
    return envelope(fact(kind, speaker, at_s=received_s, event_id=name), zone=zone)


casts = st.builds(
    Cast,
    st.lists(st.sampled_from((*SITE, "X1", "X2")), min_size=1, max_size=4, unique=True).map(tuple),
    st.sampled_from(("p", "pc", "ppcd", "poctd", "oodct", "ppk", "pppkcooudtf", "fft")),
)


@st.composite
def logs(draw: st.DrawFn, max_size: int = 40) -> list[Step]:
    """A few devices, known from the start or not, then inputs from milliseconds to half a day apart."""
    cast = draw(casts)
    steps = [
        Step(START, envelope(SITE[name])) for name in cast.speakers if name in SITE and draw(st.booleans())
    ]
    gaps = draw(st.sampled_from(((0.0, 0.4, 2.0), (0.0, 2.0, 50.0, 200.0), (0.001, 5.0, 1_000.0, 50_000.0))))
    at_s = 0.0
    for _ in range(draw(st.integers(1, max_size))):
        at_s += draw(st.sampled_from(gaps))
        steps.append(Step(ms(at_s), draw(inputs(at_s, cast))))
    return steps


def entries(steps: list[Step]) -> list[LogEntry]:
    return [entry(given, offset=offset, append_ms=at) for offset, (at, given) in enumerate(steps)]


def start() -> State:
    return new_state(partition_of(ZONE, PARTITIONS), PARTITIONS)


def folded(log: list[LogEntry], state: State | None = None) -> list[Decision]:
    state = start() if state is None else state
    return [decision for each in log for decision in fold(state, each)[1]]


def sent(decisions: list[Decision]) -> list[bytes]:
    return [encode(alert) for decision in decisions for alert in decision.alerts]
