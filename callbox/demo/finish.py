"""The end of a run: its files are written and judged with all else that it left: right or not, and why."""

from collections.abc import Iterable, Sequence
from pathlib import Path

from callbox.demo.leak_check import in_files, in_topics, needles
from callbox.demo.outcome import compare, expected, observed
from callbox.demo.plate_reads import plate_read_problems
from callbox.demo.result import Story
from callbox.demo.write import RECORDING, write_page, write_records
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
