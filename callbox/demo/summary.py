"""What is printed at the end."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from callbox.demo.result import Story
from callbox.demo.totals import as_columns, came_out, given_up, latency_text, went_in
from callbox.demo.write import ALERTS_FILE, LOGS, PAGE, RECORDING, SNAPSHOTS


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
