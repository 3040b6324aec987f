"""What the demo deletes and writes: what it made itself, inside its folder.

An operator in a hurry names a folder that holds something else. Another user of the machine lays links and files into
it. A camera or a gateway decides about the ids that files are named for.
"""

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callbox.demo.report.files import (
    ALERTS_FILE,
    LOGS,
    MARKER,
    PAGE,
    RECORDING,
    SNAPSHOTS,
    claim,
    write_page,
    write_records,
)
from callbox.demo.report.page import picture_file
from schemas.errors import FileRefused
from tests.support.nasty_names import NASTY, run_of


def of_an_earlier_run(out: Path) -> Path:
    """A folder that the demo has made, with the files of a run."""
    claim(out)
    for name in (SNAPSHOTS, LOGS):
        (out / name).mkdir()
    for name in (ALERTS_FILE, RECORDING, PAGE, f"{LOGS}/fusion.log", f"{LOGS}/alarms.metrics"):
        (out / name).write_text("earlier")
    (out / SNAPSHOTS / picture_file("frame-1")).write_text("earlier")
    return out


def files_in(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*")}


def test_the_demo_removes_the_files_of_its_earlier_run(tmp_path: Path) -> None:
    out = of_an_earlier_run(tmp_path / "deep" / "out")
    claim(out)
    assert files_in(out) == {MARKER}
    claim(out)  # an interrupted run has left nothing but the marker


def test_an_empty_folder_may_become_the_demo_s(tmp_path: Path) -> None:
    claim(tmp_path)
    assert files_in(tmp_path) == {MARKER}


@pytest.mark.parametrize("name", ["logs/theirs.log", "logs/fusion.log", "snapshots/a.jpg", "notes.txt", PAGE])
def test_a_folder_that_the_demo_has_not_made_is_left_alone(name: str, tmp_path: Path) -> None:
    file = tmp_path / "out" / name
    file.parent.mkdir(parents=True)
    file.write_text("mine")
    with pytest.raises(FileRefused, match="not a folder that the demo made"):
        claim(tmp_path / "out")
    assert file.read_text() == "mine"
    assert MARKER not in files_in(tmp_path / "out")


@pytest.mark.parametrize(
    "name", ["notes.txt", "logs/notes.txt", "logs/kafka.log", "snapshots/holiday.jpg", "logs/old/fusion.log"]
)
def test_where_somebody_has_put_a_file_among_those_of_the_demo_nothing_is_removed(
    name: str, tmp_path: Path
) -> None:
    out = of_an_earlier_run(tmp_path / "out")
    (out / name).parent.mkdir(exist_ok=True)
    (out / name).write_text("mine")
    before = files_in(out)
    with pytest.raises(FileRefused, match="which the demo has not made"):
        claim(out)
    assert files_in(out) == before


def test_a_link_is_not_the_demo_s_folder(tmp_path: Path) -> None:
    of_an_earlier_run(tmp_path / "real")
    (tmp_path / "out").symlink_to(tmp_path / "real")
    with pytest.raises(FileRefused, match="a link"):
        claim(tmp_path / "out")
    assert PAGE in files_in(tmp_path / "real")


@pytest.mark.parametrize("name", [LOGS, SNAPSHOTS, PAGE, f"{LOGS}/plates.log"])
def test_a_link_inside_the_folder_is_not_followed(name: str, tmp_path: Path) -> None:
    out = of_an_earlier_run(tmp_path / "out")
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "fusion.log").write_text("mine")
    if (out / name).is_dir():
        for file in (out / name).iterdir():
            file.unlink()
        (out / name).rmdir()
    (out / name).unlink(missing_ok=True)
    (out / name).symlink_to(elsewhere)
    with pytest.raises(FileRefused, match="which the demo has not made"):
        claim(out)
    assert (elsewhere / "fusion.log").read_text() == "mine"


@pytest.mark.parametrize("kind", ["link", "folder", "other text"])
def test_a_marker_of_another_kind_is_none(kind: str, tmp_path: Path) -> None:
    real = of_an_earlier_run(tmp_path / "real")
    out = tmp_path / "out"
    (out / LOGS).mkdir(parents=True)
    (out / LOGS / "fusion.log").write_text("mine")
    if kind == "link":
        (out / MARKER).symlink_to(real / MARKER)
    elif kind == "folder":
        (out / MARKER).mkdir()
    else:
        (out / MARKER).write_text("callbox demo")
    with pytest.raises(FileRefused, match="not a folder that the demo made"):
        claim(out)
    assert (out / LOGS / "fusion.log").read_text() == "mine"


def test_root_home_and_the_repository_are_no_folders_of_a_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "home").mkdir()
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.chdir(Path(__file__).parents[2])
    for out in (Path("/"), tmp_path / "home", tmp_path / "home" / ".." / "home", Path()):
        before = {path.name for path in out.iterdir()}
        with pytest.raises(FileRefused, match=r"not a folder of its own|not a folder that the demo made"):
            claim(out)
        assert {path.name for path in out.iterdir()} == before


def test_a_folder_that_others_may_write_is_not_used(tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    out.chmod(0o777)
    with pytest.raises(FileRefused, match="others could exchange"):
        claim(out)


def test_a_folder_of_another_user_is_not_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out = tmp_path / "out"
    out.mkdir()
    if os.geteuid() == 0:
        os.chown(out, 12345, 12345)
    else:
        monkeypatch.setattr(os, "geteuid", lambda: 12345)
    with pytest.raises(FileRefused, match="others could exchange"):
        claim(out)


def test_a_file_in_the_folder_s_place_is_named(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("mine")
    for out in (tmp_path / "out", tmp_path / "out" / "deeper"):
        with pytest.raises(FileRefused, match="out"):
            claim(out)
    assert (tmp_path / "out").read_text() == "mine"


@pytest.mark.parametrize("name", NASTY)
def test_an_id_names_no_file_outside_the_demo_s_folder(name: str, tmp_path: Path) -> None:
    out = tmp_path / "deep" / "out"
    claim(out)
    result = run_of(name)
    write_records(result, out)
    write_page(result, [], out)
    assert {path.name for path in tmp_path.iterdir()} == {"deep"}
    assert {path.name for path in (tmp_path / "deep").iterdir()} == {"out"}
    assert files_in(out / SNAPSHOTS) == {picture_file(name)}
    claim(out)  # and all of it is the demo's own
    assert files_in(out) == {MARKER}


@given(name=st.text())
def test_the_file_of_a_picture_is_a_plain_name(name: str) -> None:
    file = picture_file(name)
    assert Path(file).name == file
    assert file.isascii()
    assert file.isprintable()
