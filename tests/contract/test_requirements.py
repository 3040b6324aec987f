"""docs/requirements.md: every requirement is there, with tests that exist or "not yet"."""

import re

import pytest

from tests.support.documents import rows, text_of
from tests.support.paths import ROOT

PAGE = text_of(ROOT / "docs/requirements.md")
ACCEPTANCE = [*map(str, range(1, 9)), "8a", *map(str, range(9, 17))]
REQUIREMENTS = [
    *ACCEPTANCE,
    *map(str, range(17, 38)),
    *(f"F{number}" for number in range(1, 23)),
    *(f"S{number}" for number in range(1, 6)),
]
ROWS = {row[0]: row[1:] for row in rows(PAGE) if re.fullmatch(r"[FS]?\d+a?", row[0])}
STANDARDS = {row[0]: row[1] for row in rows(PAGE, "## Standards")[1:]}
TEST = re.compile(r"`(tests/[\w/]+\.py(?:::\w+)?)`")


def named_tests(number: str) -> list[str]:
    return TEST.findall(ROWS[number][1])


def assert_there(test: str) -> None:
    path, _, name = test.partition("::")
    source = text_of(ROOT / path)
    assert not name or re.search(rf"^(async )?def {name}\(", source, re.MULTILINE), test


def test_every_requirement_is_there_in_order() -> None:
    assert list(ROWS) == REQUIREMENTS
    assert all(len(said) > 10 for said, _ in ROWS.values())


@pytest.mark.parametrize("number", REQUIREMENTS)
def test_a_requirement_has_tests_that_exist_or_is_not_there_yet(number: str) -> None:
    tests = named_tests(number)
    assert tests or ROWS[number][1].startswith("not yet"), number
    for test in tests:
        assert_there(test)


@pytest.mark.parametrize("standard", STANDARDS)
def test_a_standard_has_tests_that_exist_or_says_what_is_not_there_yet(standard: str) -> None:
    tests = TEST.findall(STANDARDS[standard])
    assert tests or "Not yet" in STANDARDS[standard]
    for test in tests:
        assert_there(test)


def test_nothing_stands_outside_of_the_tables_that_would_need_a_test() -> None:
    assert re.findall(r"^- ", PAGE, re.MULTILINE) == []


@pytest.mark.parametrize("number", ACCEPTANCE)
def test_the_tests_of_the_first_sixteen_carry_their_number(number: str) -> None:
    tests = named_tests(number)
    assert tests
    prefix = f"test_req_{'08a' if number == '8a' else number.zfill(2)}_"
    for test in tests:
        assert test.partition("::")[2].startswith(prefix), test


def test_no_acceptance_test_has_a_number_that_is_no_requirement() -> None:
    sources = "\n".join(text_of(path) for path in (ROOT / "tests/acceptance").glob("test_*.py"))
    numbers = re.findall(r"^def test_req_(\w+?)_", sources, re.MULTILINE)
    assert {number.removeprefix("0") for number in numbers} == set(ACCEPTANCE)
