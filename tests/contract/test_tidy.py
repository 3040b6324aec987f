"""The house stays as it was left: names, constants, references and numbers, looked for in the text of the tree."""

import ast
import re
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from pathlib import Path

import pytest

from tests.support.former_words import MODULES, NAMES, WORDS
from tests.support.paths import ROOT
from tests.support.source_tree import (
    BESIDES,
    EVERYTHING,
    PRODUCT,
    Module,
    assigned,
    definitions_of,
    modules,
    prose_of,
)

HISTORY = ("CHANGELOG.md",)
"""What a page of the past says, it may go on saying."""

SAME_NAME = {
    "apply": "a command of four groups; topics are applied, and so are changes of the state",
    "list_": "a command of three groups",
    "main": "what a script starts",
    "run": "the CLI, and the demo",
    "show": "a command of three groups",
    "tail": "a command, and the end of a process's log",
    "RecordT": "a type variable",
    "T": "a type variable",
}
"""Public functions, classes and types that two modules of the product may both name so, and why."""

HOME = rf"(?:{'|'.join([*EVERYTHING, 'docs', 'deploy'])})"
PATH = re.compile(rf"(?<![\w./-]){HOME}/[\w./*-]*\w")
DOTTED = re.compile(rf"(?<![\w./`-])`?((?:{'|'.join(EVERYTHING)})(?:\.[a-zA-Z_]\w*)+)")
NO_ZERO = re.compile(r"(?:^|[\s(=<>≤≥~+/-])\.\d")
WORKERS = ("alarms", "frames", "fusion", "plates")
NOT_MODULES = ("callbox.toml", "callbox.NAME", "callbox.partitions", *(f"callbox.{name}" for name in WORKERS))
"""Names with a dot that look like a module's: a file, a Kafka header, consumer groups."""


@cache
def tree() -> dict[str, Module]:
    return modules(*EVERYTHING)


@cache
def pages() -> dict[str, str]:
    """The documents, by path."""
    paths = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "deploy").rglob("*.md")]
    names = {path.relative_to(ROOT).as_posix(): path for path in paths}
    return {name: path.read_text("utf-8") for name, path in names.items() if name not in HISTORY}


@cache
def prose() -> list[tuple[str, str]]:
    """Place and text of all that people read: docstrings, comments, documents."""
    in_code = [
        (f"{module.path}:{line}", text) for module in tree().values() for line, text in prose_of(module)
    ]
    return in_code + list(pages().items())


@cache
def definitions() -> list[tuple[str, str]]:
    """Place and name of everything that is defined in the tree."""
    return [
        (f"{module.path}:{line}", name) for module in tree().values() for line, name in definitions_of(module)
    ]


def parts(name: str) -> list[str]:
    """The words of a name: `MAX_STRANGERS` and `StrangerCount` both have one."""
    return [word.lower() for word in re.findall(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])", name)]


# --- words --------------------------------------------------------------------------------------------------------


def module_said(word: str) -> list[str]:
    return [module.path for module in tree().values() if word in module.name.split(".")]


def name_said(word: str) -> list[str]:
    return [place for place, name in definitions() if name.lstrip("_") == word]


def word_said(word: str) -> list[str]:
    pattern = re.compile(rf"\b{word.replace(' ', chr(92) + 's+')}\b", re.IGNORECASE)
    return [place for place, text in prose() if pattern.search(text)] + [
        f"{place} {name}" for place, name in definitions() if word in parts(name)
    ]


TABLES: tuple[tuple[Mapping[str, str], Callable[[str], list[str]]], ...] = (
    (MODULES, module_said),
    (NAMES, name_said),
    (WORDS, word_said),
)
"""The former words, and where one of them is still said."""


@pytest.mark.parametrize(("former", "places_of"), TABLES, ids=["files", "names", "words"])
def test_no_private_word_of_the_former_code_is_said(
    former: Mapping[str, str], places_of: Callable[[str], list[str]]
) -> None:
    said = {word: places_of(word) for word in former}
    wrong = [f"{word} (say {former[word]}): {', '.join(places)}" for word, places in said.items() if places]
    assert not wrong, "\n".join(wrong)


