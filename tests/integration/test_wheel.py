"""What an operator installs: built, listed, and run in an environment outside the checkout that has nothing else."""

import os
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from zipfile import ZipFile

import pytest

from schemas.errors import InputMissing
from tests.support.paths import ROOT

PRODUCT = ("callbox", "models", "processors", "schemas", "streams")
DISTRIBUTIONS = {
    "callbox": PRODUCT,
    "callbox_testkit": ("callbox_testkit",),
    "callbox_benchmarks": ("benchmarks",),
}
FOLDERS = (".", "callbox_testkit", "benchmarks")
"""Where a pyproject.toml is, in the order of the distributions."""

NOT_SOURCE = ("__pycache__", "*.egg-info", "build")
NOT_INSTALLED = {"callbox_testkit/pyproject.toml", "benchmarks/pyproject.toml"}
BUILD_S, INSTALL_S, COMMAND_S = 300, 300, 60


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tree as it is, without what earlier builds left in it: a build takes over what it finds there."""
    folder = tmp_path_factory.mktemp("source")
    for name in (*PRODUCT, "callbox_testkit", "benchmarks", "tests"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns(*NOT_SOURCE))
    for name in ("pyproject.toml", "README.md", "LICENSE", "NOTICE"):
        shutil.copy(ROOT / name, folder / name)
    return folder


def build(source: Path, folder: Path, *places: str) -> None:
    """Build wheels as `docs/guides/install.md` says: with the setuptools that is installed, asking no index."""
    command = [sys.executable, "-I", "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-index"]
    command += ["--no-build-isolation", "--wheel-dir", str(folder)]
    subprocess.run([*command, *(f"./{name}" for name in places)], cwd=source, timeout=BUILD_S, check=True)


@pytest.fixture(scope="module")
def wheels(source: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The wheel of each distribution."""
    folder = tmp_path_factory.mktemp("wheels")
    build(source, folder, *FOLDERS)
    return {wheel.name.split("-")[0]: wheel for wheel in folder.glob("*.whl")}


class Installation:
    """An environment that has callbox and what it needs, and a folder that is not the checkout."""

    def __init__(self, wheel: Path, folder: Path) -> None:
        self._programs, self._elsewhere = folder / "environment" / "bin", folder / "elsewhere"
        self._elsewhere.mkdir()
        subprocess.run([sys.executable, "-m", "venv", str(self._programs.parent)], check=True)
        pip = [str(self._programs / "python"), "-I", "-m", "pip", "install", "--quiet"]
        hashed = ["--require-hashes", "--requirement"]
        for arguments in (
            [*hashed, str(ROOT / "requirements-build.txt")],
            ["--no-build-isolation", *hashed, str(ROOT / "requirements.txt")],
            ["--no-deps", "--no-index", str(wheel)],
        ):
            subprocess.run([*pip, *arguments], timeout=INSTALL_S, check=True)

    def run(self, program: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run one of its programs, with nothing of the test run in its environment."""
        ours = ("CALLBOX_", "PYTHON", "VIRTUAL_ENV")
        return subprocess.run(
            [str(self._programs / program), *arguments],
            cwd=self._elsewhere,
            env={name: value for name, value in os.environ.items() if not name.startswith(ours)},
            capture_output=True,
            text=True,
            timeout=COMMAND_S,
            check=False,
        )


@pytest.fixture(scope="module")
def installed(wheels: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Installation:
    return Installation(wheels["callbox"], tmp_path_factory.mktemp("installed"))


def files_of(packages: tuple[str, ...], source: Path) -> Iterator[str]:
    for package in packages:
        for file in (source / package).rglob("*"):
            if file.is_file() and not {"__pycache__", "build"} & set(file.parts):
                name = file.relative_to(source).as_posix()
                if ".egg-info/" not in name and name not in NOT_INSTALLED:
                    yield name


@pytest.mark.parametrize("distribution", DISTRIBUTIONS)
def test_a_wheel_has_every_file_of_its_packages_and_no_other(
    distribution: str, wheels: dict[str, Path], source: Path
) -> None:
    with ZipFile(wheels[distribution]) as wheel:
        found = {name for name in wheel.namelist() if ".dist-info/" not in name}
    expected = set(files_of(DISTRIBUTIONS[distribution], source))
    assert len(expected) > 10
    assert found == expected


@pytest.mark.parametrize("distribution", DISTRIBUTIONS)
def test_every_package_says_that_it_has_types(distribution: str, wheels: dict[str, Path]) -> None:
    with ZipFile(wheels[distribution]) as wheel:
        assert {f"{name}/py.typed" for name in DISTRIBUTIONS[distribution]} <= set(wheel.namelist())


def test_all_distributions_have_the_version_of_callbox() -> None:
    projects = [tomllib.loads((ROOT / name / "pyproject.toml").read_text("utf-8")) for name in FOLDERS]
    version = projects[0]["project"]["version"]
    assert [project["project"]["version"] for project in projects] == [version] * 3
    needed = {name for project in projects[1:] for name in project["project"]["dependencies"]}
    assert needed == {f"callbox=={version}", f"callbox-testkit=={version}"}


@pytest.mark.long
def test_two_builds_of_one_tree_have_the_same_bytes(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1900000000")
    built = []
    for number in range(2):
        tree = tmp_path / f"tree-{number}"
        shutil.copytree(source, tree)
        for file in tree.rglob("*"):
            os.utime(file, (1_800_000_000 + number, 1_800_000_000 + number))
        build(tree, tmp_path / f"wheels-{number}", *FOLDERS)
        built.append({file.name: file.read_bytes() for file in (tmp_path / f"wheels-{number}").iterdir()})
    assert len(built[0]) == len(FOLDERS)
    assert [name for name in built[0] if built[0][name] != built[1][name]] == []


@pytest.mark.long
def test_the_version_is_printed(installed: Installation) -> None:
    version = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["version"]
    done = installed.run("callbox", "--version")
    assert (done.returncode, done.stdout) == (0, f"callbox, version {version}\n"), done.stderr


@pytest.mark.long
def test_the_defaults_are_a_config(installed: Installation) -> None:
    done = installed.run("callbox", "config", "check")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("no config file, defaults: in order")


@pytest.mark.long
def test_models_that_were_not_fetched_are_named_with_what_to_do(installed: Installation) -> None:
    done = installed.run("callbox", "models", "verify")
    assert done.returncode == InputMissing.exit_code
    assert "plate_detector" in done.stdout
    assert done.stderr.splitlines()[-1].endswith("run `callbox models fetch`")


@pytest.mark.long
def test_what_tests_and_benches_need_is_not_there(installed: Installation) -> None:
    for package in ("benchmarks", "callbox_testkit", "tests"):
        assert "ModuleNotFoundError" in installed.run("python", "-c", f"import {package}").stderr


@pytest.mark.long
def test_the_demo_says_what_to_install_for_apache_kafka(installed: Installation) -> None:
    done = installed.run("callbox", "demo", "--broker", "kafka")
    assert done.returncode == InputMissing.exit_code
    assert "pip install ./callbox_testkit" in done.stderr
