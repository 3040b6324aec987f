"""A storm is the same twice, is quiet where the broker is away, and its presses are reds of their own."""

from msgspec.structs import asdict

from benchmarks.storms.site import County
from benchmarks.storms.storm import STORMS, Storm, run
from schemas.enums import Grade, Hazard

BROKER = Storm(County(zones=4, pillars=5), 1_500, 1_200, away=(600, 1_200), presses=10)


def test_a_storm_is_the_same_twice() -> None:
    first, second = run(BROKER), run(BROKER)
    assert [asdict(told.alert) for told in first.told] == [asdict(told.alert) for told in second.told]


def test_nothing_is_appended_while_the_broker_is_away() -> None:
    log = run(BROKER)
    assert not [record for record in log.folded if 600 <= record.at_s < 1_200]
    assert [record for record in log.folded if record.at_s == 1_200]


def test_every_press_is_a_red_of_its_own() -> None:
    reds = [told.alert for told in run(BROKER).told if told.alert.grade is Grade.RED]
    assert len({alert.incident_id for alert in reds}) == BROKER.presses
    assert {alert.hazard for alert in reds} == {Hazard.EMERGENCY_CALL}


def test_each_storm_has_630_presses_and_time_to_end() -> None:
    assert {storm.presses for storm in STORMS.values()} == {630}
    assert all(storm.presses_at_s + 1_200 < storm.lasts_s for storm in STORMS.values())
