"""How the tree looks, in figures: `python -m tests.support.shape [--json]`.

Modules are files of the product without the `__init__` of packages, except where a line says what else is counted.
The figures are for people who decide what to move; no test fails for one of them.
"""

import argparse
import ast
import json
import sys
from collections import Counter
from collections.abc import Callable, Iterable
from itertools import pairwise
from statistics import median, quantiles
from types import FrameType
from typing import Any

from processors.fold.reducer import fold
from tests.support.log_records import ZONE, entry, envelope, fact, ms
from tests.support.source_tree import BESIDES, EVERYTHING, PRODUCT, TESTS, Module, modules, users_of
from tests.support.timeline import Timeline

LONG_FUNCTION = 40
"""Lines; a longer function no longer fits a screen."""


def shape() -> dict[str, Any]:
    """Every figure."""
    product = files(PRODUCT)
    everything = files(EVERYTHING)
    return {
        "modules": len(product),
        "modules_by_package": by_package([*product, *files(BESIDES)]),
        "lines": lines(product),
        "functions_over_40_lines": long_functions([*product, *files(BESIDES)]),
        "modules_with_one_user": with_one_user(),
        "press": press_through_the_fold(),
        "monkeypatch_setattr": sum(patches(module) for module in everything if is_below(module, TESTS)),
        "unit_tests_without_a_mirrored_name": without_a_mirror(everything),
    }


def files(packages: Iterable[str]) -> list[Module]:
    return [module for module in modules(*packages).values() if not module.is_package]


def is_below(module: Module, *folders: str) -> bool:
    return module.path.startswith("/".join(folders) + "/")


def by_package(found: Iterable[Module]) -> dict[str, int]:
    """Modules a package of the second level; those that stand beside such packages count for the first level."""
    return dict(sorted(Counter(".".join(module.name.split(".")[:-1][:2]) for module in found).items()))


def lines(found: Iterable[Module]) -> dict[str, float]:
    counts = [module.lines for module in found]
    return {"median": median(counts), "p90": round(quantiles(counts, n=10)[-1]), "max": max(counts)}


def long_functions(found: Iterable[Module]) -> list[str]:
    """`path:line name (lines)` of each function that is too long, the longest first."""
    long = [
        (length, f"{module.path}:{node.lineno} {node.name} ({length})")
        for module in found
        for node in ast.walk(module.syntax)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and (length := (node.end_lineno or node.lineno) - node.lineno + 1) > LONG_FUNCTION
    ]
    return [told for _, told in sorted(long, key=lambda each: (-each[0], each[1]))]


def with_one_user() -> list[str]:
    """`module <- user` of each module of the product that exactly one other module of the product imports.

    One that a bench or the test kit imports too has more than one user, and is not listed. Tests are no users.
    """
    users = users_of(modules(*PRODUCT, *BESIDES))
    product = {module.name for module in files(PRODUCT)}
    return [f"{name} <- {next(iter(users[name]))}" for name in sorted(product) if len(users[name]) == 1]


def press_through_the_fold() -> dict[str, int]:
    """What the first press of a registered pillar runs through.

    The press is folded by `processors.fold.reducer.fold` with sys.setprofile on. Each call and each return of a
    Python function of `processors` is one event, and belongs to the module that the function is written in.
    A switch is two successive events of different modules; it is counted over both, and over calls alone. Nothing of
    `schemas` (the codec) is an event: a call that goes there and comes back is no switch.
    """
    Timeline().press(1)  # what is kept between presses is there
    timeline = Timeline()
    pressed = entry(envelope(fact(at_s=1), zone=ZONE), offset=timeline.state.offset, append_ms=ms(1))
    events = profiled(lambda: fold(timeline.state, pressed))
    visited = [module for kind, module in events if module.split(".")[0] == "processors"]
    return {
        "modules": len(set(visited)),
        "calls": sum(kind == "call" for kind, module in events if module.startswith("processors.")),
        "switches": switches(visited),
        "switches_between_calls": switches(
            [module for kind, module in events if kind == "call" and module.startswith("processors.")]
        ),
    }


def profiled(work: Callable[[], object]) -> list[tuple[str, str]]:
    """Kind and module of each call and return within the decisions and the schemas, in order."""
    events: list[tuple[str, str]] = []

    def watch(frame: FrameType, event: str, _argument: object) -> None:
        module = frame.f_globals.get("__name__", "")
        if event in {"call", "return"} and module.split(".")[0] in {"processors", "schemas"}:
            events.append((event, module))

    sys.setprofile(watch)
    try:
        work()
    finally:
        sys.setprofile(None)
    return events


def switches(visited: list[str]) -> int:
    return sum(before != after for before, after in pairwise(visited))


def patches(module: Module) -> int:
    """Calls of `setattr` on a monkeypatch or its context, whatever it is called; the builtin is none."""
    return sum(
        isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "setattr"
        for node in ast.walk(module.syntax)
    )


def without_a_mirror(everything: Iterable[Module]) -> list[str]:
    """Test files below tests/unit whose path is not that of a module: `a/b.py` has `tests/unit/a/test_b*.py`."""
    found = list(everything)
    return [
        module.path
        for module in found
        if is_below(module, TESTS, "unit") and is_test(module) and mirrored(module.path, found) is None
    ]


def is_test(module: Module) -> bool:
    return is_below(module, TESTS) and module.path.rpartition("/")[2].startswith("test_")


def mirrored(test: str, known: Iterable[Module]) -> str | None:
    """The file that a test below tests/unit is named after: of several that fit, the one with the longest name."""
    folder, _, name = test.removeprefix("tests/unit/").removesuffix(".py").rpartition("/")
    stem = name.removeprefix("test_")
    named = [
        module.path
        for module in known
        if module.path.rpartition("/")[0] == folder
        and (stem + "_").startswith(module.path.rpartition("/")[2].removesuffix(".py") + "_")
        and not is_test(module)
    ]
    return max(named, key=len, default=None)


def as_text(told: dict[str, Any]) -> str:
    """One line a figure, lists indented below theirs."""
    written = []
    for name, value in told.items():
        match value:
            case dict():
                pairs = [f"    {key}: {each}" for key, each in value.items()]
                written += [name, *pairs]
            case list():
                written += [f"{name}: {len(value)}", *(f"    {each}" for each in value)]
            case _:
                written.append(f"{name}: {value}")
    return "\n".join(written)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.support.shape", description=__doc__)
    parser.add_argument("--json", action="store_true", help="one JSON object in place of lines")
    told = shape()
    sys.stdout.write((json.dumps(told) if parser.parse_args().json else as_text(told)) + "\n")


if __name__ == "__main__":
    main()
