"""`callbox keys make`: one key for each writer, which nobody else may read."""

import stat
from pathlib import Path

from click.testing import CliRunner

from callbox.commands.keys import keys
from processors.fold.writers import Writer
from streams.kafka.log_signing import read_key


def make(folder: Path) -> str:
    result = CliRunner().invoke(keys, ["make", str(folder)])
    assert result.exit_code == 0, result.output
    return result.output


def test_each_writer_gets_a_key_of_its_own(tmp_path: Path) -> None:
    output = make(tmp_path / "keys")
    made = {read_key(path) for path in (tmp_path / "keys").iterdir()}
    assert {key.writer for key in made} == set(Writer)
    assert len({key.secret for key in made}) == len(Writer)
    assert all(key.secret.hex() not in output for key in made)


def test_only_its_owner_may_read_a_key(tmp_path: Path) -> None:
    make(tmp_path / "keys")
    modes = {stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "keys").iterdir()}
    assert modes == {0o600}
    assert stat.S_IMODE((tmp_path / "keys").stat().st_mode) == 0o700


def test_a_key_that_is_there_is_kept(tmp_path: Path) -> None:
    make(tmp_path)
    before = {path: path.read_text() for path in tmp_path.iterdir()}
    (tmp_path / "alarms.key").unlink()
    assert "there already" in make(tmp_path)
    after = {path: path.read_text() for path in tmp_path.iterdir()}
    assert {path for path in before if before[path] != after[path]} == {tmp_path / "alarms.key"}


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    (tmp_path / "alarms.key").symlink_to(elsewhere)
    make(tmp_path)
    assert not elsewhere.exists()
