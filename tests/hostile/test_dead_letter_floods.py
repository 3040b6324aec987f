"""Floods of what nobody can read, sent with the credential of a gateway, a reader or a worker.

A whole topic that cannot be read is a wrong schema: it is told, and where no press depends on the worker it stops, and
what follows waits. Whoever floods a topic with garbage on purpose silences nobody: presses are heard, and a worker
stops only where nobody at all is heard.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog
from click.testing import CliRunner

from callbox.cli import cli
from callbox.demo.processes.broker import Broker
from callbox_testkit.brokers.quotas import Quotas
from schemas.codec import encode
from schemas.errors import Cause, WrongSchema
from schemas.fusion_log import Tick
from schemas.topics import ACKS, BY_NAME, CATALOGUE, PILLAR_EVENTS, PLATE_READS, REGISTRY, dead_letter_topic
from streams.kafka.config import KafkaConfig
from streams.kafka.producer import ProducerRecord, publish
from streams.kafka.quotas import CLIENT_QUOTAS, DEFAULT_QUOTA, WORKER_QUOTAS
from streams.kafka.reader import bounds, read_all
from streams.worker.settings import RuntimeSettings
from streams.worker.spec import WORKERS
from streams.worker.unreadable_runs import QUIET_S, UnreadableRuns
from tests.support.fakes import HandClock
from tests.support.paths import ROOT
from tests.support.shipped_workers import lines_of, metric_total, reached_at
from tests.support.topic_accidents import committed_by
from tests.support.waiting import wait_until
from tests.support.worker_town import WorkerTown, group_name, worker_town

LIMIT = RuntimeSettings().dead_letter_limit
WRONG = Cause.UNKNOWN_SCHEMA


class Rig:
    """The counts of a worker and its clock."""

    def __init__(self, *, stops: bool = True, limit: int = LIMIT) -> None:
        self.clock = HandClock()
        self.runs = UnreadableRuns(
            [PLATE_READS, "other"], limit, stops=stops, monotonic=self.clock.clock.monotonic
        )

    def reject(self, count: int, cause: Cause = WRONG, topic: str = PLATE_READS) -> None:
        for _ in range(count):
            self.runs.note_rejected(topic, cause)

    def later(self, seconds: float) -> None:
        self.clock.seconds += seconds

    def stops(self) -> bool:
        try:
            self.runs.look()
        except WrongSchema:
            return True
        return False


@pytest.mark.parametrize("cause", [Cause.UNDECODABLE, Cause.UNKNOWN_SCHEMA, Cause.INVALID_FIELD])
def test_so_many_in_a_row_and_nothing_readable_is_a_wrong_schema(cause: Cause) -> None:
    rig = Rig()
    rig.later(QUIET_S)
    rig.reject(LIMIT - 1, cause)
    assert not rig.stops()
    rig.reject(1, cause)
    assert rig.stops()


def test_a_flood_stops_nobody_as_long_as_anybody_is_heard() -> None:
    rig = Rig()
    for _ in range(60):
        rig.reject(10 * LIMIT)
        rig.later(QUIET_S - 0.1)
        assert not rig.stops()
        rig.runs.note_read(PLATE_READS)


def test_a_backlog_of_garbage_at_the_start_stops_nobody_who_is_heard_behind_it() -> None:
    rig = Rig()
    rig.reject(100 * LIMIT)
    assert not rig.stops()
    rig.runs.note_read(PLATE_READS)
    rig.later(2 * QUIET_S)
    assert not rig.stops()


def test_what_was_read_and_rejected_for_its_content_is_no_wrong_schema() -> None:
    rig = Rig()
    for _ in range(LIMIT):
        rig.reject(LIMIT - 1)
        rig.reject(1, Cause.UNKNOWN_DEVICE)
    rig.later(QUIET_S)
    assert not rig.stops()


def test_topics_are_counted_apart_and_lists_that_are_followed_are_not() -> None:
    rig = Rig()
    rig.later(QUIET_S)
    rig.reject(LIMIT - 1)
    rig.reject(LIMIT - 1, topic="other")
    rig.reject(LIMIT, topic=REGISTRY)
    assert not rig.stops()
    assert rig.runs.counts == {PLATE_READS: LIMIT - 1, "other": LIMIT - 1}


def test_a_worker_that_a_press_depends_on_tells_it_and_goes_on() -> None:
    rig = Rig(stops=False)
    rig.later(QUIET_S)
    rig.reject(LIMIT)
    with structlog.testing.capture_logs() as lines:
        assert not rig.stops()
    assert [(line["event"], line["topic"]) for line in lines] == [("topic.wrong_schema", PLATE_READS)]
    assert {name for name, spec in WORKERS.items() if spec.stops_at_wrong_schema} == {"frames", "plates"}


def test_with_a_limit_of_none_nothing_is_told() -> None:
    rig = Rig(limit=0)
    rig.later(QUIET_S)
    rig.reject(10 * LIMIT)
    assert not rig.stops()


# --- disks and quotas ---------------------------------------------------------------------------------------------


def test_no_flood_of_dead_letters_fills_a_disk() -> None:
    letters = [topic for topic in CATALOGUE if topic.name.endswith(".dlq")]
    assert letters
    assert all(int(topic.settings["retention.bytes"]) <= 1 << 30 for topic in letters)


def printed() -> list[str]:
    run = CliRunner().invoke(cli, ["topics", "acls", "--quotas"])
    assert run.exit_code == 0, run.output
    return run.output.splitlines()


def test_the_deployment_file_has_the_quotas_that_the_command_prints() -> None:
    shipped = (ROOT / "deploy" / "kafka-quotas.txt").read_text("utf-8").splitlines()
    assert printed() == shipped
    users = [line.rsplit(" ", 1)[-1] for line in shipped]
    assert users == [
        *(f"callbox-{worker}" for worker in WORKERS_IN_ORDER),
        *CLIENT_QUOTAS,
        "--entity-default",
    ]


WORKERS_IN_ORDER = tuple(WORKER_QUOTAS)


def test_every_worker_has_a_quota_and_no_press_waits_for_one() -> None:
    assert set(WORKER_QUOTAS) == set(WORKERS)
    assert all(WORKER_QUOTAS[name].request_percentage is None for name in ("alarms", "fusion"))
    assert DEFAULT_QUOTA.producer_byte_rate < min(
        quota.producer_byte_rate for quota in WORKER_QUOTAS.values()
    )


@pytest.mark.kafka
def test_kafka_takes_these_quotas(cache: Path, kafka_config: KafkaConfig) -> None:
    quotas = Quotas(cache, kafka_config.bootstrap)
    last = printed()[-2]
    quotas.run(*last.split())
    shown = quotas.run("--describe", "--entity-type", "users")
    assert "producer_byte_rate=65536.0" in shown
    quotas.lift("users", ["dispatch"], ["producer_byte_rate", "request_percentage"])


# --- shipped workers ----------------------------------------------------------------------------------------------


@pytest.fixture
def town(own_kafka: Broker, tmp_path: Path) -> Iterator[WorkerTown]:
    with worker_town(reached_at(own_kafka.bootstrap), tmp_path) as town:
        yield town


def garbage(kafka: KafkaConfig, topic: str, count: int) -> None:
    """Records of another schema, and bytes of none."""
    wrong = encode(Tick(number=1))
    publish(
        kafka,
        [ProducerRecord(topic, b"%d" % number, wrong if number % 2 else b"x") for number in range(count)],
    )


@pytest.mark.kafka
@pytest.mark.long
def test_presses_behind_a_gateway_that_sends_garbage_without_end_are_heard(town: WorkerTown) -> None:
    worker = town.workers.start("alarms", town.kafka)
    for _ in range(3):
        garbage(town.kafka, PILLAR_EVENTS, 2 * LIMIT)
        garbage(town.kafka, ACKS, 2 * LIMIT)
        town.presses.send(8)
    town.presses.assert_heard()
    assert worker.exit_code is None
    low, high = bounds(town.kafka, dead_letter_topic(PILLAR_EVENTS), 0)
    assert (high or 0) - low >= 6 * LIMIT


@pytest.mark.kafka
@pytest.mark.long
def test_alarms_tells_that_nothing_can_be_read_and_hears_the_press_that_comes_all_the_same(
    town: WorkerTown,
) -> None:
    worker = town.workers.start("alarms", town.kafka)
    garbage(town.kafka, PILLAR_EVENTS, LIMIT)
    wait_until(
        lambda: "topic.wrong_schema" in [line["event"] for line in lines_of(worker)],
        QUIET_S + 30,
        worker.log_tail,
    )
    assert metric_total(worker, "callbox_unreadable_records") >= LIMIT
    town.presses.send(8)
    town.presses.assert_heard()
    wait_until(
        lambda: metric_total(worker, f'callbox_unreadable_records{{topic="{PILLAR_EVENTS}"') == 0,
        30,
        worker.log_tail,
    )
    assert worker.exit_code is None


@pytest.mark.kafka
@pytest.mark.weights
@pytest.mark.long
def test_plates_stops_with_a_clear_word_and_loses_nothing(town: WorkerTown, cache: Path) -> None:
    worker = town.workers.start("plates", town.kafka)
    garbage(town.kafka, PLATE_READS, LIMIT + 200)
    wait_until(lambda: worker.exit_code is not None, QUIET_S + 60, worker.log_tail)
    assert worker.exit_code == WrongSchema.exit_code
    said = [line for line in lines_of(worker) if line["event"] == "worker.failed"]
    assert len(said) == 1
    assert PLATE_READS in said[0]["error"]
    letters = list(read_all(town.kafka, dead_letter_topic(PLATE_READS)))
    partitions = BY_NAME[PLATE_READS].partitions
    places = committed_by(town.kafka, group_name("plates"), PLATE_READS, partitions)
    committed = sum(max(place.offset, 0) for place in places)
    assert LIMIT <= len(letters) == committed, "what was rejected is committed, once; the rest waits"
    town.workers.start("plates", town.kafka)
    wait_until(
        lambda: len(list(read_all(town.kafka, dead_letter_topic(PLATE_READS)))) == LIMIT + 200,
        60,
        worker.log_tail,
    )
