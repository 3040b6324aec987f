"""From steps to records: ids, times, pictures that are broken on purpose."""

import numpy as np
import pytest

from callbox.demo.fixtures import Fixtures, Vehicle
from callbox.demo.run import shipped
from callbox.demo.scenario import Scenario, VehicleRole, read_scenario
from callbox.demo.schedule import POISON, ScheduledRecord, claims_50_megapixels, schedule_records, truncated
from callbox.demo.steps import (
    AckStep,
    AnyStep,
    ExpectedAnswer,
    Heartbeats,
    PillarStep,
    PlateStep,
    PoisonStep,
    ReaderText,
    Scene,
    Shows,
    SilenceStep,
    VideoStep,
)
from callbox.registry.registry_file import read_site
from processors.vision.jpeg import decode_jpeg, encode_jpeg
from schemas.ack import Acknowledgement
from schemas.codec import decode
from schemas.enums import AckAction, AckOutcome, PillarKind, Reason
from schemas.errors import Cause, DecodeError, PictureError
from schemas.feeds import CameraFrame, PillarEvent, PlateRead
from schemas.topics import ACKS, FRAMES, HOTLIST, PILLAR_EVENTS, PLATE_READS
from schemas.units import EpochMs

TOWN = read_site(shipped("town.toml"), "town.toml")
NOW = EpochMs(1_760_000_000_000)
LATER = EpochMs(NOW + 40)
INCIDENTS = {"pillar-01": "riverside-1"}
ROLE = VehicleRole(name="car", plate="ABC123")
FIXTURES = Fixtures(
    vehicles={"car": Vehicle("car", "ABC123", b"crop")},
    fronts=[Vehicle("f", "X", b"front-0"), Vehicle("g", "Y", b"front-1")],
    scenes={Scene.FLAME: [b"f0", b"f1", b"f2"], Scene.QUIET: [b"quiet picture"]},
)


def scheduled(step: AnyStep) -> list[ScheduledRecord]:
    return schedule_records(Scenario(vehicles=(ROLE,), steps=(step,)), TOWN, FIXTURES, INCIDENTS.get)


def pillar_events(step: AnyStep) -> list[PillarEvent]:
    return [decode(record.make(NOW, LATER), PillarEvent) for record in scheduled(step)]


def pressed(*, times: int, resend: bool = False) -> PillarStep:
    return PillarStep(
        at_s=1.0,
        what="",
        event=PillarKind.PRESS,
        device="pillar-01",
        times=times,
        every_s=0.25,
        resend=resend,
    )


def test_heartbeats_come_of_every_pillar_and_gateway_each_time_but_of_those_that_are_silent() -> None:
    beats = Heartbeats(at_s=0, what="", times=2, every_s=5)
    silence = SilenceStep(at_s=0, what="", device="pillar-08")
    scenario = Scenario(vehicles=(ROLE,), steps=(beats, silence))
    events = [
        decode(record.make(NOW, LATER), PillarEvent)
        for record in schedule_records(scenario, TOWN, FIXTURES, INCIDENTS.get)
    ]
    assert len(events) == 2 * 8
    assert {event.device_id for event in events} == {"gateway-1"} | {f"pillar-0{n}" for n in range(1, 8)}
    assert all(event.kind is PillarKind.HEARTBEAT for event in events)


@pytest.mark.parametrize(("pillar", "wanted"), [("pillar-01", "riverside-1"), ("pillar-02", None)])
def test_an_acknowledgement_names_the_incident_that_an_alert_has_told_or_one_that_nobody_knows(
    pillar: str, wanted: str | None
) -> None:
    said = AckStep(
        at_s=2,
        what="",
        action=AckAction.ACCEPT,
        device=pillar,
        answer=ExpectedAnswer(outcome=AckOutcome.ACCEPTED, reason=Reason.ACCEPTED),
    )
    (sent_ack,) = scheduled(said)
    ack = decode(sent_ack.make(NOW, LATER), Acknowledgement)
    assert sent_ack.topic == ACKS
    assert not isinstance(sent_ack.key, bytes)
    assert sent_ack.key() == ack.incident_id.encode()
    assert ack.incident_id == wanted or (wanted is None and ack.incident_id.startswith("pillar-02-"))


