"""The codec on one core: generated code beside fastavro, which walks through the schema, in the same run.

    python -m benchmarks.codec --json [--rounds N]

The last line is one JSON object. Records are those of a partition as busy as the fold bench makes it, and the alerts
and answers that come of them; pillar events are made of the log's. Rounds of both take turns, and CPU time counts, so
that other work on the machine shows only as a warmer or colder cache. Of each type:

records, bytes           how many there are in a round, and how long one is on the wire
encode_us, decode_us     microseconds a record: generated code, and fastavro; the median of the rounds
encode_times, decode_times  fastavro's time by that of generated code: the median of the rounds, and their spread

Before anything is timed, both write the same bytes and read the same records.
"""

import argparse
import json
import statistics
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TypeVar

import msgspec

from benchmarks.fold.mix import PartitionLog, Size
from benchmarks.support.machine import describe
from benchmarks.support.processor_time import machine_time, stolen_share
from schemas.ack import AckFact
from schemas.alert import Alert
from schemas.codec import decode, decode_by_schema, encode, encode_by_schema, preload
from schemas.feeds import PillarEvent
from schemas.fusion_log import FeedWatermark, FusionInput, PillarFact, Tick
from streams.worker.process_tuning import tune_gc

ValueT = TypeVar("ValueT")

SIZE = Size(zones=100, open_incidents=460, remembered=0)  # a tenth of the fold bench
INPUTS = 2_000
MOST_RECORDS = 400
"""Of a type in one round, so that a round of a type takes some ten milliseconds."""

ROUNDS = 60

RECORDS: Sequence[type[msgspec.Struct]] = (
    Alert,
    FusionInput,
    PillarEvent,
    PillarFact,
    AckFact,
    Tick,
    FeedWatermark,
)
"""What a press meets on its way, and what the log holds most of."""

BARS = {
    ("Alert", "encode_times"): 3.0,
    ("Alert", "decode_times"): 2.0,
    ("FusionInput", "encode_times"): 3.0,
    ("FusionInput", "decode_times"): 2.0,
}
"""How many times as fast as fastavro, at least: docs/adr/0022."""


def corpus(
    size: Size = SIZE, inputs: int = INPUTS, most: int = MOST_RECORDS
) -> dict[str, list[msgspec.Struct]]:
    """Records by the name of their type, spread evenly over those of the log."""
    found: dict[type[msgspec.Struct], list[msgspec.Struct]] = defaultdict(list)
    log = PartitionLog(size, on_wire=True)
    for phase in (log.registered(), log.evening(), log.mixed(inputs)):
        for given in phase:
            for record in (given.envelope, given.record):
                found[type(record)].append(record)
            for decision in log.writer.last:
                found[Alert].extend(decision.alerts)
    found[PillarEvent] = [
        PillarEvent(
            device_id=fact.device_id,
            kind=fact.kind,
            occurred_at=fact.occurred_at,
            received_at=fact.received_at,
            event_id=fact.event_id,
        )
        for fact in found[PillarFact]
        if isinstance(fact, PillarFact)
    ]
    return {record.__name__: _spread(found[record], most) for record in RECORDS}


def _spread(records: list[msgspec.Struct], most: int) -> list[msgspec.Struct]:
    return records[:: max(1, len(records) // most)][:most]


def measure(records: Sequence[msgspec.Struct], rounds: int) -> dict[str, object]:
    """The figures of one type.

    Raises:
        AssertionError: The two do not do the same.
    """
    kind = type(records[0])
    payloads = [encode_by_schema(record) for record in records]
    assert [encode(record) for record in records] == payloads, kind
    assert [decode(payload, kind) for payload in payloads] == list(records), kind
    assert [decode_by_schema(payload, kind) for payload in payloads] == list(records), kind
    figures: dict[str, object] = {
        "records": len(records),
        "bytes": round(statistics.mean(map(len, payloads))),
    }
    return (
        figures
        | _compared("encode", encode, encode_by_schema, records, rounds)
        | _compared(
            "decode",
            lambda payload: decode(payload, kind),
            lambda payload: decode_by_schema(payload, kind),
            payloads,
            rounds,
        )
    )


def _compared(
    name: str,
    new: Callable[[ValueT], object],
    old: Callable[[ValueT], object],
    values: Sequence[ValueT],
    rounds: int,
) -> dict[str, object]:
    """Both in turns; the first round of each warms up and does not count."""
    pairs = [(_us(new, values), _us(old, values)) for _ in range(rounds + 1)][1:]
    ratios = [fastavro / generated for generated, fastavro in pairs]
    low, *_, high = statistics.quantiles(ratios, n=20)
    return {
        f"{name}_us": [round(statistics.median(times), 2) for times in zip(*pairs, strict=True)],
        f"{name}_times": round(statistics.median(ratios), 2),
        f"{name}_times_spread": [round(low, 2), round(high, 2)],
    }


def _us(work: Callable[[ValueT], object], values: Iterable[ValueT]) -> float:
    """Microseconds of CPU time a value."""
    count, began = 0, time.process_time()
    for value in values:
        work(value)
        count += 1
    return (time.process_time() - began) / count * 1e6


def bars_met(figures: Mapping[str, Mapping[str, object]]) -> dict[str, bool]:
    """Which bars the figures reach."""
    return {
        f"{record} {name}": float(str(figures[record][name])) >= bar for (record, name), bar in BARS.items()
    }


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the bench and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--json", action="store_true", help="(always) print one JSON object last")
    parser.add_argument("--rounds", type=int, default=ROUNDS, help="of each type, generated and fastavro")
    given = parser.parse_args(arguments)
    preload()
    records = corpus()
    tune_gc()  # as a worker does
    before = machine_time()
    figures = {name: measure(found, given.rounds) for name, found in records.items()}
    result = {
        "records": figures,
        "bars": {f"{record} {name}": f">= {bar}" for (record, name), bar in BARS.items()},
        "bars_met": bars_met(figures),
        "stolen": round(stolen_share(before, machine_time()), 4),
        "machine": describe(),
    }
    print(json.dumps(result))


if __name__ == "__main__":
    main()
