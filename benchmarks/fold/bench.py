"""The fold on one core: decoded inputs in, decisions out; and the same through codec and agent on Apache Kafka.

    python -m benchmarks.fold --json [--seconds N] [--no-kafka]

The last line is one JSON object. One partition holds 10,000 devices in 1,000 zones, whose memories are full, and about
5,000 open incidents. Each round begins with that state again, read from its snapshot: the mix, then presses alone. The
mix has ticks once a second of stream time, with everything that is due by then; their time counts, but they are not
counted as inputs. If `core_share` is below 1, something else has used the core. benchmarks/fold/mix.py makes the log,
benchmarks/fold/kafka.py has the part on Kafka.
"""

import argparse
import gc
import json
import os
import statistics
import time
import tracemalloc
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import zstandard

from benchmarks.fold.kafka import through_the_agent
from benchmarks.fold.log import Input, Part
from benchmarks.fold.mix import PartitionLog, Size, run_through
from benchmarks.support.machine import describe
from benchmarks.support.processor_time import machine_time, stolen_share
from processors.fold.reducer import fold_decoded
from processors.fold.snapshot_codec import dump, freeze, load, pack
from processors.state.partition_state import State, new_state
from schemas.topics import BY_NAME, FUSION_SNAPSHOT, LOG_PARTITIONS
from streams.state.snapshot_bytes import COMPRESSION_LEVEL
from streams.worker.process_tuning import tune_gc

SIZE = Size()
INPUTS = 20_000
PRESSES = 2_000
QUIET_ZONES = (100, 1_000, 10_000)
QUIET_TICKS = 2_000
QUIET_EVERY_MS = 10  # so that nothing is due: all ticks lie within the minute after the last heartbeats
FEWEST_ROUNDS = 5
SNAPSHOT_ROUNDS = 5

MOST_GROWTH = 1.5
"""Ratio of a quiet tick's time with the most zones to that with the fewest: caches and other work have an effect."""

BARS = {
    "inputs_per_s": ">= 60000",
    "presses_per_s": ">= 15000",
    "snapshot_bytes": "below the topic's limit of 8 MiB",
    "tick_us_quiet": f"most zones <= {MOST_GROWTH} x fewest zones",
}


class Prepared(NamedTuple):
    """The material of the rounds.

    Attributes:
        devices: The state with devices and no incident yet.
        opened: The state before a round.
        mix: Inputs of one round.
        presses: Inputs of one round, from the same state.
    """

    devices: bytes
    opened: bytes
    mix: Sequence[Input]
    presses: Sequence[Input]


def prepare(size: Size, inputs: int, presses: int) -> Prepared:
    """Make the log up to where the rounds begin, and the rounds."""
    log = PartitionLog(size)
    run_through(log.registered())
    devices = dump(log.writer.state)
    run_through(log.evening())
    opened = dump(log.writer.state)
    mix = list(log.mixed(inputs))
    log.writer.state = load(opened)
    return Prepared(devices, opened, mix, list(log.presses(presses)))


def rate(opened: bytes, inputs: Sequence[Input]) -> float:
    """Inputs of the mix a second, in one round; ticks take time and are not counted."""
    state = load(opened)
    counted = sum(given.part is not Part.TIME for given in inputs)
    tune_gc()  # as a worker does
    began = time.perf_counter()
    for _part, entry, envelope, record in inputs:
        fold_decoded(state, entry, envelope, record)
    return counted / (time.perf_counter() - began)


def rounds(measure: Callable[[], float], seconds: float) -> list[float]:
    """Measure again and again, and throw the first away."""
    measure()
    found: list[float] = []
    until = time.monotonic() + seconds
    while len(found) < FEWEST_ROUNDS or time.monotonic() < until:
        found.append(measure())
    return found


def outcome(opened: bytes, inputs: Sequence[Input]) -> dict[str, object]:
    """The decisions of a round: counted, not timed."""
    state = load(opened)
    before = len(state.incidents)
    reasons: Counter[str] = Counter()
    alerts = 0
    for _part, entry, envelope, record in inputs:
        for decision in fold_decoded(state, entry, envelope, record)[1]:
            reasons[decision.reason] += 1
            alerts += len(decision.alerts)
    return {
        "alerts": alerts,
        "open_incidents": [before, len(state.incidents)],
        "decisions": dict(reasons.most_common()),
    }


def quiet_ticks(zones: Sequence[int], seconds: float) -> dict[str, float]:
    """Microseconds of a tick with nothing due, by how many zones there are; their rounds take turns."""
    logs = {count: PartitionLog(Size(zones=count, open_incidents=0, remembered=0)) for count in zones}
    for log in logs.values():
        run_through(log.registered())
    opened = {count: dump(log.writer.state) for count, log in logs.items()}
    ticks = {count: list(log.ticks(QUIET_TICKS, QUIET_EVERY_MS)) for count, log in logs.items()}
    found: dict[int, list[float]] = {count: [] for count in zones}

    def one_round() -> float:
        for count in zones:
            found[count].append(_tick_us(opened[count], ticks[count]))
        return 0.0

    rounds(one_round, seconds)
    return {str(count): round(statistics.median(found[count][1:]), 2) for count in zones}


