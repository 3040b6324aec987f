"""Storms through the fold: how much one control room is told, and how long a press waits behind it.

    python -m benchmarks.storms --json [--rounds N] [--storm NAME]

The last line is one JSON object. No broker: records in the log's real encoding are folded in process, in four
partitions as in production, one process for all four. One operator is one control room, which gets every alert of the
county. Each storm is folded --rounds times; its log and its alerts are equal each time, and of each record's time the
median counts, so that other work on the machine does not.

alerts                   all of them, those of presses too
alerts_an_hour_operator  the same an hour
alerts_beyond_presses_10min  the most in ten minutes, without the incidents of presses
presses, presses_heard   pressed, and told at once in a red that names the pillar
press_p99_ms             from the arrival of a press until it is folded, behind what has come before it; press_max_ms
                         is the longest
tick_max_ms              the longest that one tick of one partition takes, with the alerts that it issues
open_after               open incidents at the end, as far as anybody has been told

benchmarks/storms/storm.py says what happens in each.
"""

import argparse
import json
import statistics
from collections.abc import Sequence

from benchmarks.storms.log import Folded, StormLog, Told, waits_s
from benchmarks.storms.site import HEARTBEAT_S
from benchmarks.storms.storm import BEGINS_S, STORMS, Storm, run
from benchmarks.support.machine import describe
from benchmarks.support.processor_time import machine_time, stolen_share
from schemas.alert import Alert
from schemas.enums import Hazard, IncidentState
from streams.worker.process_tuning import tune_gc

ROUNDS = 3
OPERATORS = 1
TEN_MINUTES_S = 600
HOUR_S = 3_600
MOST_BEYOND = 10
MOST_TICK_MS = 50
OVER = (IncidentState.CLOSED, IncidentState.CANCELLED)

BARS = {
    "presses_heard": "= presses",
    "alerts_beyond_presses_10min": f"<= {MOST_BEYOND}: more than 10 in 10 minutes are a flood (docs/requirements.md)",
    "tick_max_ms": f"<= {MOST_TICK_MS}",
}


def figures_of(storm: Storm, rounds: int) -> dict[str, object]:
    """The figures of one storm.

    Args:
        storm: The storm.
        rounds: How many times it is folded.
    """
    tune_gc()  # as a worker does
    logs = [run(storm) for _ in range(rounds)]
    folded = _median_times([log.folded for log in logs])
    log = logs[0]
    waits_ms = sorted(1000 * wait for wait in waits_s(folded))
    beyond = beyond_presses(log.told)
    hours = storm.lasts_s / HOUR_S
    return {
        "devices": storm.county.devices,
        "zones": storm.county.zones,
        "hours": round(hours, 2),
        "records": len(folded),
        "alerts": len(log.told),
        "alerts_an_hour_operator": round(len(log.told) / hours / OPERATORS, 1),
        "alerts_beyond_presses": len(beyond),
        "alerts_beyond_presses_10min": worst_ten_minutes([told.at_s for told in beyond]),
        "presses": storm.presses,
        "presses_heard": log.heard,
        "press_p99_ms": round(waits_ms[int(0.99 * (len(waits_ms) - 1))], 2),
        "press_max_ms": round(waits_ms[-1], 2),
        "tick_max_ms": round(max(1000 * record.taken_s for record in folded if record.is_tick), 2),
        "open_after": len(open_alerts(log)),
    }


def _median_times(rounds: Sequence[list[Folded]]) -> list[Folded]:
    """The records of a storm, each with the median of its times."""
    assert len({len(folded) for folded in rounds}) == 1, "a storm was not the same twice"
    return [
        first._replace(taken_s=statistics.median(record.taken_s for record in (first, *others)))
        for first, *others in zip(*rounds, strict=True)
    ]


def beyond_presses(told: Sequence[Told]) -> list[Told]:
    """The alerts of incidents that no press has opened or joined."""
    pressed = {
        each.alert.incident_id
        for each in told
        if each.alert.press_count or each.alert.hazard is Hazard.EMERGENCY_CALL
    }
    return [each for each in told if each.alert.incident_id not in pressed]


def worst_ten_minutes(times_s: Sequence[float]) -> int:
    """The most of these times, which rise, that lie in one span of ten minutes."""
    worst = start = 0
    for end, at_s in enumerate(times_s):
        while at_s - times_s[start] >= TEN_MINUTES_S:
            start += 1
        worst = max(worst, end - start + 1)
    return worst


def open_alerts(log: StormLog) -> list[Alert]:
    """The latest alert of each incident that is open at the end."""
    latest: dict[str, Alert] = {}
    for told in log.told:
        latest[told.alert.incident_id] = told.alert
    return [alert for alert in latest.values() if alert.state not in OVER]


def bars_met(figures: dict[str, object]) -> dict[str, bool]:
    """Which bars the figures of a storm reach."""
    return {
        "presses_heard": figures["presses_heard"] == figures["presses"],
        "alerts_beyond_presses_10min": float(str(figures["alerts_beyond_presses_10min"]))
        <= MOST_BEYOND * OPERATORS,
        "tick_max_ms": float(str(figures["tick_max_ms"])) <= MOST_TICK_MS,
    }


def main(arguments: Sequence[str]) -> None:
    """Run the bench and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--json", action="store_true", help="(always) print one JSON object last")
    parser.add_argument("--rounds", type=int, default=ROUNDS, help="how many times each storm is folded")
    parser.add_argument("--storm", choices=list(STORMS), action="append", help="only this one")
    given = parser.parse_args(arguments)
    before = machine_time()
    storms: dict[str, object] = {}
    met: dict[str, object] = {}
    for name in given.storm or STORMS:
        figures = figures_of(STORMS[name], given.rounds)
        storms[name] = figures
        met[name] = bars_met(figures)
    print(
        json.dumps(
            {
                "storms": storms,
                "operators": OPERATORS,
                "rounds": given.rounds,
                "heartbeat_s": HEARTBEAT_S,
                "begins_s": BEGINS_S,
                "bars": BARS,
                "bars_met": met,
                "stolen": round(stolen_share(before, machine_time()), 4),
                "machine": describe(),
            }
        )
    )
