"""The modules of the repository and who imports whom, read from their text without importing them."""

import ast
import io
import tokenize
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from tests.support.paths import ROOT

PRODUCT = ("schemas", "processors", "models", "streams", "callbox")
"""What an operator installs (the root packages of import-linter in pyproject.toml)."""

BESIDES = ("callbox_testkit", "benchmarks")
"""What is ours too, and what no operator installs."""

TESTS = "tests"
EVERYTHING = (*PRODUCT, *BESIDES, "examples", TESTS)


@dataclass(frozen=True)
class Module:
    """One file."""

    name: str
    """As it is imported; a package has the name of its folder."""
    path: str
    """From the root of the repository, with slashes."""
    text: str = field(repr=False)

    @property
    def lines(self) -> int:
        return self.text.count("\n")

    @property
    def is_package(self) -> bool:
        return self.path.endswith("/__init__.py")

    @property
    def syntax(self) -> ast.Module:
        return _parsed(self.text)


@cache
def _parsed(text: str) -> ast.Module:
    return ast.parse(text)


def modules(*packages: str, root: Path = ROOT) -> dict[str, Module]:
    """Every module below some folders of the root, by name."""
    found = (_module(path, root) for package in packages for path in sorted((root / package).rglob("*.py")))
    return {module.name: module for module in found}


def _module(path: Path, root: Path) -> Module:
    relative = path.relative_to(root)
    parts = relative.with_suffix("").parts
    name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
    return Module(name, relative.as_posix(), path.read_text("utf-8"))


def imports_of(module: Module, known: Mapping[str, Module]) -> set[str]:
    """The names of the known modules that a module imports.

    Wherever the import stands, and also when the module is named in a string as `importlib` or a table of lazy
    imports takes it (`"streams.workers.alarms:Alarms"`). A package counts only where something of the package
    itself is imported.
    """
    return {name for name in _named(module.text) if name in known and name != module.name}


@cache
def _named(text: str) -> frozenset[str]:
    return frozenset(_names_in(_parsed(text)))


def _names_in(syntax: ast.Module) -> Iterator[str]:
    for node in ast.walk(syntax):
        match node:
            case ast.Import():
                yield from (alias.name for alias in node.names)
            case ast.ImportFrom(module=str(origin)):
                yield origin
                yield from (f"{origin}.{alias.name}" for alias in node.names)
            case ast.Constant(value=str(text)) if "." in text and " " not in text:
                yield text.partition(":")[0]
                yield text.rpartition(".")[0]  # an attribute of a module, as monkeypatch takes it


def users_of(known: Mapping[str, Module]) -> dict[str, set[str]]:
    """For each module, who imports it."""
    users: dict[str, set[str]] = {name: set() for name in known}
    for module in known.values():
        for name in imports_of(module, known):
            users[name].add(module.name)
    return users


def prose_of(module: Module) -> list[tuple[int, str]]:
    """Line and text of each docstring, also those below a constant or a field, and of each comment."""
    docstrings = [
        (node.lineno, node.value.value)
        for node in ast.walk(module.syntax)
        if isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
    ]
    tokens = tokenize.generate_tokens(io.StringIO(module.text).readline)
    comments = [
        (token.start[0], token.string.lstrip("# ")) for token in tokens if token.type == tokenize.COMMENT
    ]
    return docstrings + comments


def definitions_of(module: Module) -> list[tuple[int, str]]:
    """Line and name of each function and class at any depth, and of each constant and field."""
    found = []
    for node in ast.walk(module.syntax):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            found.append((node.lineno, node.name))
        if isinstance(node, ast.Module | ast.ClassDef):
            found += [(statement.lineno, name) for statement in node.body for name in assigned(statement)]
    return found


def assigned(statement: ast.stmt) -> list[str]:
    """The names that a statement assigns to."""
    match statement:
        case ast.Assign():
            return [target.id for target in statement.targets if isinstance(target, ast.Name)]
        case ast.AnnAssign(target=ast.Name(id=name)):
            return [name]
    return []