def _tick_us(opened: bytes, ticks: Sequence[Input]) -> float:
    state = load(opened)
    tune_gc()
    began = time.perf_counter()
    for _part, entry, envelope, record in ticks:
        fold_decoded(state, entry, envelope, record)
    return (time.perf_counter() - began) / len(ticks) * 1e6


def memory(prepared: Prepared) -> dict[str, object]:
    """Bytes of a device and of an open incident: in memory (tracemalloc), and in a compressed snapshot."""
    whole = load(prepared.opened)
    devices, incidents = len(whole.devices), len(whole.incidents)
    empty = dump(new_state(whole.partition, whole.partitions))
    steps = (empty, prepared.devices, prepared.opened)
    in_memory = [_traced(step) for step in steps]
    in_snapshot = [len(_compressed(load(step))) for step in steps]
    return {
        "bytes_per_device_memory": round((in_memory[1] - in_memory[0]) / devices),
        "bytes_per_device_snapshot": round((in_snapshot[1] - in_snapshot[0]) / devices),
        "bytes_per_incident_memory": round((in_memory[2] - in_memory[1]) / incidents),
        "bytes_per_incident_snapshot": round((in_snapshot[2] - in_snapshot[1]) / incidents),
    }


def _traced(dumped: bytes) -> int:
    """Bytes that a state takes, as far as Python's allocators know."""
    gc.collect()
    tracemalloc.start()
    state = load(dumped)
    gc.collect()
    taken, _most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    del state
    return taken


def snapshot(opened: bytes) -> dict[str, object]:
    """What a snapshot costs: the copy, on the hot path, and all of it; and how large it is."""
    state = load(opened)
    copies, wholes = [], []
    for _ in range(SNAPSHOT_ROUNDS):
        began = time.perf_counter()
        frozen = freeze(state)
        copied = time.perf_counter()
        packed = zstandard.compress(pack(frozen), COMPRESSION_LEVEL)
        wholes.append((time.perf_counter() - began) * 1000)
        copies.append((copied - began) * 1000)
    return {
        "snapshot_ms": round(statistics.median(wholes), 1),
        "snapshot_copy_ms": round(statistics.median(copies), 2),
        "snapshot_bytes": len(packed),
    }


def _compressed(state: State) -> bytes:
    return zstandard.compress(dump(state), COMPRESSION_LEVEL)


def on_one_core(
    seconds: float,
    size: Size = SIZE,
    *,
    inputs: int = INPUTS,
    presses: int = PRESSES,
    zones: Sequence[int] = QUIET_ZONES,
) -> dict[str, object]:
    """Everything that needs no broker.

    Args:
        seconds: How long rounds take, all together.
        size: Of the partition.
        inputs: Of one round of the mix.
        presses: Of one round of presses.
        zones: Where quiet ticks are measured.
    """
    prepared = prepare(size, inputs, presses)
    began, began_cpu = time.perf_counter(), time.process_time()
    mixed = rounds(lambda: rate(prepared.opened, prepared.mix), seconds / 2)
    pressed = rounds(lambda: rate(prepared.opened, prepared.presses), seconds / 4)
    core_share = (time.process_time() - began_cpu) / (time.perf_counter() - began)
    came = outcome(prepared.opened, prepared.mix)
    return {
        "inputs_per_s": round(statistics.median(mixed)),
        "inputs_per_s_spread": [round(min(mixed)), round(max(mixed))],
        "presses_per_s": round(statistics.median(pressed)),
        "presses_per_s_spread": [round(min(pressed)), round(max(pressed))],
        "rounds": [len(mixed), len(pressed)],
        "core_share": round(core_share, 3),
        "devices": len(load(prepared.devices).devices),
        "zones": size.zones,
        **came,
        **memory(prepared),
        **snapshot(prepared.opened),
        "tick_us_quiet": quiet_ticks(zones, seconds / 4),
    }


def bars_met(figures: dict[str, object]) -> dict[str, bool]:
    """Which bars the figures reach."""
    ticks = figures["tick_us_quiet"]
    assert isinstance(ticks, dict)
    few, *_, many = ticks.values()
    return {
        "inputs_per_s": _number(figures, "inputs_per_s") >= 60_000,
        "presses_per_s": _number(figures, "presses_per_s") >= 15_000,
        "snapshot_bytes": _number(figures, "snapshot_bytes") < BY_NAME[FUSION_SNAPSHOT].max_message_bytes,
        "tick_us_quiet": many <= MOST_GROWTH * few,
    }


def _number(figures: dict[str, object], name: str) -> float:
    return float(str(figures[name]))


def main(arguments: Sequence[str]) -> None:
    """Run the bench and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--json", action="store_true", help="(always) print one JSON object last")
    parser.add_argument("--seconds", type=float, default=30.0, help="of rounds on one core, all together")
    parser.add_argument("--no-kafka", action="store_true", help="leave out what needs Apache Kafka")
    given = parser.parse_args(arguments)
    cache = Path(os.environ.get("CALLBOX_CACHE", ".cache"))
    before = machine_time()
    figures = on_one_core(given.seconds)
    figures["bars"] = BARS
    figures["bars_met"] = bars_met(figures)
    figures["stolen"] = round(stolen_share(before, machine_time()), 4)
    if not given.no_kafka:
        figures["agent"] = through_the_agent(cache, LOG_PARTITIONS)
    print(json.dumps(figures | {"machine": describe()}))
