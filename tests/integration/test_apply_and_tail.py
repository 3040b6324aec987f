"""The commands on a real broker: topics, registry, policy and hotlist applied, and `tail` that shows what came."""

import json
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from callbox.cli import run
from callbox.commands.policy import put_in_force
from callbox.demo.processes.embedded_broker import EmbeddedBroker
from processors.state.partition_state import State
from processors.state.policy import FusionPolicy, policy_record
from schemas.codec import decode, encode
from schemas.enums import InputKind, PillarKind
from schemas.errors import DeliveryFailed, LogBroken
from schemas.feeds import PillarEvent
from schemas.fusion_log import ExpectedFeeds, FusionInput
from schemas.partitioning import partition_of
from schemas.topics import FUSION_INPUT, HOTLIST, LOG_PARTITIONS, PILLAR_EVENTS, REGISTRY
from streams.clock import now_ms
from streams.kafka.config import KafkaConfig
from streams.kafka.producer import ProducerRecord, publish
from streams.kafka.reader import read_all
from streams.kafka.topics import apply as make_topics
from tests.support.logs import restored_logs

pytestmark = pytest.mark.embedded

START = [sys.executable, "-c", "from callbox.cli import main; main()"]
PLATE = "ABC1234"

Call = Callable[..., list[str]]
"""(arguments, code=0) -> the lines on stdout."""


