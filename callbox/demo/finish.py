"""The end of a run: its files are written, and all that it left is judged: right or not, and why."""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from callbox.demo.check.leak_check import in_files, in_topics, needles
from callbox.demo.check.outcome import compare, expected, observed, plate_read_problems
from callbox.demo.report.files import ALERTS_FILE, LOGS, PAGE, RECORDING, SNAPSHOTS, write_page, write_records
from callbox.demo.report.totals import as_columns, came_out, given_up, latency_text, went_in
from callbox.demo.result import Story
from streams.replay.recording import load_log
from streams.replay.refold import differences, refold


def conclude(story: Story, out: Path) -> list[str]:
    """Write the files of a run and judge it.

    Args:
        story: The run.
        out: Its folder; what the workers printed lies there already.

    Returns:
        Everything that is wrong, a line each; empty when the run was right.
    """
    write_records(story, out)
    write_page(story, [], out)  # it is searched for plates too
    left = [path for path in out.rglob("*") if path.is_file()]
    problems = verdict(story, out / RECORDING, left)
    write_page(story, problems, out)
    return problems


def verdict(story: Story, recording: Path, written: Iterable[Path]) -> list[str]:
    """Judge a run.

    Args:
        story: The run.
        recording: The log as it was written to a file: that is what is folded again.
        written: Every file that the run left.

    Returns:
        Everything that is wrong, a line each; empty when the run was right.
    """
    script = story.script
    wanted = expected(script.scenario, script.town, story.sent)
    searched = needles(script.cast.all_vehicles)
    return [
        *story.problems,
        *compare(wanted, observed(story.found)),
        *plate_read_problems(script.scenario, story.sent, story.plate_reads),
        *replay(story, recording),
        *in_topics(searched, story.found.records),
        *in_files(searched, written),
    ]


def replay(story: Story, recording: Path) -> Sequence[str]:
    """Fold the recorded log again and hold it against the alerts that went out.

    Raises:
        FileRefused: The recording cannot be read.
    """
    log = load_log(recording)
    return [
        f"replay: {difference}"
        for difference in differences(refold(log.entries, log.partitions), story.found.live())
    ]


def summary(story: Story, problems: Sequence[str], out: Path) -> Iterator[str]:
    """Lines for people: in, out, given up, how fast, where the files are, and whether it was right."""
    yield from ("", "went in", *as_columns(went_in(story)))
    yield from ("", "came out", *as_columns(came_out(story)))
    yield from ("", "dead letters", *as_columns(given_up(story)))
    yield ""
    yield f"press to alert  {latency_text(story)} (a separate consumer, {story.broker} broker)"
    yield f"the log         {len(story.found.log().entries)} records, {story.found.repeats} repeats came out"
    reads = ", ".join(f"{count} {outcome}" for outcome, count in story.plate_reads.items())
    yield f"plate reads     {reads}"
    set_up_s, play_s, total_s = story.durations
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
