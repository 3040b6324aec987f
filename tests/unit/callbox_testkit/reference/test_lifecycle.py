"""The drawing of the life of an incident is that of its table."""

from callbox_testkit.reference.lifecycle import lifecycle_page
from processors.incident.lifecycle import OPEN, TRANSITIONS


def test_every_transition_and_every_open_state_is_on_the_lifecycle_page() -> None:
    text = lifecycle_page()
    assert [name for name in (*TRANSITIONS, *OPEN) if name not in text] == []
