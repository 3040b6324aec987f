"""The latency of a run is that of its presses."""

from callbox.demo.result import latency_of, press_to_alert_ms
from schemas.units import EpochMs
from tests.support.demo_run import alerts
from tests.support.log_records import START


def test_latency_counts_presses_only() -> None:
    press, cancel, test = (placed.alert for placed in alerts())
    assert press_to_alert_ms(press, EpochMs(START + 1040)) == 40
    assert press_to_alert_ms(cancel, EpochMs(START + 5040)) is None
    assert press_to_alert_ms(test, EpochMs(START + 8040)) is None
    assert latency_of([cancel, test], {}) is None
