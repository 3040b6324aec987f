"""A run of the demo as values: two presses, three alerts, a dead letter, a request and a picture."""

from callbox.demo.check.collect import Collected, PlacedAlert
from callbox.demo.fixtures import Fixtures, Vehicle
from callbox.demo.play import Sent
from callbox.demo.result import Durations, RunResult, Script
from callbox.demo.run import shipped
from callbox.demo.scenario import read_scenario
from schemas.dead_letter import DeadLetter
from schemas.enums import PillarKind, Purpose
from schemas.errors import Cause
from schemas.evidence import EvidenceSnapshot
from schemas.hotlist import VerificationRequest
from schemas.topics import (
    ALERTS,
    FUSION_INPUT,
    PILLAR_EVENTS,
    PLATE_READS,
    TEST_ALERTS,
)
from schemas.units import EpochMs
from streams.kafka.capabilities import BrokerKind
from streams.kafka.producer import RecordMetadata
from tests.support.log_records import START, device
from tests.support.timeline import Timeline

SCENARIO = read_scenario(shipped("scenario.toml"), "scenario.toml")
PLATE = "沪B70Y26"


def alerts() -> list[PlacedAlert]:
    timeline = Timeline()
    timeline.press(1)
    timeline.pillar(PillarKind.CANCEL, 5)
    timeline.pillar(PillarKind.TEST, 8)
    live, cancelled, test = timeline.alerts
    return [PlacedAlert(ALERTS, live), PlacedAlert(ALERTS, cancelled), PlacedAlert(TEST_ALERTS, test)]


def request() -> VerificationRequest:
    return VerificationRequest(
        request_id="r1",
        entry_id="H-1001",
        purpose=Purpose.STOLEN_VEHICLE,
        authority="police",
        case_ref="c",
        checkpoint_id="checkpoint-1",
        zone="northgate",
        occurred_at=EpochMs(START + 2000),
        plate_text=PLATE,
        confidence=None,
        review_reasons=(),
        list_age_ms=1,
        crop_jpeg=b"crop",
        expires_at=EpochMs(START + 9000),
    )


def run_result(device_name: str = "<b>P1</b>") -> RunResult:
    dead_letter = DeadLetter(
        topic=PLATE_READS,
        partition=1,
        offset=4,
        appended_at=EpochMs(START + 3000),
        cause=Cause.PLATE_TEXT_INVALID,
        detail=None,
        key=None,
        payload=None,
        worker="plates",
    )
    picture = EvidenceSnapshot(
        snapshot_id="frame-1",
        camera_id=device_name,
        captured_at=EpochMs(START + 4000),
        jpeg=b"jpeg",
        sha256="0",
        width=320,
        height=180,
    )
    found = Collected(
        partitions=4,
        records={FUSION_INPUT: []},
        alerts=alerts(),
        dead_letters=[dead_letter],
        requests=[request()],
        answers=[],
        evidence={(0, 0): picture},
        repeats=0,
    )
    return RunResult(
        script=Script(SCENARIO, [device()], Fixtures({"listed": Vehicle("listed", PLATE, b"")}, [], {})),
        sent=[
            Sent(0, START, RecordMetadata(PILLAR_EVENTS, 0, 0)),
            Sent(1, EpochMs(START + 900), RecordMetadata(PILLAR_EVENTS, 0, 1)),
        ],
        collected=found,
        arrived={alerts()[0].alert.alert_id: EpochMs(START + 1017)},
        plate_reads={"hit": 1},
        problems=[],
        durations=Durations(5, 14, 25),
        broker=BrokerKind.EMBEDDED,
    )
