"""Golden logs: recorded once, folded ever after to the same bytes, on any machine and in any process.

`python -m tests.support.golden_log NAME` folds one and prints what comes out. `--write` folds all of them and keeps
what comes out as what is wanted: for a change of the rules, together with a higher FOLD_VERSION. `--record` records
the logs anew (tests/support/golden_scenes.py), and then does the same.
"""

import json
import sys
from hashlib import blake2b
from typing import Any

import msgspec
import numpy as np
import zstandard

from processors.fold.log_entry import LogEntry
from processors.fold.reducer import fold
from processors.fold.snapshot_codec import dump, load
from processors.state.partition_state import FOLD_VERSION, FORMAT_VERSION, new_state
from schemas.codec import encode
from schemas.partitioning import partition_of
from schemas.units import EpochMs
from tests.support.golden_scenes import PARTITIONS, SCENES
from tests.support.log_records import ZONE
from tests.support.paths import TESTS

FOLDER = TESTS / "golden"
NAMES = tuple(SCENES)


class Golden(msgspec.Struct, frozen=True, kw_only=True):
    """What comes of a log.

    Attributes:
        fold_version: Of the rules that it came from.
        format_version: Of the state's bytes.
        entries: How many records the log has.
        decisions: How often each reason was given.
        alerts: How many alerts came of it.
        answers: How many answers to acknowledgements.
        alerts_digest: Of all alerts as they are written, in order.
        answers_digest: Of all answers.
        state_digest: Of the state at the end.
    """

    fold_version: int
    format_version: int
    entries: int
    decisions: dict[str, int]
    alerts: int
    answers: int
    alerts_digest: str
    answers_digest: str
    state_digest: str


def read_log(name: str) -> list[LogEntry]:
    """A golden log, from its first record."""
    packed = zstandard.decompress((FOLDER / f"{name}.msgpack.zst").read_bytes())
    records = msgspec.msgpack.decode(packed, type=list[tuple[int, bytes, bytes]])
    return [LogEntry(offset, EpochMs(at), key, value) for offset, (at, key, value) in enumerate(records)]


def write_log(name: str, log: list[LogEntry]) -> None:
    records = [(entry.append_ms, entry.key, entry.value) for entry in log]
    packed = zstandard.compress(msgspec.msgpack.encode(records), 19)
    (FOLDER / f"{name}.msgpack.zst").write_bytes(packed)


def wanted(name: str) -> Golden:
    """What must come of it."""
    return msgspec.json.decode((FOLDER / f"{name}.json").read_bytes(), type=Golden)


def folded(log: list[LogEntry], *, cut: int | None = None) -> Golden:
    """What does come of it; cut, if wanted, into a snapshot and the rest."""
    state = new_state(partition_of(ZONE, PARTITIONS), PARTITIONS)
    alerts, answers, reasons = _Digest(), _Digest(), dict[str, int]()
    for entry in log:
        if entry.offset == cut:
            state = load(dump(state))
        _, decisions = fold(state, entry)
        for decision in decisions:
            reasons[decision.reason.value] = reasons.get(decision.reason.value, 0) + 1
            for alert in decision.alerts:
                alerts.add(encode(alert))
            if decision.result is not None:
                answers.add(encode(decision.result))
    end = _Digest()
    end.add(dump(state))
    return Golden(
        fold_version=FOLD_VERSION,
        format_version=FORMAT_VERSION,
        entries=len(log),
        decisions=dict(sorted(reasons.items())),
        alerts=alerts.count,
        answers=answers.count,
        alerts_digest=alerts.hexdigest(),
        answers_digest=answers.hexdigest(),
        state_digest=end.hexdigest(),
    )


class _Digest:
    """A digest of byte strings, where one ends and the next begins included."""

    def __init__(self) -> None:
        self._hash = blake2b(digest_size=16)
        self.count = 0

    def add(self, payload: bytes) -> None:
        self._hash.update(len(payload).to_bytes(8, "big") + payload)
        self.count += 1

    def hexdigest(self) -> str:
        return self._hash.hexdigest()


def wide_features() -> list[str]:
    """The vector extensions beyond AVX2 that numpy found on this machine and would use."""
    config: Any = np.show_config(mode="dicts")
    found = config["SIMD Extensions"].get("found", [])
    return [name for name in found if name.startswith("AVX512") or name == "X86_V4"]


def main(arguments: list[str]) -> None:
    if arguments in (["--write"], ["--record"]):
        FOLDER.mkdir(exist_ok=True)
        for name, scene in SCENES.items():
            if arguments == ["--record"]:
                write_log(name, scene().entries)
            text = json.dumps(msgspec.to_builtins(folded(read_log(name))), indent=2)
            (FOLDER / f"{name}.json").write_text(text + "\n", encoding="utf-8")
        return
    (name,) = arguments
    found = {"golden": msgspec.to_builtins(folded(read_log(name))), "features": wide_features()}
    sys.stdout.write(json.dumps(found))


if __name__ == "__main__":
    main(sys.argv[1:])
