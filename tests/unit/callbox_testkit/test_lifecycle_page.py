"""The drawing of the life of an incident is that of its table."""

from callbox_testkit.lifecycle_page import page
from processors.incident.lifecycle import OPEN, TRANSITIONS
from tests.support.paths import ROOT


def test_the_document_is_what_the_table_gives() -> None:
    assert (ROOT / "docs/reference/lifecycle.md").read_text("utf-8") == page()


def test_every_transition_and_every_open_state_is_on_the_page() -> None:
    text = page()
    assert [name for name in (*TRANSITIONS, *OPEN) if name not in text] == []
