"""`callbox.toml`: everything that an operator may set, in one record, with the shipped defaults.

    --config FILE ─► else CALLBOX_CONFIG ─► else ./callbox.toml, if it exists ─► else the defaults

A file contains only what differs: what it leaves out keeps its default, in nested tables too.
"""

import os
from collections.abc import Mapping
from itertools import combinations
from pathlib import Path
from typing import Any, Final

import msgspec

from callbox.terminal.text_file import read_text, refusal
from processors.incident.grading import CONTROL_ROOM
from schemas.ack import NAME_LENGTH
from schemas.strict_toml import convert_strict, parse_toml
from schemas.topic_family import NAME_RULE, is_member_name
from schemas.topics import ack_topic
from streams.kafka.config import KafkaConfig
from streams.worker.settings import AckSettings, PillarSettings, RuntimeSettings
from streams.worker.spec import WorkersSettings

ENVIRONMENT: Final = "CALLBOX_CONFIG"
DEFAULT_FILE: Final = Path("callbox.toml")
DEFAULT_BOOTSTRAP: Final = "127.0.0.1:9092"

MASK: Final = "***"
_MASKED: Final = ("password", "secret")

_PORTS: Final = range(1 << 16)
_NICE: Final = range(20)  # below 0 it needs privileges that a worker should not have
_POSITIVE: Final = ("batch_records", "merge_records", "waiting_batches", "fetch_bytes", "threads")
_DURATIONS: Final = (
    "commit_interval_s",
    "snapshot_interval_s",
    "drain_s",
    "registry_poll_s",
    "stall_s",
    "give_up_s",
)


class ModelsSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The model weights.

    Attributes:
        cache: Folder for downloads; None: CALLBOX_CACHE, else `.cache` in the working folder.
    """

    cache: str | None = None


class Config(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The whole config.

    Attributes:
        kafka: How to reach the broker.
        runtime: What all workers share.
        workers: Each worker.
        models: The model weights.
        acknowledgements: Who may acknowledge.
        pillars: Who may report for pillars.
    """

    kafka: KafkaConfig = KafkaConfig(bootstrap=DEFAULT_BOOTSTRAP)
    runtime: RuntimeSettings = RuntimeSettings()
    workers: WorkersSettings = WorkersSettings()
    models: ModelsSettings = ModelsSettings()
    acknowledgements: AckSettings = AckSettings()
    pillars: PillarSettings = PillarSettings()


def find_config(path: Path | None, environment: Mapping[str, str] = os.environ) -> Path | None:
    """The config file in force; None if there is none and the defaults apply."""
    if path is not None:
        return path
    if named := environment.get(ENVIRONMENT):
        return Path(named)
    return DEFAULT_FILE if DEFAULT_FILE.is_file() else None


def load_config(path: Path | None, environment: Mapping[str, str] = os.environ) -> Config:
    """Read the config in force.

    Args:
        path: The file that `--config` names, or None.
        environment: The environment variables.

    Raises:
        InputMissing: The file that is named does not exist.
        FileRefused: It is not TOML, has an unknown key or a wrong type, or contradicts itself.
    """
    found = find_config(path, environment)
    return Config() if found is None else read_config(read_text(found), str(found))


def read_config(text: str, origin: str) -> Config:
    """Read the text of a config file; what it leaves out has its default.

    Raises:
        FileRefused: As `load_config`.
    """
    config = convert_strict(
        _overlaid(msgspec.to_builtins(Config()), parse_toml(text, origin)), Config, origin
    )
    if problems := _problems(config):
        raise refusal(origin, problems)
    return config


def show(config: Config) -> dict[str, Any]:
    """The config to print. Fields that are named like a secret are masked, although they hold references only."""
    shown: dict[str, Any] = _masked(msgspec.to_builtins(config))
    return shown


def _overlaid(defaults: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """`given` over `defaults`, table by table."""
    merged = dict(defaults)
    for key, value in given.items():
        default = defaults.get(key)
        if isinstance(default, dict) and isinstance(value, dict):
            merged[key] = _overlaid(default, value)
        else:
            merged[key] = value
    return merged


def _masked(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    return {
        key: MASK if inner is not None and any(word in key for word in _MASKED) else _masked(inner)
        for key, inner in value.items()
    }


def _problems(config: Config) -> list[str]:
    """What is wrong with a config beyond the types of its fields."""
    workers = {name: getattr(config.workers, name) for name in config.workers.__struct_fields__}
    problems = []
    for name, worker in workers.items():
        path = f"workers.{name}"
        if worker.http_port not in _PORTS:
            problems.append(f"{path}.http_port: found {worker.http_port}, allowed are 0 to {_PORTS[-1]}")
        if worker.nice not in _NICE:
            problems.append(f"{path}.nice: found {worker.nice}, allowed are 0 to {_NICE[-1]}")
        problems += [
            f"{path}.{field}: found {getattr(worker, field)}, allowed are 1 and above"
            for field in _POSITIVE
            if getattr(worker, field) < 1
        ]
    problems += [
        f"workers.{two}.http_port: found {workers[two].http_port}, which workers.{one} has"
        for one, two in combinations(workers, 2)
        if workers[one].http_port == workers[two].http_port != 0
        and workers[one].http_host == workers[two].http_host
    ]
    problems += _sender_problems(config.acknowledgements)
    problems += _gateway_problems(config.pillars)
    return problems + [
        f"runtime.{field}: found {getattr(config.runtime, field)}, allowed is more than 0"
        for field in _DURATIONS
        if not getattr(config.runtime, field) > 0
    ]


def _gateway_problems(settings: PillarSettings) -> list[str]:
    """What is wrong with the gateways that have a topic of their own."""
    path = "pillars.gateways"
    problems = [
        f"{path}: found {name!r}, allowed are {NAME_RULE}"
        for name in settings.gateways
        if not is_member_name(name)
    ]
    return problems + [
        f"{path}: found {one!r} and {two!r}, which people take for one"
        for one, two in combinations(settings.gateways, 2)
        if one.lower() == two.lower()
    ]


def _sender_problems(settings: AckSettings) -> list[str]:
    """What is wrong with the organisations that may acknowledge."""
    path, names = "acknowledgements.organisations", list(settings.organisations)
    problems = []
    for name in names:
        try:
            ack_topic(name)
        except ValueError as error:
            problems.append(f"{path}: {error}")
    problems += [
        f"{path}: found {one!r} and {two!r}, which people take for one"
        for one, two in combinations(names, 2)
        if one.lower() == two.lower()
    ]
    problems += [
        f"{path}.{name}: found {unit!r}, allowed are names of units as the registry has them"
        for name in names
        for unit in settings.units_of(name)
        if not unit.strip() or len(unit) > NAME_LENGTH
    ]
    control_room = CONTROL_ROOM[0].unit
    is_answered = any(control_room in settings.units_of(name) for name in names)
    if not (is_answered or settings.takes_plain_topic):
        problems.append(
            f"{path}: none answers for {control_room!r}, the unit of devices that no registry names: nobody could "
            "acknowledge their presses"
        )
    return problems
