"""A gateway's credential may write its own topic only, and no event in it touches a pillar of another gateway.

The law is over whole logs of everything that happens in a town whose pillars are bound to their source: events of
another source in between change no byte that anybody is told, but the blue about them. They have no press among them:
a press is always heard (tests/hostile/test_pillar_writers.py).
"""

from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from processors.fold.reducer import Decision, fold
from processors.intake.pillar_event import to_input
from processors.state.partition_state import State
from schemas.codec import decode, encode
from schemas.enums import Hazard, InputKind, PillarKind, Reason
from schemas.fusion_log import FusionInput, PillarFact
from schemas.registry import RegistryDevice
from tests.support.fold_logs import Step, entries, logs, start
from tests.support.fold_site import SITE
from tests.support.log_records import START, ZONE, entry, fact

SHARED = ""
"""The source to which the devices are bound: the shared topic, in which all facts of the logs came."""


def bound(given_input: FusionInput) -> FusionInput:
    """The registry record of a device, bound; anything else as it is."""
    if given_input.kind is not InputKind.DEVICE:
        return given_input
    record = replace(decode(given_input.payload, RegistryDevice), source=SHARED)
    return replace(given_input, payload=encode(record))


def bound_state() -> State:
    state = start()
    for key, known in state.devices.items():
        if known.site is not None:
            state.devices[key] = replace(known, site=replace(known.site, source=SHARED))
    return state


def foreign() -> st.SearchStrategy[PillarFact]:
    """What another gateway may write of a device of the town: no press."""
    kinds = [kind for kind in PillarKind if kind not in {PillarKind.PRESS, PillarKind.UNKNOWN}]
    return st.builds(
        lambda kind, name, number, at_s, flags: replace(
            fact(
                kind,
                name,
                at_s=at_s,
                event_id=f"{kind}-{number}",
                active=flags[0],
                exercise=flags[1],
                clock_suspect=flags[2],
            ),
            source="gw-2",
        ),
        st.sampled_from(kinds),
        st.sampled_from(sorted(SITE)),
        st.integers(1, 3),
        st.integers(-100, 100),
        st.tuples(st.booleans(), st.booleans(), st.booleans()),
    )


def told(decisions: list[Decision]) -> list[bytes]:
    """Everything that anybody is told, but of the foreign source."""
    alerts = [alert for decision in decisions for alert in decision.alerts]
    return [encode(alert) for alert in alerts if alert.hazard is not Hazard.UNEXPECTED_SOURCE]


@settings(max_examples=60)
@given(logs(), st.data())
def test_what_another_gateway_writes_changes_no_byte_but_the_blue_about_it(
    steps: list[Step], data: st.DataObject
) -> None:
    plain, disturbed = bound_state(), bound_state()
    wanted: list[Decision] = []
    found: list[Decision] = []
    for each in entries([Step(step.at, bound(step.given)) for step in steps]):
        for forged in data.draw(st.lists(foreign(), max_size=2), label="foreign"):
            if disturbed.now < START:
                continue
            registered = disturbed.devices.get((ZONE, forged.device_id))
            if registered is None or not registered.is_registered:
                continue
            given_input = to_input(forged, ZONE)
            made = entry(given_input, offset=disturbed.offset, append_ms=disturbed.now)
            decisions = fold(disturbed, made)[1]
            assert decisions[0].reason in {Reason.UNEXPECTED_SOURCE, Reason.DUPLICATE}
            found += decisions
        wanted += fold(plain, each)[1]
        found += fold(disturbed, each._replace(offset=disturbed.offset))[1]
    assert told(found) == told(wanted)
