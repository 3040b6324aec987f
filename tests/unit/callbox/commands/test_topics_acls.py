"""`callbox topics acls` lets a gateway with a topic of its own write that one and no other."""

from types import SimpleNamespace

from click.testing import CliRunner

from callbox.commands.topics import topics
from schemas.topics import ACK_RESULTS, ALERTS, PILLAR_EVENTS, TEST_ALERTS, ack_topic, pillar_topic
from streams.worker.settings import AckSettings, PillarSettings, RuntimeSettings


def printed(*options: str) -> list[str]:
    config = SimpleNamespace(
        runtime=RuntimeSettings(),
        acknowledgements=AckSettings(organisations={"village-7": ()}),
        pillars=PillarSettings(gateways=("gw-1", "gw-2")),
    )
    run = CliRunner().invoke(topics, ["acls", *options], obj=SimpleNamespace(config=config))
    assert run.exit_code == 0, run.output
    return run.output.splitlines()


def test_a_gateway_may_write_its_own_topic_and_nothing_else() -> None:
    mine = [line for line in printed() if "User:gateway-gw-1 " in line]
    assert mine == [
        f"--add --allow-principal User:gateway-gw-1 --operation Write --topic {pillar_topic('gw-1')}"
    ]
    assert any("User:panel-gw-2 " in line for line in printed("--gateway-prefix", "panel-"))


def test_an_organisation_writes_its_own_topic_and_reads_in_groups_of_its_own_name() -> None:
    lines = [line for line in printed() if "User:dispatch-village-7 " in line]
    written, read, groups = lines
    assert written.endswith(f"--operation Write --topic {ack_topic('village-7')}")
    assert {ACK_RESULTS, ALERTS, TEST_ALERTS} <= set(read.split())
    assert groups.endswith("--operation Read --group dispatch-village-7 --resource-pattern-type prefixed")


def test_alarms_may_read_the_topics_of_all_gateways_and_write_none() -> None:
    (reads,) = [line for line in printed() if "User:callbox-alarms --operation Read --topic" in line]
    assert {PILLAR_EVENTS, pillar_topic("gw-1"), pillar_topic("gw-2")} <= set(reads.split())
    writes = [line for line in printed() if "User:callbox-alarms --operation Write" in line]
    assert not any(pillar_topic("gw-1") in line.split() for line in writes)


def test_each_gateway_and_organisation_of_the_config_has_a_quota_like_the_others() -> None:
    by_user = {line.rsplit(" ", 1)[-1]: line.rsplit(" ", 1)[0] for line in printed("--quotas")}
    assert by_user["gateway-gw-1"] == by_user["gateway-gw-2"] == by_user["gateway"]
    assert by_user["dispatch-village-7"] == by_user["dispatch"]
