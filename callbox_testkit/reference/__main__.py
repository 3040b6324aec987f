"""Write the reference pages, or with `--check` name those that are not what the code says."""

import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Final

from callbox_testkit.reference.acls import acls_page
from callbox_testkit.reference.alert import alert_page
from callbox_testkit.reference.exit_codes import exit_codes_page
from callbox_testkit.reference.lifecycle import lifecycle_page
from callbox_testkit.reference.metrics import metrics_page
from callbox_testkit.reference.records import records_page
from callbox_testkit.reference.settings import config_page, policy_page
from callbox_testkit.reference.topics import topics_page

FOLDER: Final = Path(__file__).parents[2] / "docs" / "reference"

PAGES: Final[Mapping[str, Callable[[], str]]] = {
    "acls": acls_page,
    "alert": alert_page,
    "config": config_page,
    "exit-codes": exit_codes_page,
    "lifecycle": lifecycle_page,
    "metrics": metrics_page,
    "policy": policy_page,
    "records": records_page,
    "topics": topics_page,
}


def outdated(folder: Path) -> Iterator[tuple[Path, str]]:
    """Each page that does not say what the code says, and what it should say."""
    for name, page in PAGES.items():
        path, text = folder / f"{name}.md", page()
        if not path.exists() or path.read_text("utf-8") != text:
            yield path, text


def main(arguments: list[str], folder: Path = FOLDER) -> int:
    """Write the pages and name them; with `--check` only name those that differ, and fail if there are any."""
    if arguments not in ([], ["--check"]):
        sys.stderr.write("usage: python -m callbox_testkit.reference [--check]\n")
        return 2
    differing = list(outdated(folder))
    if arguments:
        sys.stdout.writelines(f"{path.name} differs from the code\n" for path, _ in differing)
        return 1 if differing else 0
    folder.mkdir(parents=True, exist_ok=True)
    for path, text in differing:
        path.write_text(text, "utf-8")
    sys.stdout.writelines(f"{path.name} written\n" for path, _ in differing)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
