"""The totals of a run are counted by topic and reason."""

from callbox.demo.report.totals import came_out, went_in
from tests.support.demo_run import run_result


def test_totals_are_by_topic_and_reason() -> None:
    assert [total.records for total in went_in(run_result())] == [2]
    assert (("dispatch.alert.v1", "red", "update", "cancel_requested"), 1) in came_out(run_result())
