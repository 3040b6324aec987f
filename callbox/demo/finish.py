"""The end of a run: its files are written, and all that it left is judged: right or not, and why."""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from callbox.demo.check.leak_check import in_files, in_topics, secrets_of
from callbox.demo.check.outcome import expected, mismatches, observed, plate_read_problems
from callbox.demo.report.files import ALERTS_FILE, LOGS, PAGE, RECORDING, SNAPSHOTS, write_page, write_records
from callbox.demo.report.totals import as_columns, came_out, dead_letters, latency_text, went_in
from callbox.demo.result import RunResult
from streams.replay.recording import load_log
from streams.replay.refold import differences, refold


def finish(result: RunResult, out: Path) -> list[str]:
    """Write the files of a run and judge it.

    Args:
        result: The run.
        out: Its folder; what the workers printed lies there already.

    Returns:
        Everything that is wrong, a line each; empty when the run was right.
    """
    write_records(result, out)
    write_page(result, [], out)  # it is searched for plates too
    left = [path for path in out.rglob("*") if path.is_file()]
    problems = verdict(result, out / RECORDING, left)
    write_page(result, problems, out)
    return problems


def verdict(result: RunResult, recording: Path, written: Iterable[Path]) -> list[str]:
    """Judge a run.

    Args:
        result: The run.
        recording: The log as it was written to a file: that is what is folded again.
        written: Every file that the run left.

    Returns:
        Everything that is wrong, a line each; empty when the run was right.
    """
    script = result.script
    wanted = expected(script.scenario, script.town, result.sent)
    searched = secrets_of(script.fixtures.all_vehicles)
    return [
        *result.problems,
        *mismatches(wanted, observed(result.collected)),
        *plate_read_problems(script.scenario, result.sent, result.plate_reads),
        *replay(result, recording),
        *in_topics(searched, result.collected.records),
        *in_files(searched, written),
    ]


def replay(result: RunResult, recording: Path) -> Sequence[str]:
    """Fold the recorded log again and hold it against the alerts that went out.

    Raises:
        FileRefused: The recording cannot be read.
    """
    log = load_log(recording)
    return [
        f"replay: {difference}"
        for difference in differences(refold(log.entries, log.partitions), result.collected.live())
    ]


def summary(result: RunResult, problems: Sequence[str], out: Path) -> Iterator[str]:
    """What is printed at the end: inputs, outputs, dead letters, latency, files, and whether the run was right."""
    yield from ("", "went in", *as_columns(went_in(result)))
    yield from ("", "came out", *as_columns(came_out(result)))
    yield from ("", "dead letters", *as_columns(dead_letters(result)))
    yield ""
    yield f"press to alert  {latency_text(result)} (a separate consumer, {result.broker} broker)"
    yield f"the log         {len(result.collected.log().entries)} records, {result.collected.repeats} repeats came out"
    reads = ", ".join(f"{count} {outcome}" for outcome, count in result.plate_reads.items())
    yield f"plate reads     {reads}"
    set_up_s, play_s, total_s = result.durations
    yield f"took            {total_s:.0f} s: set up {set_up_s:.0f}, play {play_s:.0f}"
    yield f"files           {out}: {PAGE}, {ALERTS_FILE}, {RECORDING}, {SNAPSHOTS}/, {LOGS}/"
    yield ""
    if problems:
        yield f"WRONG: {len(problems)} problems"
        yield from (f"  {problem}" for problem in problems)
    else:
        yield (
            "RIGHT: what came out is what the scenario says, folding the recorded log again gives the same bytes, "
            "and no plate is anywhere it must not be"
        )
