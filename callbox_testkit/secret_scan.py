"""Looks for secrets in every file that is committed or about to be: `python -m callbox_testkit.secret_scan`.

    files of git ─► detect-secrets ─► without what .ci/harmless-secrets.txt names ─► PATH:LINE KIND, and exit code 1

What looks like a secret and is none, such as the password of a test, is named there by its file, kind and hash: with
`--accept`, after a look at the difference. Line numbers are not kept, so a change elsewhere in a file costs nothing.
The history is not looked at: what was ever pushed must be changed at the broker anyway.
"""

import os
import subprocess
import sys
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Final, NamedTuple

from detect_secrets.core.scan import scan_file
from detect_secrets.settings import transient_settings

from callbox_testkit.programs import installed_program

HARMLESS: Final = Path(".ci/harmless-secrets.txt")

_PLUGINS: Final = (
    "AWSKeyDetector",
    "Base64HighEntropyString",
    "BasicAuthDetector",
    "GitHubTokenDetector",
    "GitLabTokenDetector",
    "JwtTokenDetector",
    "KeywordDetector",
    "NpmDetector",
    "PrivateKeyDetector",
    "PypiTokenDetector",
    "SlackDetector",
)
"""Of detect-secrets' own. Left out are services that nobody here uses, since each costs seconds, and the entropy of
hexadecimal digits, since half of the tree is hashes."""

_ENTROPY: Final = 4.5  # bits a character, detect-secrets' own limit
_SETTINGS: Final = {
    "plugins_used": [
        {"name": name, "limit": _ENTROPY} if "Entropy" in name else {"name": name} for name in _PLUGINS
    ],
    "filters_used": [
        {"path": f"detect_secrets.filters.heuristic.{name}"}
        for name in ("is_indirect_reference", "is_sequential_string", "is_templated_secret")
    ],
}
_NOT_LOOKED_AT: Final = (
    "tests/golden/*",
    "tests/samples/*",
    "*constraints.txt",
    "requirements*.txt",
    ".ci/*.txt",
)
"""Recorded logs and lists of hashes."""


class Found(NamedTuple):
    """What looks like a secret.

    Attributes:
        path: Its file.
        line: Its line, from 1.
        kind: As detect-secrets calls it.
        digest: SHA-1 of the secret; never the secret.
    """

    path: str
    line: int
    kind: str
    digest: str

    @property
    def name(self) -> str:
        """What it is recognised by, wherever in its file it stands."""
        return f"{self.path}\t{self.kind}\t{self.digest}"


def scan(files: Iterable[str]) -> Iterator[Found]:
    """What looks like a secret in these files."""
    with transient_settings(_SETTINGS):
        for path in files:
            for secret in scan_file(path):
                yield Found(path, secret.line_number, secret.type, secret.secret_hash)


def committed_files(root: Path) -> list[str]:
    """The files that git knows, or would take with `git add .`.

    Raises:
        subprocess.CalledProcessError: `root` is in no repository.
    """
    git = installed_program("git") or "git"
    listed = ["ls-files", "-z", "--cached", "--others", "--exclude-standard", "--", "."]
    left_out = [f":(exclude,top){pattern}" for pattern in _NOT_LOOKED_AT]
    done = subprocess.run([git, "-C", str(root), *listed, *left_out], capture_output=True, check=True)
    return sorted({name for name in done.stdout.decode().split("\0") if name and (root / name).is_file()})


def _scan_some(files: Sequence[str]) -> list[Found]:
    return list(scan(files))


def main(arguments: Sequence[str]) -> int:
    """Scan the files that are named, or all; with `--accept` take what is found as harmless."""
    named = [argument for argument in arguments if argument != "--accept"]
    files = named or committed_files(Path())
    workers = 1 if named else os.cpu_count() or 1
    with ProcessPoolExecutor(workers) as pool:
        parts = [files[number::workers] for number in range(workers)]
        found = sorted(each for part in pool.map(_scan_some, parts) for each in part)
    if "--accept" in arguments:
        HARMLESS.write_text("".join(f"{name}\n" for name in sorted({each.name for each in found})), "utf-8")
        return 0
    harmless = set(HARMLESS.read_text("utf-8").splitlines())
    left = [each for each in found if each.name not in harmless]
    for each in left:
        sys.stdout.write(f"{each.path}:{each.line}: {each.kind}\n")
    return 1 if left else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
