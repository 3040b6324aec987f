"""docs/reference/config.md and policy.md: every setting with its default, what is allowed, and what it means."""

import typing
from collections.abc import Iterator
from enum import Enum
from typing import Any, Final

import msgspec

from callbox.config import Config
from callbox_testkit.reference.markdown import code, described, page, table
from processors.state.policy import GRADES_ALLOWED, LIMITS, MAX_RINGS, FusionPolicy
from schemas.units import DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS

ALLOWED: Final = {
    "kafka.session_timeout_ms": "from 1",
    "kafka.heartbeat_interval_ms": "from 1",
    "runtime.commit_interval_s": "above 0",
    "runtime.snapshot_interval_s": "above 0",
    "runtime.drain_s": "above 0",
    "runtime.registry_poll_s": "above 0",
    "runtime.stall_s": "above 0",
    "runtime.give_up_s": "above 0",
    "workers.http_port": "0 to 65535",
    "workers.nice": "0 to 19",
    "workers.batch_records": "from 1",
    "workers.merge_records": "from 1",
    "workers.waiting_batches": "from 1",
    "workers.fetch_bytes": "from 1",
    "workers.threads": "from 1",
}
"""What the checks of `callbox.config` and `streams.kafka.config` allow; tests/contract/test_reference.py tries it."""


def config_page() -> str:
    """Every key of `callbox.toml`."""
    blocks = [
        (
            "`callbox --config FILE COMMAND`, else the file that `CALLBOX_CONFIG` names, else `callbox.toml` in the "
            "working folder, else these defaults. A file says only what differs.\nAn unknown key or a wrong type "
            "refuses the file as a whole (exit code 78). How to use it: [run workers](../guides/run-workers.md)."
        ),
    ]
    config = Config()
    for field in msgspec.structs.fields(Config):
        value = getattr(config, field.name)
        if field.name == "workers":
            blocks += ["## `[workers.NAME]`", _workers_table(value)]
        else:
            blocks += [f"## `[{field.name}]`", _struct_table(field.name, value)]
    return page("Config", *blocks)


def policy_page() -> str:
    """Every limit of fusion that an operator may set."""
    return page(
        "Policy",
        "Limits of fusion, for `callbox policy apply FILE`. A dot leads into a table of the file; what the file "
        "leaves out has its default.\nThe numbers are in the unit that ends the name; ranges include both ends. "
        "How to change it: [apply files](../guides/apply-files.md).",
        table(("key", "default", "allowed", "meaning"), _policy_rows()),
        "A policy that contradicts itself is refused: a window that is longer at a time than in all, a hold that "
        "outlasts its window, a time that outlasts `expire_after_ms`.",
        "## Rings\n\nNearest first, at most "
        f"{MAX_RINGS}; a farther ring is never faster. Beyond the last ring no target is given.",
        table(
            ("`within_m`", "`response_s`"),
            [(f"`{ring.within_m}`", f"`{ring.response_s}`") for ring in FusionPolicy().rings],
        ),
    )


def _struct_table(path: str, settings: msgspec.Struct) -> str:
    _, texts = described(type(settings))
    hints = typing.get_type_hints(type(settings))
    plain = msgspec.to_builtins(settings)
    return table(
        ("key", "default", "allowed", "meaning"),
        [
            (f"`{name}`", code(plain[name]), _allowed(f"{path}.{name}", hints[name]), texts[name])
            for name in settings.__struct_fields__
        ],
    )


def _workers_table(workers: msgspec.Struct) -> str:
    by_worker = {name: getattr(workers, name) for name in workers.__struct_fields__}
    kind = type(next(iter(by_worker.values())))
    _, texts = described(kind)
    hints = typing.get_type_hints(kind)
    return table(
        ("key", *by_worker, "allowed", "meaning"),
        [
            (
                f"`{name}`",
                *(code(getattr(worker, name)) for worker in by_worker.values()),
                _allowed(f"workers.{name}", hints[name]),
                texts[name],
            )
            for name in kind.__struct_fields__
        ],
    )


def _allowed(path: str, kind: Any) -> str:
    """What a type or a check allows; empty where any value of the type is taken."""
    for part in (kind, *typing.get_args(kind)):
        if isinstance(part, type) and issubclass(part, Enum):
            return ", ".join(code(member.value) for member in part)
    return ALLOWED.get(path, "")


def _policy_rows() -> Iterator[tuple[str, str, str, str]]:
    _, texts = described(FusionPolicy)
    for key, default in _leaves(msgspec.to_builtins(FusionPolicy())):
        top = key.partition(".")[0]
        yield f"`{key}`", _default(key, default), _policy_allowed(key), _policy_text(key, texts[top])


def _leaves(content: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in content.items():
        if isinstance(value, dict):
            yield from _leaves(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def _default(key: str, value: Any) -> str:
    if isinstance(value, (list, tuple)):
        return "see below"
    return f"{code(value)} ({span_of(value)})" if value and _is_time(key) else code(value)


def _is_time(key: str) -> bool:
    return any(name.endswith("_ms") for name in key.split("."))


def span_of(milliseconds: int) -> str:
    """A time as people say it, in the largest unit of which it is a whole number."""
    if not milliseconds:
        return "0"
    for unit, length in (("days", DAY_MS), ("h", HOUR_MS), ("min", MINUTE_MS)):
        if milliseconds % length == 0:
            return "1 day" if milliseconds == DAY_MS else f"{milliseconds // length} {unit}"
    return f"{milliseconds / SECOND_MS:g} s"


def _policy_allowed(key: str) -> str:
    if key in LIMITS:
        lowest, highest = LIMITS[key]
        if lowest == highest:
            return f"{lowest}"
        told = f"{lowest} to {highest}"
        return f"{told} ({span_of(lowest)} to {span_of(highest)})" if _is_time(key) else told
    table_name, _, name = key.partition(".")
    if table_name == "grades":
        return ", ".join(code(grade.value) for grade in GRADES_ALLOWED[name])
    if isinstance(getattr(FusionPolicy(), key, None), bool):
        return "`true`, `false`"
    if key == "rings":
        return f"at most {MAX_RINGS}"
    last = key.rpartition(".")[2]
    return {"rolling_ms": "at most its `at_most_ms`", "at_most_ms": "at most `expire_after_ms`"}[last]


def _policy_text(key: str, text: str) -> str:
    """The words for a whole table, and for a part that has words of its own also those."""
    table_name, _, part = key.partition(".")
    hints = typing.get_type_hints(FusionPolicy)
    own: str | None = None
    if table_name == "grades":
        own = described(hints[table_name])[1].get(part)
    elif table_name == "windows":
        grade, _, name = part.partition(".")
        own = described(typing.get_type_hints(hints[table_name])[grade])[1].get(name)
    return f"{text} {own}" if own else text
