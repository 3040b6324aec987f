"""Strict reading of the files that people write: a file with an unknown key or a wrong type is refused as a whole.

    text ──parse_toml──► table ──convert_strict──► record

The error names the file, the line (syntax) or the path inside it (content), the value found and the values allowed.
Of a file whose content must not be shown, such as a hotlist, it names file, line, path and what is allowed, and
nothing that was found: not a value, and not a key either, because a plate may be typed in the place of one.
"""

import re
import tomllib
from collections.abc import Mapping
from enum import Enum
from itertools import zip_longest
from typing import Any, Final, TypeVar

import msgspec
from msgspec import inspect

from schemas.errors import FileRefused

T = TypeVar("T")

_PLACE: Final = re.compile(r"(?P<what>.*?)(?: - at `\$(?P<path>.*)`)?", re.DOTALL)
_STEP: Final = re.compile(r"\.([^.\[]+)|\[(\d+|\.\.\.)\]")
_FIELD: Final = re.compile(
    r"Object (?P<trouble>contains unknown|missing required) field `(?P<field>.*)`", re.DOTALL
)
_AT: Final = re.compile(r"\((at (?:line \d+, column \d+|end of document))\)")

_KEY: Final = r"""("(?:[^"\\]|\\.)*"|'[^']*'|[A-Za-z0-9_-]+)"""
_ARRAY: Final = re.compile(rf"\s*\[\[\s*{_KEY}")
_HEADS: Final = (_ARRAY, re.compile(rf"\s*\[\s*{_KEY}"), re.compile(rf"\s*{_KEY}\s*[=.]"))
"""How a key stands at the start of a line: an array of tables, a table, a value."""

_SECRETS: Final = ("password", "secret", "ssl_key")
"""Words in a path whose value is not quoted: a secret may have been typed in the place of its file."""

_LONGEST_QUOTE: Final = 60  # characters of a wrong value: enough to find it, and short enough for one line

_ARRAYS: Final = (inspect.ListType, inspect.VarTupleType, inspect.SetType, inspect.FrozenSetType)


def read_strict(text: str, record: type[T], origin: str, *, quote_values: bool = True) -> T:
    """Read a whole TOML file as one record.

    Args:
        text: The content of the file.
        record: The type that it must hold; its structs forbid unknown fields.
        origin: The file's name, for the error.
        quote_values: False where an error must quote nothing of the file, as for a hotlist.

    Raises:
        FileRefused: The text is not TOML, or does not hold a `record`.
    """
    if quote_values:
        return convert_strict(parse_toml(text, origin), record, origin)
    refused = None
    try:
        return msgspec.convert(tomllib.loads(text), record)
    except (ValueError, RecursionError) as error:  # also msgspec's ValidationError
        refused = _explain_unquoted(error, text, record)
    # Here, not in the handler: neither as its cause nor as its context may the error hold what was found.
    raise FileRefused(f"{origin}: {refused}")


def parse_toml(text: str, origin: str) -> dict[str, Any]:
    """Parse the tables of a TOML file.

    Raises:
        FileRefused: The text is not TOML; the message names line and column.
    """
    try:
        return tomllib.loads(text)
    except ValueError as error:  # TOMLDecodeError, and a number of more than 4,300 digits
        raise FileRefused(f"{origin}: not TOML: {error}") from error
    except RecursionError as error:
        raise FileRefused(f"{origin}: not TOML that anybody wrote: nested too deeply") from error


def convert_strict(table: Mapping[str, Any], record: type[T], origin: str) -> T:
    """Convert parsed tables to one record; the other arguments are those of `read_strict`.

    Raises:
        FileRefused: The tables do not hold a `record`; the message names the path.
    """
    try:
        return msgspec.convert(table, record)
    except msgspec.ValidationError as error:
        raise FileRefused(f"{origin}: {_explain(str(error), table, record)}") from error


def _explain_unquoted(error: Exception, text: str, record: Any) -> str:
    """What is wrong with a file of which nothing may be quoted: line, path, and what is allowed."""
    if isinstance(error, RecursionError):
        return "not TOML that anybody wrote: nested too deeply"
    if not isinstance(error, msgspec.ValidationError):
        found = _AT.search(str(error))
        return "not TOML" if found is None else f"not TOML {found[1]}"
    what, told, _ = _parts(str(error))
    steps = _known(record, told)
    place = "".join(f"[{step}]" if _is_index(step) else f".{step}" for step in steps).removeprefix(".")
    field = _FIELD.fullmatch(what)
    if field is not None and field["trouble"].startswith("missing"):
        at = f"{place}.{field['field']}" if place else field["field"]
        return f"{_line(text, steps)}{at}: missing"
    if field is not None:
        line = _line(text, [*steps, field["field"]])
        at = f" in {place}" if place else ""
        return f"{line}unknown key{at}, allowed are {_listed(_keys(_type_at(record, steps)))}"
    if what.startswith("Invalid enum value"):
        what = f"the value is none of {_listed(_members(_type_at(record, steps)))}"
    elif not what.startswith("Expected `"):  # the text of a check of ours may quote
        what = "not allowed"
    return f"{_line(text, steps)}{place}: {what}" if place else what