def test_numbers_have_a_zero_before_the_point() -> None:
    wrong = [
        f"{place} {line.strip()}"
        for place, text in prose()
        for line in text.splitlines()
        if NO_ZERO.search(line)
    ]
    assert not wrong, "\n".join(wrong)


def test_two_modules_do_not_give_one_public_name_to_two_things() -> None:
    homes = public_homes()
    twice = [
        f"{name}: {', '.join(found)}"
        for name, found in homes.items()
        if len(found) > 1 and name not in SAME_NAME
    ]
    assert not twice, "\n".join(twice)
    assert [name for name in SAME_NAME if len(homes[name]) < 2] == [], "take them out of SAME_NAME"


def public_homes() -> dict[str, list[str]]:
    """For each public function, class and type of the product, the modules that define one of that name."""
    homes: dict[str, list[str]] = defaultdict(list)
    for module in modules(*PRODUCT).values():
        for statement in module.syntax.body:
            for name in public_names(statement):
                homes[name].append(module.name)
    return homes


def is_constant(name: str) -> bool:
    """Whether it is no type: a constant is read beside its module's name, a type anywhere."""
    return name.isupper() and len(name) > 1


def public_names(statement: ast.stmt) -> list[str]:
    match statement:
        case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
            names = [name]
        case _:
            names = [name for name in assigned(statement) if name[0].isupper() and not is_constant(name)]
    return [name for name in names if not name.startswith("_")]


# --- constants ----------------------------------------------------------------------------------------------------


def test_no_constant_is_defined_and_not_used() -> None:
    used = {name for module in tree().values() for name in loaded(module.syntax)}
    unused = [
        f"{module.path}:{statement.lineno} {name}"
        for module in modules(*PRODUCT, *BESIDES).values()
        for statement in module.syntax.body
        for name in assigned(statement)
        if name not in used and not re.fullmatch(r"__\w+__", name)
    ]
    assert not unused, "\n".join(unused)


def loaded(syntax: ast.Module) -> Iterator[str]:
    """Every name and attribute that is read. An import alone uses nothing."""
    for node in ast.walk(syntax):
        match node:
            case ast.Name(id=name, ctx=ast.Load()) | ast.Attribute(attr=name):
                yield name
            case ast.Constant(value=str(text)) if re.fullmatch(r"[\w.]+", text):
                yield text.rpartition(".")[2]  # a type in quotes, or what a test replaces


# --- references ---------------------------------------------------------------------------------------------------


def test_every_file_that_code_or_a_page_names_is_there() -> None:
    gone = [
        f"{place} {path}"
        for place, text in prose()
        for path in PATH.findall(text)
        if not is_there(ROOT, path)
    ]
    assert not gone, "\n".join(gone)


def is_there(root: Path, path: str) -> bool:
    """A file or a folder; a name without its ending will do (`docs/adr/0006`), and so does a placeholder."""
    placeholder = re.search(r"[A-Z]{4}|\*", path)
    return (
        bool(placeholder) or (root / path).exists() or any((root / path).parent.glob(f"{Path(path).name}*"))
    )


def test_every_module_that_code_or_a_page_names_is_there() -> None:
    gone = [
        f"{place} {name}"
        for place, text in prose()
        for name in DOTTED.findall(text)
        if not name.startswith(NOT_MODULES) and not is_defined(name)
    ]
    assert not gone, "\n".join(gone)


def is_defined(name: str) -> bool:
    """A package, a module, or something that a module defines."""
    pieces = name.split(".")
    if (ROOT / Path(*pieces)).is_dir():
        return True
    for length in range(len(pieces), 0, -1):
        module = tree().get(".".join(pieces[:length]))
        if module is not None and not (module.is_package and length < len(pieces)):
            return all(re.search(rf"\b{piece}\b", module.text) for piece in pieces[length:])
    return False
