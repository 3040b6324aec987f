"""The peers' own Python environment: they pin another confluent-kafka than callbox (2.12 against 2.16).

absent, or made for other pins ──venv, pip──► there, with a copy of the pins in it
"""

import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final

CONSTRAINTS: Final = Path(__file__).with_name("constraints.txt")
_STAMP: Final = "pins.txt"


def peers_python(cache: Path) -> Path:
    """The interpreter that the peers run on, installed first where it is not there.

    Args:
        cache: The folder that keeps what is downloaded; the environment is `peers/venv` in it.

    Raises:
        subprocess.CalledProcessError: pip could not install the pinned versions.
    """
    folder = cache.absolute() / "peers" / "venv"
    python = folder / "bin" / "python"
    pins = CONSTRAINTS.read_text("utf-8")
    if is_made_for(folder, pins):
        return python
    shutil.rmtree(folder, ignore_errors=True)
    folder.parent.mkdir(parents=True, exist_ok=True)
    subprocess.run([sys.executable, "-I", "-m", "venv", str(folder)], check=True)
    command = [str(python), "-I", "-m", "pip", "install", "--quiet", "--require-hashes"]
    command += ["--only-binary", ":all:", "--requirement", str(CONSTRAINTS)]
    subprocess.run(command, check=True, stdout=sys.stderr)
    (folder / _STAMP).write_text(pins, "utf-8")
    return python


def is_made_for(folder: Path, pins: str) -> bool:
    """Whether an environment was made to its end, for these pins."""
    stamp = folder / _STAMP
    return stamp.is_file() and stamp.read_text("utf-8") == pins
