import pytest

from processors.lifecycle import TRANSITIONS, Step, after, device_cancel
from schemas.enums import Grade, IncidentState


def test_every_step_of_the_table_leads_to_where_the_table_says() -> None:
    assert {arrow: after(*arrow) for arrow in TRANSITIONS} == TRANSITIONS


@pytest.mark.parametrize("step", list(Step))
@pytest.mark.parametrize("state", [IncidentState.CLOSED, IncidentState.CANCELLED])
def test_nothing_happens_to_an_incident_that_is_over(state: IncidentState, step: Step) -> None:
    with pytest.raises(KeyError):
        after(state, step)


@pytest.mark.parametrize("grade", [Grade.RED, Grade.UNKNOWN])
def test_a_device_ends_neither_a_red_nor_what_may_be_one(grade: Grade) -> None:
    assert device_cancel(grade) is Step.CANCEL_ASKED


def test_a_device_ends_a_yellow_and_a_blue() -> None:
    assert {device_cancel(grade) for grade in (Grade.YELLOW, Grade.BLUE)} == {Step.CANCEL}
