"""A program is found in absolute folders of the PATH, never in the working folder."""

from pathlib import Path

import pytest

from callbox_testkit.programs import installed_program


@pytest.mark.parametrize("entry", ["", ".", "bin"])
def test_a_program_of_the_working_folder_is_not_found(
    entry: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for folder in (tmp_path, tmp_path / "bin"):
        folder.mkdir(exist_ok=True)
        (folder / "mvn").write_text("#!/bin/sh\n")
        (folder / "mvn").chmod(0o755)
    monkeypatch.chdir(tmp_path)
    assert installed_program("mvn", {"PATH": f"{entry}:/nowhere"}) is None
    assert installed_program("mvn", {"PATH": f"{entry}:{tmp_path}"}) == str(tmp_path / "mvn")


def test_without_a_path_the_system_s_own_folders_are_looked_in() -> None:
    assert (installed_program("sh", {}) or "").startswith("/")
