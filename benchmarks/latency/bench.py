"""Press to alert on Apache Kafka: the shipped workers with shipped settings, beside the release before and bare hops.

    python -m benchmarks.latency --json [--quick] [--earlier COMMIT] [--only PHASE ...]

The last line is one JSON object. Open loop; a press's latency runs from its scheduled time to the arrival of the first
red alert that names it at a process of its own; a press counts once. All phases are interleaved on one warm broker, in
rounds, and the percentiles of a phase are those of all its slices together; each bar is a ratio of two figures of the
run (benchmarks/latency/bars.py). Workers are started anew for each slice (benchmarks/latency/releases.py). A slice
during which the host took more than 10 % of the CPU time is repeated once. It ends with 66 when the clone does not
hold the earlier commit.
"""

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from benchmarks.endurance.earlier_tree import EarlierTree, release_before
from benchmarks.latency.bars import EARLIER, verdicts
from benchmarks.latency.phases import Meter
from benchmarks.latency.plan import CAPACITY, PHASES, Plan
from benchmarks.latency.rounds import Rounds
from benchmarks.support.bench_broker import bench_broker
from benchmarks.support.machine import describe
from schemas.errors import InputMissing

NONE = "none"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the rounds and print the figures.

    Returns:
        0, or 66 when the earlier commit is not there.
    """
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--json", action="store_true", help="(always) print one JSON object last")
    parser.add_argument(
        "--quick", action="store_true", help="one round, each slice a sixth, to see that it runs"
    )
    parser.add_argument("--earlier", help=f"a commit, or '{NONE}'; default: the last release")
    names = (*PHASES, CAPACITY)
    parser.add_argument("--only", choices=names, nargs="+", default=names, help="these phases, else all")
    given = parser.parse_args(arguments)
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as name, ExitStack() as ending:
        folder = Path(name)
        try:
            earlier = None if given.earlier == NONE else _unpacked(given.earlier, folder)
        except InputMissing as error:
            print(f"latency: {error}; --earlier {NONE} measures without it", file=sys.stderr)
            return error.exit_code
        broker = ending.enter_context(bench_broker(folder))
        meter = Meter(broker.bootstrap, folder)
        rounds = ending.enter_context(Rounds(broker, folder, meter, earlier))
        figures = rounds.run(Plan.of(given.only, quick=given.quick, with_earlier=earlier is not None))
    report = {
        **figures,
        "bars": verdicts(figures),
        EARLIER: earlier and earlier.commit,
        "quick": given.quick,
        "took_s": round(time.monotonic() - began),
        "machine": describe(),
    }
    print(json.dumps(report))
    return 0


def _unpacked(commit: str | None, folder: Path) -> EarlierTree:
    return EarlierTree(commit or release_before(), folder / "earlier")
