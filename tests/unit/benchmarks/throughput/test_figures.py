import json
from pathlib import Path

import pytest

from benchmarks.throughput.bench import interleaved
from benchmarks.throughput.feed import ONE_IN, answers, bench_topics, feed_records, lists, steps
from benchmarks.throughput.figures import CHECKED, RUNNERS, Answered, Run, bars, digest, figures, rate
from benchmarks.throughput.peers.environment import CONSTRAINTS, is_made_for
from benchmarks.throughput.peers.jobs import INPUTS, Job, pillar_job, plate_job
from benchmarks.throughput.runs import callbox_config, checked_records
from callbox.config import read_config
from schemas.codec import decode
from schemas.enums import InputKind
from schemas.fusion_log import FusionInput
from schemas.hotlist import HotlistEntry, VerificationRequest
from schemas.registry import RegistryDevice
from schemas.topics import BY_NAME, CATALOGUE, HOTLIST, REGISTRY
from schemas.units import EpochMs
from streams.worker.spec import WorkersSettings

NOW = EpochMs(1_700_000_000_000)

both_feeds = pytest.mark.parametrize("feed", list(INPUTS))


def run(per_s: float, *, found: str = "same", count: int = 10) -> Run:
    return Run(per_s, found, count, cpu_us_per_event=1e6 / per_s, stolen=0.0)


def job_of(feed: str) -> Job:
    """The job with the lists that the bench writes."""
    written = lists(NOW)
    devices = [
        decode(record.value, RegistryDevice)
        for record in written
        if record.topic == REGISTRY and record.value
    ]
    entries = [
        decode(record.value, HotlistEntry) for record in written if record.topic == HOTLIST and record.value
    ]
    by_id = {device.device_id: device for device in devices}
    if feed == "pillars":
        return pillar_job(by_id)
    return plate_job(by_id, {entry.entry_id: entry for entry in entries}, NOW)


# --- the figures --------------------------------------------------------------------------------------------------


def test_a_rate_counts_what_came_after_the_first_answers() -> None:
    assert rate([1000, 1000, 1500, 2000, 3000], records_per_answer=100) == 150


def test_answers_of_one_moment_have_no_rate() -> None:
    with pytest.raises(ValueError, match="more records"):
        rate([5, 5], records_per_answer=1)


def test_the_same_answers_in_another_order_or_sent_twice_are_equal_and_others_are_not() -> None:
    one, two = Answered(1, b"a", b"x"), Answered(2, b"b", b"y")
    assert digest([one, two]) == digest([two._replace(appended_ms=9), one, one])
    assert digest([one]) != digest([one, two])
    assert digest([Answered(1, b"a", b"bc")]) != digest([Answered(1, b"ab", b"c")])


def test_the_report_has_medians_spread_and_whether_delivery_was_checked() -> None:
    report = figures(
        "plates", {"callbox": [run(90), run(110), run(100)], "bytewax": [run(70), run(200), run(80)]}
    )
    assert report["callbox"] == {
        "events_per_s": 100,
        "spread": [90, 110],
        "cpu_us_per_event": 10_000.0,
        "delivery_checked_before_commit": True,
    }
    assert report["bytewax"]["delivery_checked_before_commit"] is False  # type: ignore[index]
    assert report["answers"] == {"each": [10], "equal": True}
    json.dumps(report)


def test_one_round_with_other_answers_is_enough_to_be_unequal() -> None:
    report = figures("plates", {"callbox": [run(1), run(1)], "quix": [run(1), run(1, found="other")]})
    assert report["answers"] == {"each": [10], "equal": False}


def test_every_runner_says_whether_it_checks_delivery() -> None:
    assert set(CHECKED) == set(RUNNERS)


@pytest.mark.parametrize(("topic", "share", "met"), [("plates", 0.95, False), ("pillars", 0.9, True)])
def test_a_bar_is_met_at_its_very_limit(topic: str, share: float, *, met: bool) -> None:
    medians = {
        "default_faust": 10.0,
        "callbox": 80.0,
        "quix": 80.0,
        "bytewax": 500.0,
        "confluent_loop": 80 / 0.9,
    }
    assert bars(topic, medians) == {
        "callbox >= 8 x default_faust": {"ratio": 8.0, "met": True},
        "callbox >= quix": {"ratio": 1.0, "met": True},
        f"callbox >= {share} x confluent_loop": {"ratio": 0.9, "met": met},
    }


def test_without_its_runner_a_bar_is_not_spoken_of() -> None:
    assert bars("plates", {"callbox": 1.0, "quix": 2.0}) == {"callbox >= quix": {"ratio": 0.5, "met": False}}
    assert bars("plates", {"quix": 2.0}) == {}


