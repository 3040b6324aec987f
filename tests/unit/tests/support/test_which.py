"""Which tests `make test FILE=…` runs for a file."""

import pytest

from tests.support.source_tree import EVERYTHING, Module, modules
from tests.support.which import NoTests, files_that_test

SOURCES = {
    "processors/plates/ctc.py": "",
    "processors/plates/ctc_beam.py": "",
    "processors/plates/consensus.py": "from processors.plates.ctc import decode",
    "processors/plates/lone.py": "",
    "streams/workers/plates.py": "from processors.plates import consensus",
    "tests/support/plates_harness.py": "from processors.plates.ctc import decode",
    "tests/support/town.py": "from tests.support.plates_harness import made",
    "tests/unit/processors/plates/test_ctc.py": "",
    "tests/unit/processors/plates/test_ctc_ties.py": "",
    "tests/unit/processors/plates/test_ctc_beam.py": "",
    "tests/unit/streams/workers/test_plates.py": "",
    "tests/acceptance/test_reads.py": "from tests.support.plates_harness import made",
    "tests/acceptance/test_towns.py": "from tests.support.town import founded",
    "tests/property/test_laws.py": "def test_it() -> None:\n    import processors.plates.ctc",
    "tests/property/test_faults.py": 'BROKEN = "processors.plates.ctc.decode"',
}
"""A small tree: path and text."""


def tree() -> dict[str, Module]:
    found = [Module(path.removesuffix(".py").replace("/", "."), path, text) for path, text in SOURCES.items()]
    return {module.name: module for module in found}


def test_a_file_is_tested_by_its_mirrored_tests_its_importers_and_those_of_a_helper() -> None:
    assert files_that_test("processors/plates/ctc.py", tree()) == [
        "tests/acceptance/test_reads.py",
        "tests/property/test_faults.py",
        "tests/property/test_laws.py",
        "tests/unit/processors/plates/test_ctc.py",
        "tests/unit/processors/plates/test_ctc_ties.py",
    ]


def test_the_longer_of_two_names_has_the_test() -> None:
    assert files_that_test("processors/plates/ctc_beam.py", tree()) == [
        "tests/unit/processors/plates/test_ctc_beam.py"
    ]


def test_without_a_mirrored_test_those_of_the_importing_modules_are_run() -> None:
    assert files_that_test("processors/plates/consensus.py", tree()) == [
        "tests/unit/streams/workers/test_plates.py"
    ]


def test_a_test_is_its_own_test() -> None:
    own = "tests/unit/processors/plates/test_ctc.py"
    assert files_that_test(own, tree()) == [own]


@pytest.mark.parametrize("path", ["processors/plates/lone.py", "processors/plates/gone.py", "README.md"])
def test_a_file_without_any_test_is_an_error_that_names_it(path: str) -> None:
    with pytest.raises(NoTests, match=path.removesuffix(".py").rpartition("/")[2]):
        files_that_test(path, tree())


def test_in_the_repository_the_merge_of_incidents_is_tested_by_the_rules_that_merge() -> None:
    found = files_that_test("processors/incident/merge.py", modules(*EVERYTHING))
    assert "tests/unit/processors/rules/test_press.py" in found
