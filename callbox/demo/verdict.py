"""Whether a run was right: what came out is what the scenario says, a replay agrees, and nothing left a trace."""

from collections.abc import Iterable, Sequence
from pathlib import Path

from callbox.demo.outcome import compare, expected, observed
from callbox.demo.plate_reads import plate_read_problems
from callbox.demo.story import Story
from callbox.demo.traces import in_files, in_topics, needles
from streams.replay.recording import load_log
from streams.replay.refold import differences, refold


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