def test_each_round_begins_with_another_runner_and_each_runner_has_its_rounds() -> None:
    order: list[str] = []

    def run_once(runner: str, _number: int) -> Run:
        order.append(runner)
        return run(1)

    runs = interleaved(run_once, ("a", "b", "c"), 3)
    assert "".join(order) == "abcbcacab"
    assert {name: len(found) for name, found in runs.items()} == {"a": 3, "b": 3, "c": 3}


def test_a_run_that_the_host_starved_is_repeated_a_few_times() -> None:
    starved = iter([0.5, 0.5, 0.0, 0.9, 0.9, 0.9])

    def run_once(_runner: str, _number: int) -> Run:
        return run(1)._replace(stolen=next(starved))

    runs = interleaved(run_once, ("a", "b"), 1)
    assert [found.stolen for found in (*runs["a"], *runs["b"])] == [0.0, 0.9]


# --- the feed and the job -----------------------------------------------------------------------------------------


@both_feeds
def test_a_feed_is_spread_evenly_and_each_partition_ends_with_an_answer(feed: str) -> None:
    count, job = 2 * steps(feed), job_of(feed)
    partitions: dict[int, list[int]] = {}
    for record in feed_records(feed, count, NOW):
        assert record.topic == INPUTS[feed]
        assert record.partition is not None
        partitions.setdefault(record.partition, []).append(len(job(record.value or b"", NOW + 1)))
    assert set(partitions) == set(range(BY_NAME[INPUTS[feed]].partitions))
    assert len({len(found) for found in partitions.values()}) == 1
    assert all(found[-1] == 1 for found in partitions.values())
    assert sum(map(sum, partitions.values())) == answers(feed, count)


@both_feeds
def test_a_device_lies_in_one_partition(feed: str) -> None:
    places = {(record.key, record.partition) for record in feed_records(feed, 5_000, NOW)}
    assert len(places) == len({key for key, _ in places})


def test_one_read_in_a_hundred_asks_about_a_listed_vehicle() -> None:
    job = job_of("plates")
    found = [
        answer for record in feed_records("plates", 1600, NOW) for answer in job(record.value or b"", NOW + 7)
    ]
    requests = [decode(answer.value, VerificationRequest) for answer in found]
    assert len(requests) == 1600 // ONE_IN
    assert {request.list_age_ms for request in requests} == {7}
    assert [answer.key.decode() for answer in found] == [request.request_id for request in requests]


def test_every_event_goes_to_the_log_under_its_zone() -> None:
    job = job_of("pillars")
    for record in feed_records("pillars", 200, NOW):
        (answer,) = job(record.value or b"", NOW)
        fact = decode(answer.value, FusionInput)
        assert fact.kind is InputKind.PILLAR_EVENT
        assert answer.key == fact.zone.encode() != b"unassigned"


def test_records_come_in_whole_steps() -> None:
    assert checked_records("plates", 200_000) == 200_000
    assert checked_records("plates", 1_700) == 1_600
    assert checked_records("plates", 1) == 2 * steps("plates")


def test_the_topics_are_the_shipped_ones_but_outlive_the_bench() -> None:
    made = bench_topics()
    assert [(topic.name, topic.partitions) for topic in made] == [
        (topic.name, topic.partitions) for topic in CATALOGUE
    ]
    assert not next(topic for topic in made if topic.name == INPUTS["plates"]).sealed
    assert next(topic for topic in made if topic.name == HOTLIST) == BY_NAME[HOTLIST]


# --- what runs ----------------------------------------------------------------------------------------------------


def test_callbox_runs_as_shipped_but_for_what_ships_for_pictures() -> None:
    shipped = WorkersSettings()
    plates = read_config(callbox_config("127.0.0.1:1", "bench", "plates"), "bench").workers.plates
    for name in (
        "nice",
        "background",
        "batch_records",
        "merge_records",
        "waiting_batches",
        "fetch_bytes",
        "threads",
    ):
        assert getattr(plates, name) == getattr(shipped.alarms, name), name
    assert read_config(callbox_config("127.0.0.1:1", "bench", "alarms"), "bench").workers == shipped


def test_the_peers_environment_is_made_anew_for_other_pins(tmp_path: Path) -> None:
    assert not is_made_for(tmp_path, "a==1\n")
    (tmp_path / "pins.txt").write_text("a==1\n", "utf-8")
    assert is_made_for(tmp_path, "a==1\n")
    assert not is_made_for(tmp_path, "a==2\n")


def test_the_peers_are_pinned_exactly_and_from_no_index_in_particular() -> None:
    text = CONSTRAINTS.read_text("utf-8")
    lines = [line.split(" ")[0] for line in text.splitlines() if line and line[0] not in "# "]
    assert all(len(line.split("==")) == 2 for line in lines)
    assert text.count("--hash=sha256:") >= len(lines)
    assert "://" not in text
    assert {"quixstreams", "bytewax", "confluent-kafka"} <= {line.split("==")[0] for line in lines}