def _known(record: Any, steps: list[str]) -> list[str]:
    """The steps of a path as far as the record has them: a key in the file may look like a path."""
    for count, step in enumerate(steps):
        if not _type_at(record, steps[: count + 1]) or (step == "...") is not _has_free_keys(
            record, steps[:count]
        ):
            return steps[:count]
    return steps


def _has_free_keys(record: Any, steps: list[str]) -> bool:
    return any(isinstance(kind, inspect.DictType) for kind in _type_at(record, steps))


def _is_index(step: str) -> bool:
    """Whether a step is an index, or msgspec's word for a key of a table whose keys are free."""
    return step.isdigit() or step == "..."


def _line(text: str, steps: list[str]) -> str:
    """`line 7, ` for the line at which a path of the file begins; empty where it cannot be told.

    Args:
        text: The file.
        steps: Keys and indices, from the root. An array is looked for as `[[its name]]`, a key at the start of a line.
    """
    lines = text.splitlines()
    first, last = 0, len(lines)
    found: int | None = None
    for step, following in zip_longest(steps, steps[1:]):
        if following is not None and following.isdigit():
            heads = [number for number in range(first, last) if _key_of(lines[number], _ARRAY) == step]
            if len(heads) > int(following):
                found = heads[int(following)]
                after = (
                    number for number in range(found + 1, last) if lines[number].lstrip().startswith("[")
                )
                first, last = found + 1, next(after, last)
                continue
        at = next(
            (n for n in range(first, last) if step in {_key_of(lines[n], head) for head in _HEADS}), None
        )
        found = found if at is None else at
    return "" if found is None else f"line {found + 1}, "


def _key_of(line: str, head: re.Pattern[str]) -> str | None:
    """The first key of a line of this form, without its quotes; None where the line has another form."""
    if (matched := head.match(line)) is None:
        return None
    if matched[1][0] not in "\"'":
        return matched[1]
    try:
        return next(iter(tomllib.loads(f"{matched[1]} = 0")))
    except ValueError:
        return None


def _parts(message: str) -> tuple[str, list[str], str]:
    """What msgspec says, the steps of the path at which it says so, and the path as people write it."""
    matched = _PLACE.fullmatch(message)
    what, path = (matched["what"], matched["path"] or "") if matched else (message, "")
    return what, [name or index for name, index in _STEP.findall(path)], path.removeprefix(".")


def _explain(message: str, table: Mapping[str, Any], record: Any) -> str:
    """Rewrite msgspec's message with the path first and with the values that are allowed there."""
    what, steps, place = _parts(message)
    if (field := _FIELD.fullmatch(what)) is not None:
        at = f"{place}.{field['field']}" if place else field["field"]
        if field["trouble"].startswith("missing"):
            return f"{at}: missing"
        return f"{at}: unknown key, allowed are {_listed(_keys(_type_at(record, steps)))}"
    quoted = None if any(word in place for word in _SECRETS) else _quoted(table, steps)
    if what.startswith("Invalid enum value"):
        found = "the value" if quoted is None else quoted
        return f"{place}: {found} is none of {_listed(_members(_type_at(record, steps)))}"
    if what.startswith("Expected") and quoted is not None:
        what = f"found {quoted}, expected{what.removeprefix('Expected')}"
    return f"{place}: {what}" if place else what


def _listed(names: list[str]) -> str:
    return ", ".join(names) if names else "none"


def _quoted(table: Any, steps: list[str]) -> str | None:
    """The value at a path, as an error may quote it; None where it is a table, an array or not there."""
    value = table
    for step in steps:
        try:
            value = value[int(step)] if isinstance(value, list) else value[step]
        except (KeyError, IndexError, TypeError, ValueError):
            return None
    if isinstance(value, list | dict):
        return None
    text = (
        repr(value)
        if isinstance(value, str)
        else str(value).lower()
        if isinstance(value, bool)
        else str(value)
    )
    return text if len(text) <= _LONGEST_QUOTE else f"{text[:_LONGEST_QUOTE]}…"


def _type_at(record: Any, steps: list[str]) -> list[inspect.Type]:
    """The types that are allowed at a path: the members of a union, or one type."""
    found = _members_of_union(inspect.type_info(record))
    for step in steps:
        found = [deeper for kind in found for deeper in _members_of_union(_into(kind, step))]
    return found


def _into(kind: inspect.Type, step: str) -> inspect.Type | None:
    if isinstance(kind, inspect.StructType):
        return next((field.type for field in kind.fields if field.encode_name == step), None)
    if isinstance(kind, _ARRAYS):
        return kind.item_type
    return kind.value_type if isinstance(kind, inspect.DictType) else None


def _members_of_union(kind: inspect.Type | None) -> list[inspect.Type]:
    if kind is None:
        return []
    if isinstance(kind, inspect.Metadata):
        return _members_of_union(kind.type)
    return list(kind.types) if isinstance(kind, inspect.UnionType) else [kind]


def _keys(kinds: list[inspect.Type]) -> list[str]:
    return [
        field.encode_name for kind in kinds if isinstance(kind, inspect.StructType) for field in kind.fields
    ]


def _members(kinds: list[inspect.Type]) -> list[str]:
    """The values of an enum that a file may hold; `UNKNOWN` is none of them, since only an older reader gets it."""
    return [
        str(member.value)
        for kind in kinds
        if isinstance(kind, inspect.EnumType)
        for member in kind.cls
        if isinstance(member, Enum) and member.value != "UNKNOWN"
    ]
