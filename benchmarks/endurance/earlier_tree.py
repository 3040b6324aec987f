"""The source of an earlier commit: it is unpacked into a folder and run with the packages of this environment.

    git archive COMMIT ─► folder ─► PYTHONPATH ─► found before the editable install of today's tree

A worktree would write into the clone; an archive only reads it.
"""

import io
import json
import os
import re
import subprocess
import sys
import tarfile
from pathlib import Path
from typing import Final, NamedTuple

from fastavro.schema import fingerprint, to_parsing_canonical_form

from callbox_testkit.programs import installed_program
from processors.state.partition_state import FOLD_VERSION, FORMAT_VERSION
from schemas.errors import InputMissing

ROOT: Final = Path(__file__).resolve().parents[2]
PACKAGES: Final = ("callbox", "streams", "processors", "schemas", "benchmarks")
_STATES: Final = ("processors/state/partition_state.py", "processors/state.py")
"""Where a commit names its versions; the second until 0.3.0."""

_VERSION: Final = re.compile(r"^(FOLD|FORMAT)_VERSION = (\d+)$", re.MULTILINE)


_LOG_SCHEMA: Final = "schemas/avro/fusion_input.avsc"
"""The envelope of the log: a release whose envelope is another one is not read by the release before."""


class Versions(NamedTuple):
    """The versions of a release's rules and of its snapshots."""

    fold: int
    format: int


TODAY: Final = Versions(FOLD_VERSION, FORMAT_VERSION)


def versions_in(source: str) -> Versions | None:
    """The versions in the text of processors/state/partition_state.py, or None if it has none."""
    found = {name: int(number) for name, number in _VERSION.findall(source)}
    return Versions(found["FOLD"], found["FORMAT"]) if len(found) == len(Versions._fields) else None


LAST_RELEASE: Final = "efa5053"
"""0.6.0 (CHANGELOG.md): what operators upgrade from. To be raised with each release."""

_LOAD: Final = ("benchmarks.support.registry_load", "benchmarks.county")
_KAFKA_CONFIG: Final = ("streams.kafka.config", "streams.kafka_config")
_PRODUCER: Final = ("streams.kafka.producer", "streams.sending")

_REGISTER: Final = """
import sys
from {load} import records
from {config} import KafkaConfig
import {producer} as producer
publish = getattr(producer, "publish", None) or producer.send_all
publish(KafkaConfig(bootstrap=sys.argv[1]), list(records(range(int(sys.argv[2])))))
"""


def release_before() -> str:
    """The last release, or where the clone does not hold it the newest commit that differs.

    Raises:
        InputMissing: The clone holds neither.
    """
    try:
        return _git("rev-parse", "--verify", f"{LAST_RELEASE}^{{commit}}").decode().strip()
    except InputMissing:
        return newest_that_differs()


def newest_that_differs() -> str:
    """The newest commit before today's whose rules, snapshots or envelope of the log are others.

    Raises:
        InputMissing: The clone holds none: it is shallow, or no clone at all.
    """
    today = log_schema((ROOT / _LOG_SCHEMA).read_text("utf-8"))
    for commit in _git("rev-list", "--first-parent", "HEAD").decode().split():
        versions = _versions_of(commit)
        if versions is not None and (versions != TODAY or _log_schema_of(commit) != today):
            return commit
    raise InputMissing(
        f"no commit of this clone differs from {TODAY} and log schema {today}: fetch its history "
        "(git fetch --unshallow), or name a commit with --from"
    )


def log_schema(text: str) -> str:
    """The fingerprint of a schema file's canonical form: docstrings do not count, symbols do."""
    canonical = to_parsing_canonical_form(json.loads(text))
    return str(fingerprint(canonical, "CRC-64-AVRO"))


def _log_schema_of(commit: str) -> str:
    return log_schema(_git("show", f"{commit}:{_LOG_SCHEMA}").decode())


def _versions_of(commit: str) -> Versions | None:
    """The versions of a commit; None for a commit from before there were versions."""
    for path in _STATES:
        try:
            return versions_in(_git("show", f"{commit}:{path}").decode())
        except InputMissing:
            continue
    return None


class EarlierTree:
    """An earlier commit, unpacked.

    Args:
        commit: As git knows it.
        folder: Gets the source; it must not exist.

    Raises:
        InputMissing: The clone does not hold the commit.
    """

    def __init__(self, commit: str, folder: Path) -> None:
        self.commit = _git("rev-parse", "--verify", "--short", f"{commit}^{{commit}}").decode().strip()
        with tarfile.open(fileobj=io.BytesIO(_git("archive", self.commit))) as archive:
            archive.extractall(folder, filter="data")
        self._folder = folder.resolve()
        self.environment = {"PYTHONPATH": str(self._folder)}

    @property
    def versions(self) -> Versions:
        """The versions of its workers, read in a process of its own.

        Raises:
            RuntimeError: Some package would come from elsewhere.
        """
        text = f"""
import importlib
for name in {PACKAGES!r}:
    print(importlib.import_module(name).__path__[0])
try:
    state = importlib.import_module("processors.state.partition_state")
except ModuleNotFoundError:
    state = importlib.import_module("processors.state")
print(state.FOLD_VERSION, state.FORMAT_VERSION)
"""
        done = subprocess.run(
            self.command("-c", text), env=self.whole, capture_output=True, text=True, check=True
        )
        *places, versions = done.stdout.splitlines()
        elsewhere = [place for place in places if not Path(place).is_relative_to(self._folder)]
        if elsewhere:
            raise RuntimeError(f"these are not of {self.commit}: {', '.join(elsewhere)}")
        fold, snapshot = versions.split()
        return Versions(int(fold), int(snapshot))

    def module(self, *candidates: str) -> str:
        """The first of these modules that the commit has: some had other names until 0.3.0.

        Raises:
            InputMissing: It has none of them.
        """
        for name in candidates:
            if (self._folder / Path(*name.split(".")).with_suffix(".py")).is_file():
                return name
        raise InputMissing(f"{self.commit} has none of {', '.join(candidates)}")

    def register_pillars(self, bootstrap: str, count: int) -> None:
        """Put so many pillars into the registry, as its workers read it.

        Raises:
            InputMissing: It has no registry for load.
        """
        script = _REGISTER.format(
            load=self.module(*_LOAD),
            config=self.module(*_KAFKA_CONFIG),
            producer=self.module(*_PRODUCER),
        )
        subprocess.run(self.command("-c", script, bootstrap, str(count)), env=self.whole, check=True)

    @property
    def whole(self) -> dict[str, str]:
        """The environment of its processes."""
        return {**os.environ, **self.environment}

    @staticmethod
    def command(*arguments: str) -> list[str]:
        """Python, without the folder it is called in."""
        return [sys.executable, "-P", *arguments]


def _git(*arguments: str) -> bytes:
    git = installed_program("git")
    if git is None:
        raise InputMissing("git is not installed: the earlier commit cannot be read")
    try:
        done = subprocess.run([git, "-C", str(ROOT), *arguments], capture_output=True, check=True)
    except subprocess.CalledProcessError as error:
        what = error.stderr.decode(errors="replace").strip()
        raise InputMissing(f"git {arguments[0]}: {what}; a shallow clone lacks earlier commits") from None
    return done.stdout
