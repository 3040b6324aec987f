"""Every bench loads as the Makefile runs it: from any folder, with nothing on the path but what is installed."""

import os
import subprocess
import sys
from pathlib import Path

from tests.support.paths import ROOT

BENCHES = ROOT / "benchmarks"


def test_every_bench_loads_from_another_folder_under_safe_path(tmp_path: Path) -> None:
    modules = sorted(
        ".".join(file.relative_to(BENCHES.parent).with_suffix("").parts)
        for file in BENCHES.rglob("*.py")
        if file.name not in {"__init__.py", "__main__.py"} and "peers" not in file.parts
    )
    assert "benchmarks.chaos.bench" in modules
    code = "import importlib, sys; [importlib.import_module(name) for name in sys.argv[1:]]"
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(
        [sys.executable, "-P", "-c", code, *modules],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
