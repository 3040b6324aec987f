"""docs/security.md names every attack that is tried, and nothing that is not there."""

import re

from tests.support.documents import text_of
from tests.support.paths import ROOT

PAGE = text_of(ROOT / "docs/security.md")
TRIED = {path.relative_to(ROOT).as_posix() for path in (ROOT / "tests/hostile").glob("test_*.py")}


def test_every_attack_that_is_tried_has_a_row() -> None:
    assert {name for name in TRIED if f"`{name}`" not in PAGE} == set()


def test_every_row_names_a_test_that_is_there() -> None:
    rows = [row for row in PAGE.splitlines() if row.startswith("| ") and not row.startswith("| boundary")]
    assert len(rows) > 15
    for row in rows:
        named = re.findall(r"`(tests/[\w/]+\.py)`", row)
        assert named, row
        assert set(named) <= TRIED, row


def test_it_says_what_is_not_protected_and_how_to_report() -> None:
    assert "## What is not protected" in PAGE
    assert "## Report something" in PAGE
