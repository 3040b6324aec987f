"""Every file of the field's corpus, folded: what must come out, and the same again from a snapshot in the middle."""

from pathlib import Path

import pytest

from tests.support.field_file import read_field_file
from tests.support.field_inputs import folded
from tests.support.field_judge import is_equal_from_a_snapshot, problems_of

FILES = sorted(Path(__file__).parent.glob("*.toml"))


@pytest.mark.parametrize("file", FILES, ids=[file.stem for file in FILES])
def test_what_the_field_did_comes_out_as_the_rules_say(file: Path) -> None:
    run = folded(read_field_file(file))
    problems = problems_of(run)
    if not is_equal_from_a_snapshot(run):
        problems.append("another worker that takes over in the middle publishes something else")
    assert not problems, "\n".join([f"{' '.join(run.file.rules)}: {run.file.why}", *problems])


def test_every_file_names_its_rule_first() -> None:
    wrong = [
        file.name
        for file in FILES
        if not file.name.startswith(f"f{int(read_field_file(file).rules[0][1:]):02}-")
    ]
    assert not wrong


def test_every_rule_has_a_file() -> None:
    found = {rule for file in FILES for rule in read_field_file(file).rules}
    assert {f"F{number}" for number in range(1, 22)} <= found