def test_bounces_have_ids_of_their_own_and_a_resend_has_not() -> None:
    assert len({event.event_id for event in pillar_events(pressed(times=3))}) == 3
    assert len({event.event_id for event in pillar_events(pressed(times=3, resend=True))}) == 1


def test_records_are_due_in_the_order_of_their_times_keyed_by_device() -> None:
    records = scheduled(pressed(times=3))
    assert [record.at_s for record in records] == [1.0, 1.25, 1.5]
    assert {(record.topic, record.key) for record in records} == {(PILLAR_EVENTS, b"pillar-01")}


def test_a_record_happens_when_it_is_due_and_is_received_when_it_is_sent() -> None:
    (event,) = pillar_events(pressed(times=1))
    assert (event.occurred_at, event.received_at) == (NOW, LATER)


def test_a_video_is_sent_picture_by_picture() -> None:
    step = VideoStep(at_s=2.0, what="", device="camera-01", scene=Scene.FLAME, times=3, every_s=0.5)
    frames = [decode(record.make(NOW, LATER), CameraFrame) for record in scheduled(step)]
    assert [frame.jpeg for frame in frames] == [b"f0", b"f1", b"f2"]
    assert {record.topic for record in scheduled(step)} == {FRAMES}


def reads(shows: Shows, says: ReaderText = ReaderText.NOTHING) -> list[PlateRead]:
    step = PlateStep(at_s=0, what="", device="checkpoint-1", vehicle="car", shows=shows, says=says)
    assert {record.topic for record in scheduled(step)} == {PLATE_READS}
    return [decode(record.make(NOW, LATER), PlateRead) for record in scheduled(step)]


def test_a_read_shows_the_crop_without_text_so_that_the_models_must_read_it() -> None:
    (read,) = reads(Shows.CROP)
    assert (read.picture, read.plate_text, read.confidence) == (b"crop", None, None)


def test_a_front_read_is_one_record_for_each_picture() -> None:
    assert [read.picture for read in reads(Shows.FRONT)] == [b"front-0", b"front-1"]


@pytest.mark.parametrize(
    ("says", "is_clean"), [(ReaderText.PLATE, True), (ReaderText.CONTROL_CHARACTERS, False)]
)
def test_a_reader_says_its_text_or_control_characters(says: ReaderText, is_clean: bool) -> None:
    (read,) = reads(Shows.NOTHING, says)
    assert read.picture is None
    assert read.plate_text is not None
    assert read.plate_text.isprintable() is is_clean


def test_poison_is_no_record_of_any_kind() -> None:
    (record,) = scheduled(PoisonStep(at_s=0, what="", topic=HOTLIST))
    assert record.make(NOW, LATER) == POISON
    with pytest.raises(DecodeError) as refused:
        decode(POISON, PillarEvent)
    assert refused.value.cause is Cause.UNDECODABLE


def test_the_broken_pictures_are_broken_in_the_way_they_say() -> None:
    for picture, cause in (
        (truncated(encode_jpeg(np.zeros((48, 64, 3), np.uint8), 90)), Cause.PICTURE_TRUNCATED),
        (claims_50_megapixels(), Cause.PICTURE_TOO_LARGE),
    ):
        with pytest.raises(PictureError) as refused:
            decode_jpeg(picture)
        assert refused.value.cause is cause


def test_the_shipped_scenario_can_be_played_with_fixtures_of_its_names() -> None:
    scenario = read_scenario(shipped("scenario.toml"), "scenario.toml")
    fixtures = Fixtures(
        vehicles={role.name: Vehicle(role.name, role.plate, b"crop") for role in scenario.vehicles},
        fronts=[Vehicle("front", "X", b"front")],
        scenes=dict.fromkeys(Scene, [b"picture"] * 100),
    )
    records = schedule_records(scenario, TOWN, fixtures, INCIDENTS.get)
    silent = {n for n, step in enumerate(scenario.steps) if isinstance(step, SilenceStep)}
    assert {record.step for record in records} == set(range(len(scenario.steps))) - silent
    assert all(record.make(NOW, LATER) for record in records)
