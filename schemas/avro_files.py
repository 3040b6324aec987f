"""The schema files, written from the records: `python -m schemas.avro_files`, and `--check` in the tests.

    Struct, its docstring -> schemas/avro/NAME.avsc
    a file whose fingerprint changes -> schemas/avro/earlier/NAME-FINGERPRINT.avsc

A former schema stays, because records that were written with it lie in topics for weeks (docs/adr/0011).
"""

import inspect
import json
import re
import sys
import types
import typing
from collections.abc import Iterator
from enum import Enum
from pathlib import Path
from typing import Any

import msgspec

from schemas.avro_schemas import SCHEMA_FILES, fingerprint_of
from schemas.units import DegE7, EpochMs

FOLDER = Path(__file__).parent / "avro"
NAMESPACE = "callbox"

_PRIMITIVES: dict[Any, Any] = {
    bool: "boolean",
    int: "long",
    float: "double",
    str: "string",
    bytes: "bytes",
    DegE7: "long",
    EpochMs: {"type": "long", "logicalType": "timestamp-millis"},
}


def schema_text(record: type[msgspec.Struct]) -> str:
    """The content of the schema file of a record.

    Raises:
        TypeError: A field has a type that no schema file uses yet.
        KeyError: A field is missing from the docstring.
    """
    return json.dumps(_record(record, set()), indent=2, ensure_ascii=False) + "\n"


def outdated(folder: Path) -> Iterator[tuple[Path, str]]:
    """Each schema file that differs from its record, and the text that it should have."""
    for record, name in SCHEMA_FILES.items():
        path = folder / f"{name}.avsc"
        text = schema_text(record)
        if not path.exists() or path.read_text("utf-8") != text:
            yield path, text


def write(folder: Path) -> list[Path]:
    """Bring the schema files up to date, and keep each former schema with which records may have been written.

    Returns:
        The files that were written.
    """
    written = []
    for path, text in list(outdated(folder)):
        if path.exists():
            written += _keep(path, text)
        path.write_text(text, "utf-8")
        written.append(path)
    return written


def main(arguments: list[str]) -> int:
    """Write the files and list them; with `--check` only list those that differ, and fail if there are any."""
    if arguments not in ([], ["--check"]):
        sys.stderr.write("usage: python -m schemas.avro_files [--check]\n")
        return 2
    if arguments:
        differing = [path for path, _ in outdated(FOLDER)]
        sys.stdout.writelines(f"{path.name} differs from its record\n" for path in differing)
        return 1 if differing else 0
    sys.stdout.writelines(f"{path.relative_to(FOLDER)} written\n" for path in write(FOLDER))
    return 0


def _keep(path: Path, text: str) -> list[Path]:
    """Keep a former schema among the earlier ones, unless only its doc texts changed."""
    former = path.read_text("utf-8")
    mark = fingerprint_of(json.loads(former))
    if mark == fingerprint_of(json.loads(text)):
        return []
    kept = path.parent / "earlier" / f"{path.stem}-{mark}.avsc"
    kept.parent.mkdir(exist_ok=True)
    kept.write_text(former, "utf-8")
    return [kept]


def _type(kind: Any, named: set[str]) -> Any:
    """The schema of a field's type; a named type that was defined further up is only referred to."""
    if kind in _PRIMITIVES:
        return _PRIMITIVES[kind]
    arguments = typing.get_args(kind)
    if arguments[1:] == (types.NoneType,):  # X | None
        return ["null", _type(arguments[0], named)]
    if typing.get_origin(kind) is tuple and arguments[1:] == (...,):
        return {"type": "array", "items": _type(arguments[0], named)}
    if not inspect.isclass(kind) or not issubclass(kind, (Enum, msgspec.Struct)):
        raise TypeError(f"{kind} has no place in a schema file")
    if kind.__name__ in named:
        return f"{NAMESPACE}.{kind.__name__}"
    return _enum(kind, named) if issubclass(kind, Enum) else _record(kind, named)


def _enum(kind: type[Enum], named: set[str]) -> dict[str, Any]:
    named.add(kind.__name__)
    symbols = [member.value for member in kind]
    return {
        "type": "enum",
        "name": kind.__name__,
        "namespace": NAMESPACE,
        "doc": _described(kind)[0],
        "symbols": symbols,
        "default": symbols[0],
    }


def _record(kind: type[msgspec.Struct], named: set[str]) -> dict[str, Any]:
    named.add(kind.__name__)
    doc, attributes = _described(kind)
    hints = typing.get_type_hints(kind)
    fields = []
    for field in msgspec.structs.fields(kind):
        entry = {"name": field.name, "type": _type(hints[field.name], named), "doc": attributes[field.name]}
        if not field.required:
            entry["default"] = msgspec.to_builtins(field.default)
        fields.append(entry)
    return {"type": "record", "name": kind.__name__, "namespace": NAMESPACE, "doc": doc, "fields": fields}


def _described(kind: type) -> tuple[str, dict[str, str]]:
    """A docstring's text without its attributes, and the text of each attribute, each as one line."""
    words, _, listed = inspect.cleandoc(kind.__doc__ or "").partition("\nAttributes:\n")
    # An attribute is indented by four spaces; its text may continue on the next lines, indented further.
    found = re.split(r"^ {4}(\w+): ", listed, flags=re.MULTILINE)[1:]
    attributes = {name: " ".join(text.split()) for name, text in zip(found[::2], found[1::2], strict=True)}
    return " ".join(words.split()), attributes


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