@pytest.fixture
def empty_broker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[KafkaConfig]:
    """A fresh broker without topics, named by the config in the working folder: 0.1 s."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("CALLBOX_CONFIG", raising=False)
    with EmbeddedBroker(tmp_path / "broker.log") as embedded:
        text = f'[kafka]\nbootstrap = "{embedded.bootstrap}"\nkind = "embedded"\n'
        (tmp_path / "callbox.toml").write_text(text, encoding="utf-8")
        yield KafkaConfig(bootstrap=embedded.bootstrap, kind=embedded.kind)


@pytest.fixture
def broker(empty_broker: KafkaConfig) -> KafkaConfig:
    """A fresh broker with the topics of the catalogue."""
    make_topics(empty_broker, i_lose_order=False)
    return empty_broker


@pytest.fixture
def call(capsys: pytest.CaptureFixture[str]) -> Iterator[Call]:
    """Run a command and look at its exit code."""

    def called(*arguments: str, code: int = 0) -> list[str]:
        found = run(arguments)
        captured = capsys.readouterr()
        assert found == code, captured.err
        return captured.out.splitlines()

    with restored_logs():
        yield called


def town(**zones: str) -> str:
    """Write a town file; each keyword is a device, its value the zone."""
    lines = [
        f'[[zones]]\nname = "{zone}"\nchain = [{{ tier = "village", unit = "{zone}" }}]'
        for zone in ("north", "south")
    ]
    lines += [
        f'[[devices]]\nid = "{device}"\nkind = "pillar"\nzone = "{zone}"\nlon = 104.1\nlat = 30.5'
        for device, zone in zones.items()
    ]
    Path("town.toml").write_text("\n".join(lines if zones else [*lines, "devices = []"]), encoding="utf-8")
    return "town.toml"


def hotlist(*entry_ids: str) -> str:
    entries = [
        f'[[entries]]\nentry_id = "{entry_id}"\nplate_text = "{PLATE}"\njurisdiction = "CN"\n'
        'purpose = "stolen_vehicle"\nauthority = "County police"\ncase_ref = "2031-1"\n'
        'entered_by = "Desk 4"\nexpires_at = 2020-01-01T00:00:00Z'
        for entry_id in entry_ids
    ]
    Path("list.toml").write_text("\n".join(entries) or "entries = []", encoding="utf-8")
    return "list.toml"


def shown(call: Call, topic: str, *options: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in call("tail", topic, "--json", "--no-follow", *options)]


def devices_told(call: Call) -> list[tuple[str, str, bool]]:
    """The device records of the log in the order they were written: device, zone, whether it left."""
    lines = [line for line in shown(call, FUSION_INPUT) if line["record"]["kind"] == "device"]
    payloads = sorted(
        (line["record"]["payload"] for line in lines),
        key=lambda payload: (payload["revision"], not payload["removed"], payload["device_id"]),
    )
    return [(payload["device_id"], payload["zone"], payload["removed"]) for payload in payloads]


def test_before_the_topics_are_there_an_apply_says_so(call: Call, empty_broker: KafkaConfig) -> None:
    call("registry", "apply", town(a="north"), code=66)
    call("tail", FUSION_INPUT, "--json", "--no-follow", code=66)


def test_topics_are_made_once(call: Call, empty_broker: KafkaConfig) -> None:
    assert call("topics", "apply")
    assert call("topics", "apply") == ["the topics are as the catalogue says"]


def test_a_dry_run_shows_the_difference_and_writes_nothing(call: Call, broker: KafkaConfig) -> None:
    assert call("registry", "apply", town(a="north"), "--dry-run") == ["added    a  pillar in north"]
    assert shown(call, REGISTRY) == shown(call, FUSION_INPUT) == []


def test_a_registry_is_told_to_the_log_and_not_written_twice(call: Call, broker: KafkaConfig) -> None:
    assert call("registry", "apply", town(a="north", b="south"))[-1].startswith("applied as revision ")
    assert call("registry", "apply", town(a="north", b="south")) == ["no difference, nothing written"]
    assert devices_told(call) == [("a", "north", False), ("b", "south", False)]
    assert [line["key"] for line in shown(call, REGISTRY)] == ["a", "b"]
    for line in shown(call, FUSION_INPUT):
        if line["record"]["kind"] == "device":
            assert line["key"] == line["record"]["zone"]
            assert line["partition"] == partition_of(line["key"], LOG_PARTITIONS)


def feeds_told(broker: KafkaConfig) -> list[tuple[int, ExpectedFeeds]]:
    """The expected feeds in the log, with their partitions, by revision."""
    records = [
        (record.partition, decode(record.value, FusionInput)) for record in read_all(broker, FUSION_INPUT)
    ]
    told = [
        (partition, decode(found.payload, ExpectedFeeds))
        for partition, found in records
        if found.kind is InputKind.EXPECTED_FEEDS
    ]
    return sorted(told, key=lambda each: (each[1].revision, each[0]))


def test_every_partition_is_told_which_feeds_are_expected_whenever_something_is_written(
    call: Call, broker: KafkaConfig
) -> None:
    call("registry", "apply", town(a="north"))
    call("registry", "apply", town(a="north"))
    Path("town.toml").write_text(
        Path("town.toml").read_text("utf-8") + "\nheartbeat_s = 60", encoding="utf-8"
    )
    call("registry", "apply", "town.toml")
    call("registry", "apply", "town.toml", "--all")
    told = feeds_told(broker)
    assert [partition for partition, _ in told] == list(range(LOG_PARTITIONS)) * 3
    assert [feeds.topics for _, feeds in told[::LOG_PARTITIONS]] == [(), (PILLAR_EVENTS,), (PILLAR_EVENTS,)]
    assert {feeds.revision for _, feeds in told} == {
        line["record"]["revision"] for line in shown(call, REGISTRY)
    }


def test_a_device_that_moves_leaves_first_and_one_that_goes_leaves_a_tombstone(
    call: Call, broker: KafkaConfig
) -> None:
    call("registry", "apply", town(a="north", b="south"))
    said = call("registry", "apply", town(a="south"))
    assert said[:2] == ["moved    a  north to south", "removed  b  pillar in south"]
    assert devices_told(call)[2:] == [("a", "north", True), ("b", "south", True), ("a", "south", False)]
    written = [(line["key"], line["record"] is None) for line in shown(call, REGISTRY)]
    assert written == [("a", False), ("b", False), ("b", True), ("a", False)]


def test_on_demand_every_device_is_told_again(call: Call, broker: KafkaConfig) -> None:
    call("registry", "apply", town(a="north", b="south"))
    said = call("registry", "apply", town(a="north", b="south", c="south"), "--all")
    assert said[:2] == ["added    c  pillar in south", "again    2 devices as they were"]
    told = devices_told(call)
    assert told[:2] == [("a", "north", False), ("b", "south", False)]
    assert sorted(told[2:]) == [("a", "north", False), ("b", "south", False), ("c", "south", False)]
    revisions = [line["record"]["revision"] for line in shown(call, REGISTRY)]
    assert len(set(revisions[2:])) == 1
    assert revisions[2] > revisions[0]


def test_a_record_that_nobody_can_read_is_mended(call: Call, broker: KafkaConfig) -> None:
    publish(broker, [ProducerRecord(REGISTRY, b"a", b"poison"), ProducerRecord(REGISTRY, b"\xff", b"poison")])
    assert len(call("registry", "apply", town(a="south"))) == 4
    assert call("registry", "apply", town(a="south")) == ["no difference, nothing written"]


def test_a_policy_reaches_every_partition(call: Call, broker: KafkaConfig) -> None:
    Path("policy.toml").write_text("reach_m = 150", encoding="utf-8")
    assert call("policy", "apply", "policy.toml")[-1].endswith(f"to {LOG_PARTITIONS} partitions")
    told = shown(call, FUSION_INPUT)
    assert sorted(line["partition"] for line in told) == list(range(LOG_PARTITIONS))
    assert len({line["record"]["event_id"] for line in told}) == 1
    assert {(line["record"]["kind"], line["key"], line["record"]["zone"]) for line in told} == {
        ("policy", "", "")
    }


def policy(text: str) -> str:
    Path("policy.toml").write_text(text, encoding="utf-8")
    return "policy.toml"


def policies_told(call: Call) -> list[int]:
    """The partitions that policies were written to."""
    told = [line for line in shown(call, FUSION_INPUT) if line["record"]["kind"] == "policy"]
    return sorted(line["partition"] for line in told)


def test_what_a_policy_changes_is_printed_first_and_nothing_is_written_where_nothing_changes(
    call: Call, broker: KafkaConfig
) -> None:
    assert call("policy", "apply", policy(""))[0] == "no difference"
    assert call("policy", "apply", policy("reach_m = 150"))[0] == "changes  reach_m: 200 -> 150"
    assert call("policy", "apply", policy("reach_m = 150"))[-1] == "nothing written"
    assert policies_told(call) == list(range(LOG_PARTITIONS))
    said = call("policy", "apply", policy("bounce_ms = 2000"))
    assert said[:2] == ["changes  bounce_ms: 3000 -> 2000", "changes  reach_m: 150 -> 200"]


def test_a_policy_is_written_anew_on_demand(call: Call, broker: KafkaConfig) -> None:
    said = call("policy", "apply", policy(""), "--force")
    assert said[0] == "no difference"
    assert said[-1].endswith(f"to {LOG_PARTITIONS} partitions")
    assert policies_told(call) == list(range(LOG_PARTITIONS))


def test_a_dry_run_shows_what_a_policy_changes_and_writes_nothing(call: Call, broker: KafkaConfig) -> None:
    said = call("policy", "apply", policy("reach_m = 150"), "--dry-run")
    assert said[-1] == "changes  reach_m: 200 -> 150"
    assert policies_told(call) == []


def test_the_policy_in_force_is_shown_as_the_file_that_apply_reads(call: Call, broker: KafkaConfig) -> None:
    assert "the default, none was applied" in call("policy", "show")[0]
    applied = call("policy", "apply", policy("reach_m = 150"))
    lines = call("policy", "show")
    assert lines[0].split()[2].rstrip(",") == applied[1].split()[1]
    assert "reach_m = 150" in lines
    assert call("policy", "apply", policy("\n".join(lines)))[0] == "no difference"
    as_json = json.loads(call("policy", "show", "--json")[0])
    assert applied[-1].startswith(f"applied as revision {as_json['revision']} ")
    assert as_json["policy"]["reach_m"] == 150


def test_an_apply_that_was_interrupted_is_seen_as_a_difference(call: Call, broker: KafkaConfig) -> None:
    sent: list[ProducerRecord] = []

    def interrupted(kafka: KafkaConfig, records: Sequence[ProducerRecord]) -> None:
        if sent:
            raise DeliveryFailed("gone")
        sent.extend(records)
        publish(kafka, records)

    record = policy_record(FusionPolicy(reach_m=150), revision=1)
    with pytest.raises(DeliveryFailed):
        put_in_force(broker, record, LOG_PARTITIONS, interrupted)
    assert policies_told(call) == list(range(1, LOG_PARTITIONS))
    assert call("policy", "apply", policy("reach_m = 150"))[0] == "changes  reach_m: 200 -> 150"


def test_a_policy_is_applied_also_where_the_log_is_broken_and_no_difference_can_be_shown(
    call: Call, broker: KafkaConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_arguments: object, **_options: object) -> State:
        raise LogBroken("nothing to begin with")

    monkeypatch.setattr("callbox.policy.in_force.restore", broken)
    assert call("policy", "apply", policy("reach_m = 150"))[0] == "the difference cannot be shown"
    assert policies_told(call) == list(range(LOG_PARTITIONS))
    call("policy", "show", code=70)


def test_a_hotlist_is_renewed_as_a_whole_and_shows_no_plate(
    call: Call, broker: KafkaConfig, capsys: pytest.CaptureFixture[str]
) -> None:
    said = call("hotlist", "apply", hotlist("h1", "h2"))
    said += call("hotlist", "apply", hotlist("h2", "h3"))
    assert said == [
        "2 entries: 2 new, 0 renewed, 0 withdrawn",
        "2 expired: never a match",
        "applied",
        "2 entries: 1 new, 1 renewed, 1 withdrawn",
        "2 expired: never a match",
        "applied",
    ]
    written = [(record.key, record.value is None) for record in read_all(broker, HOTLIST)]
    assert written == [(b"h1", False), (b"h2", False), (b"h1", True), (b"h2", False), (b"h3", False)]
    assert PLATE not in "".join(said)


def test_poison_is_shown_by_its_cause_and_the_rest_goes_on(call: Call, broker: KafkaConfig) -> None:
    publish(broker, [ProducerRecord(PILLAR_EVENTS, b"p", b"poison"), press("p")])
    first, second = shown(call, PILLAR_EVENTS)
    assert first["record"] == {"undecodable": "undecodable"}
    assert second["record"]["kind"] == "press"


def test_a_limit_an_incident_and_a_time_choose(call: Call, broker: KafkaConfig) -> None:
    publish(broker, [press("one"), press("other"), press("other")])
    assert len(shown(call, PILLAR_EVENTS, "--limit", "1")) == 1
    assert len(shown(call, PILLAR_EVENTS, "--incident", "other")) == 2
    assert shown(call, PILLAR_EVENTS, "--from", "2999-01-01T00:00:00Z") == []
    assert len(shown(call, PILLAR_EVENTS, "--from", "-1h")) == 3


def test_people_get_a_line_that_moves_no_cursor(call: Call, broker: KafkaConfig) -> None:
    publish(broker, [press("evil\x1b[2J\x9b2J")])
    (said,) = call("tail", PILLAR_EVENTS, "--no-follow")
    assert "evil" in said
    assert not {"\x1b", "\x9b"} & set(said)


def test_following_shows_what_comes_and_ends_well_on_ctrl_c(broker: KafkaConfig) -> None:
    publish(broker, [press("earlier")])
    with following() as process:
        assert process.stdout is not None
        assert json.loads(process.stdout.readline())["key"] == "earlier"
        publish(broker, [press("later")])
        assert json.loads(process.stdout.readline())["key"] == "later"
        process.send_signal(signal.SIGINT)
        assert process.wait(20) == 0


def test_a_reader_that_leaves_ends_the_following_well(broker: KafkaConfig) -> None:
    publish(broker, [press("earlier")])
    with following() as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.readline()
        process.stdout.close()
        publish(broker, [press("later")])
        assert process.wait(20) == 0
        assert process.stderr.read() == ""


def following() -> "subprocess.Popen[str]":
    command = [*START, "tail", PILLAR_EVENTS, "--json", "--from", "-1h"]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def press(device_id: str) -> ProducerRecord:
    at = now_ms()
    event = PillarEvent(device_id=device_id, kind=PillarKind.PRESS, occurred_at=at, received_at=at)
    return ProducerRecord(PILLAR_EVENTS, device_id.encode(), encode(event))
