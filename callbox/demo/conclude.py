"""The end of a run: its files are written, then judged together with everything else that it left."""

from pathlib import Path

from callbox.demo.story import Story
from callbox.demo.verdict import verdict
from callbox.demo.write import RECORDING, write_page, write_records


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
