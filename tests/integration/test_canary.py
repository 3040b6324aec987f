"""A canary: an unlisted plate, through reader and crop, good and broken, is nowhere it must not be (docs/privacy.md).

It is looked for in every topic, in all that the workers print at --verbose, and in every page that they serve.
"""

import itertools
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from callbox.demo.check.collect import Collected, collect
from callbox.demo.check.leak_check import in_files, in_topics, secrets_of
from callbox.demo.check.outcome import plate_read_counts
from callbox.demo.fixtures import FONT, Vehicle
from callbox.demo.hotlist import hotlist_file
from callbox.demo.pictures.plates import render_plate
from callbox.demo.pictures.scenes import checkpoint_scene
from callbox.demo.processes.embedded_broker import EmbeddedBroker
from callbox.demo.processes.environment import records_done, run_command, running_workers, stop, write_config
from callbox.demo.run import shipped
from callbox.demo.scenario import ListedAs
from callbox.demo.schedule import truncated
from models.weights import verify, weights_path
from processors.vision.jpeg import encode_jpeg
from schemas.codec import encode
from schemas.enums import Purpose
from schemas.feeds import PlateRead
from schemas.topics import PLATE_READS
from streams.clock import monotonic, now_ms, pause
from streams.kafka.config import KafkaConfig
from streams.kafka.producer import ProducerRecord, publish

pytestmark = [pytest.mark.embedded, pytest.mark.weights, pytest.mark.long]

PLATE = "鲁Q7X2M9"
CHECKPOINT = "checkpoint-1"
LISTED = ListedAs(entry_id="H-1", purpose=Purpose.STOLEN_VEHICLE, expires_in_s=600)
IDLE_S = 3.0  # workers look at their lists, write ticks and snapshots, commit
WITHIN_S = 60.0


def canary(cache: Path) -> tuple[Vehicle, Vehicle]:
    """The vehicle by its crop, and from the front."""
    plate = render_plate(PLATE, weights_path(cache, FONT))
    crop = Vehicle("canary", PLATE, encode_jpeg(plate, 90))
    return crop, replace(crop, name="canary, front", picture=encode_jpeg(checkpoint_scene(plate), 90))


def reads(crop: Vehicle, front: Vehicle) -> Iterator[bytes]:
    """Every way in: text, picture, both; good, broken, and records that are damaged around them."""
    named = truncated(crop.picture) + PLATE.encode()  # a picture that does not decode and holds the text
    texts = [None, PLATE, f"{PLATE[:2]}·{PLATE[2:]}", f"{PLATE}\x00", f"\x1b[2J{PLATE}", PLATE * 40]
    pictures = [None, crop.picture, front.picture, named, b"\xff\xd8\xff" + PLATE.encode(), b""]
    for number, (text, picture) in enumerate(itertools.product(texts, pictures)):
        now = now_ms()
        read = PlateRead(
            checkpoint_id=CHECKPOINT if number % 5 else f"unknown to all, {number}",
            occurred_at=now,
            received_at=now,
            event_id=f"read-{number}",
            plate_text=text,
            confidence=0.9 if text else None,
            jurisdiction="CN",
            picture=picture,
        )
        yield encode(read)
    yield encode(read)[:-7]
    yield encode(read) + PLATE.encode()
    yield PLATE.encode()


def test_a_vehicle_on_no_list_leaves_no_trace(cache: Path, tmp_path: Path) -> None:
    if faults := verify(cache):
        pytest.skip(f"{faults[0]}; run `callbox models fetch`")
    crop, front = canary(cache)
    sent = list(reads(crop, front))
    found, printed, counted = processed(sent, cache, tmp_path)
    assert len(found.records[PLATE_READS]) == len(sent)
    assert counted["not_listed"] >= 6, "text and pictures must be read, else nothing is proved"
    assert counted["dead_lettered"] >= 20
    assert "hit" not in counted
    assert all(
        dead_letter.payload is None and dead_letter.detail is None for dead_letter in found.dead_letters
    )
    assert found.requests == []
    wanted = secrets_of([crop, front])
    assert in_topics(wanted, found.records) == []
    assert in_files(wanted, printed) == []
    assert_it_would_be_found(crop, found, tmp_path)


def processed(sent: list[bytes], cache: Path, folder: Path) -> tuple[Collected, list[Path], dict[str, int]]:
    """Run the four workers over the reads: what is on the broker, what they printed and served, and their counts."""
    logs = folder / "logs"
    logs.mkdir()
    with EmbeddedBroker(folder / "broker.log") as broker:
        kafka = KafkaConfig(bootstrap=broker.bootstrap, kind=broker.kind)
        config = folder / "callbox.toml"
        write_config(config, kafka, cache)
        town, hotlist = folder / "town.toml", folder / "hotlist.toml"
        town.write_text(shipped("town.toml"), encoding="utf-8")
        other = Vehicle("other", "京A10000", b"", LISTED)
        hotlist.write_text(hotlist_file([other], now_ms()), encoding="utf-8")
        for arguments in (["topics"], ["registry", town], ["hotlist", hotlist]):
            run_command(config, [str(arguments[0]), "apply", *map(str, arguments[1:])])
        with running_workers(config, logs, verbose=True) as workers:
            publish(kafka, [ProducerRecord(PLATE_READS, CHECKPOINT.encode(), read) for read in sent])
            deadline = monotonic() + WITHIN_S
            while records_done(workers["plates"]) < len(sent) and monotonic() < deadline:
                pause(0.1)
            pause(IDLE_S)
            for name, worker in workers.items():
                for page in ("healthz", "readyz", "metrics"):
                    (logs / f"{name}.{page}").write_text(worker.page(f"/{page}"), encoding="utf-8")
            assert stop(workers) == []
        found = collect(kafka)
    counted = plate_read_counts((logs / "plates.metrics").read_text("utf-8"))
    return found, [folder / "broker.log", *logs.iterdir()], counted


def assert_it_would_be_found(crop: Vehicle, found: Collected, folder: Path) -> None:
    """The search is no formality: in the feed itself, and in a log that has the plate, it finds it."""
    feed = {"another topic": found.records[PLATE_READS]}
    assert len(in_topics(secrets_of([crop]), feed)) > 10
    log = folder / "careless.log"
    log.write_text('{"event": "read", "plate": "\\u9c81Q7X2M9"}', encoding="utf-8")
    assert in_files(secrets_of([crop]), [log])
