"""The tests of one file: `python -m tests.support.which processors/incident/merge.py`, for `make test FILE=…`.

Its mirrored tests, every test file that imports it, and every test file that imports a helper in tests/support which
imports it: one level through, since a helper of a helper leads to nearly every test. A file without a mirrored test
is tested through the modules that import it: then also theirs.
"""

import argparse
import sys
from collections.abc import Mapping
from pathlib import Path

from tests.support.paths import ROOT
from tests.support.shape import is_test, mirrored
from tests.support.source_tree import EVERYTHING, TESTS, Module, imports_of, modules


class NoTests(LookupError):
    """Nothing tests the file, or the file is not there."""


def files_that_test(path: str, known: Mapping[str, Module]) -> list[str]:
    """Test files, from the root of the repository, that test the file at a path; a test file is its own test.

    Raises:
        NoTests: No known module has that path, or no test file leads to it.
    """
    wanted = next((module for module in known.values() if module.path == path), None)
    if wanted is None:
        raise NoTests(
            f"{path} is no Python file of the tree; paths are given from the root of the repository"
        )
    if is_test(wanted):
        return [path]
    tests = [module for module in known.values() if is_test(module)]
    named = {test.path: mirrored(test.path, known.values()) for test in tests}
    users = [module for module in known.values() if wanted.name in imports_of(module, known)]
    helpers = {module.name for module in users if module.path.startswith(f"{TESTS}/support/")}
    after = {path} if path in named.values() else {module.path for module in users}
    found = {
        test.path
        for test in tests
        if named[test.path] in after or not imports_of(test, known).isdisjoint({wanted.name, *helpers})
    }
    if not found:
        raise NoTests(
            f"no test imports {wanted.name}, and none is named after it or after a module that imports it"
        )
    return sorted(found)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.support.which", description=__doc__)
    parser.add_argument("file", help="a Python file, from the root of the repository or absolute")
    path = (ROOT / Path(parser.parse_args().file)).relative_to(ROOT).as_posix()
    try:
        found = files_that_test(path, modules(*EVERYTHING))
    except NoTests as error:
        sys.exit(str(error))
    sys.stdout.write(" ".join(found) + "\n")


if __name__ == "__main__":
    main()
