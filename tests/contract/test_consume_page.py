"""What docs/consume.md says of acknowledgements is what the fold does with them."""

import re

from callbox.incidents.lines import REJECTIONS
from processors.incident.lifecycle import TRANSITIONS
from processors.rules.ack import ACK_RULES
from schemas.ack import Acknowledgement
from tests.support.paths import ROOT

PAGE = (ROOT / "docs" / "consume.md").read_text("utf-8")
SECTION = PAGE.split("## Say what is done about it\n", 1)[1].split("\n## ", 1)[0]


def table(heading: str) -> list[list[set[str]]]:
    """The names that stand as code in each cell, by row, of the table with this first heading."""
    lines = SECTION.split(f"| {heading} |", 1)[1].splitlines()[2:]
    rows = [line for line in lines[: lines.index("")] if line.startswith("|")]
    return [[set(re.findall(r"`([^`]+)`", cell)) for cell in row.strip("|").split("|")] for row in rows]


def test_every_field_of_an_acknowledgement_is_told() -> None:
    assert [row[0] for row in table("field")] == [{name} for name in Acknowledgement.__struct_fields__]


def test_every_action_is_told_with_what_it_needs() -> None:
    told = {next(iter(row[0])): "reason" in row[4] for row in table("action")}
    assert told == {action.value: rule.needs_reason for action, rule in ACK_RULES.items()}


def test_every_action_is_told_with_the_states_in_which_it_is_possible() -> None:
    steps = {
        action.value: {str(state) for state in TRANSITIONS[rule.transition]}
        for action, rule in ACK_RULES.items()
    }
    told = {next(iter(row[0])): row[2] for row in table("action")}
    in_words = {"on_scene", "cancel", "regrade"}  # "the same", "any that is open", "any but …"
    assert steps["on_scene"] == steps["en_route"]
    for action in steps.keys() - in_words:
        assert told[action] == steps[action], action


def test_every_rejection_is_told() -> None:
    told = {name for row in table("rejected with") for name in row[0]}
    assert told == {reason.value for reason in REJECTIONS}
