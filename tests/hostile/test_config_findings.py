"""What a config leaves open: who may read its secrets, exchange its files, or hear what goes over the network.

The credential is that of another user of the machine, or of somebody on the network.
"""

import os
from pathlib import Path

import pytest

from callbox.cli import run as callbox
from callbox.config import load_config
from callbox.config_findings import findings
from processors.fold.writers import Writer
from schemas.errors import FileRefused
from streams.kafka.log_signing import make_key_text

SASL = """security_protocol = "{protocol}"
sasl_mechanism = "{mechanism}"
sasl_username = "callbox-alarms"
sasl_password_file = "{password}"
"""


class Site:
    """A config with its files, as an operator should have them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "etc"
        self.folder.mkdir(mode=0o755)
        self.password, self.key, self.ca = (self.file(name) for name in ("password", "key.pem", "ca.pem"))
        self.certificate = self.file("own.pem")
        for secret in (self.password, self.key):
            secret.chmod(0o600)
        self.config = self.folder / "callbox.toml"

    def file(self, name: str) -> Path:
        path = self.folder / name
        path.write_text("-----BEGIN " if name.endswith("pem") else "hunter2")
        path.chmod(0o644)
        return path

    def write(
        self,
        *,
        bootstrap: str = "kafka-1.example:9093",
        protocol: str = "SASL_SSL",
        mechanism: str = "SCRAM-SHA-512",
        more: str = "",
    ) -> None:
        lines = f'[kafka]\nbootstrap = "{bootstrap}"\n'
        if protocol.startswith("SASL"):
            lines += SASL.format(protocol=protocol, mechanism=mechanism, password=self.password)
        else:
            lines += f'security_protocol = "{protocol}"\n'
        if protocol.endswith("SSL"):
            lines += f'ssl_ca_file = "{self.ca}"\nssl_certificate_file = "{self.certificate}"\n'
            lines += f'ssl_key_file = "{self.key}"\n'
        self.config.write_text(lines + more)
        self.config.chmod(0o644)

    def check(self, *options: str) -> int:
        return callbox(["--config", str(self.config), "config", "check", *options])


@pytest.fixture
def site(tmp_path: Path) -> Site:
    made = Site(tmp_path)
    made.write()
    return made


ERROR = FileRefused.exit_code


def test_a_config_that_leaves_nothing_open_is_in_order(
    site: Site, capsys: pytest.CaptureFixture[str]
) -> None:
    assert site.check("--strict") == 0
    assert capsys.readouterr().out == f"{site.config}: in order, broker kafka-1.example:9093\n"


@pytest.mark.parametrize("mechanism", ["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"])
@pytest.mark.parametrize(
    "bootstrap", ["kafka-1.example:9092", "10.0.0.7:9092", "127.0.0.1:9092,kafka:9092", "[2001:db8::1]:9092"]
)
def test_a_user_without_tls_to_another_machine_is_an_error(
    mechanism: str, bootstrap: str, site: Site, capsys: pytest.CaptureFixture[str]
) -> None:
    site.write(bootstrap=bootstrap, protocol="SASL_PLAINTEXT", mechanism=mechanism)
    assert site.check() == ERROR
    assert "kafka.security_protocol" in capsys.readouterr().err
    assert site.check("--allow-plaintext") == (ERROR if mechanism == "PLAIN" else 0)
    assert site.check("--allow-plaintext", "--strict") == ERROR


@pytest.mark.parametrize("bootstrap", ["127.0.0.1:9092", "localhost:9092", "[::1]:9092", "127.8.0.1:9092"])
def test_on_this_machine_no_tls_is_needed(bootstrap: str, site: Site) -> None:
    for protocol in ("SASL_PLAINTEXT", "PLAINTEXT"):
        site.write(bootstrap=bootstrap, protocol=protocol, mechanism="PLAIN")
        assert site.check("--strict") == 0


def test_plaintext_to_another_machine_is_an_error_until_it_is_allowed(site: Site) -> None:
    site.write(protocol="PLAINTEXT")
    assert site.check() == ERROR
    assert site.check("--allow-plaintext") == 0


@pytest.mark.parametrize(
    ("name", "mode", "code"),
    [
        ("password", 0o666, ERROR),
        ("password", 0o644, ERROR),
        ("password", 0o604, ERROR),
        ("password", 0o602, ERROR),
        ("password", 0o620, ERROR),
        ("password", 0o440, 0),
        ("password", 0o400, 0),
        ("key", 0o666, ERROR),
        ("key", 0o644, ERROR),
        ("key", 0o640, 0),
        ("ca", 0o646, ERROR),
        ("ca", 0o664, 0),
        ("certificate", 0o666, ERROR),
        ("config", 0o666, ERROR),
        ("config", 0o664, 0),
    ],
)
def test_a_file_that_others_may_use_is_found(
    name: str, mode: int, code: int, site: Site, capsys: pytest.CaptureFixture[str]
) -> None:
    path: Path = getattr(site, name)
    path.chmod(mode)
    assert site.check() == code
    printed = capsys.readouterr()
    if mode != 0o400:
        assert str(path) in (printed.err if code else printed.out)
        assert f"mode {mode:o}" in printed.out + printed.err
        assert site.check("--strict") == ERROR
    assert "hunter2" not in printed.out + printed.err


@pytest.mark.parametrize(("looks", "severity"), [(54321, "error"), (0, "warning")])
def test_a_file_of_another_user_is_found_and_root_cannot_know_whose_it_should_be(
    looks: int, severity: str, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    usual = Path.stat

    def of_another(path: Path, *, follow_symlinks: bool = True) -> os.stat_result:
        found = list(usual(path, follow_symlinks=follow_symlinks))
        found[4] = 12345 if path.name == "password" else 0
        return os.stat_result(found)

    monkeypatch.setattr(Path, "stat", of_another)
    monkeypatch.setattr(os, "geteuid", lambda: looks)
    found = findings(load_config(site.config), site.config)
    assert [(finding.severity, finding.place) for finding in found] == [
        (severity, "kafka.sasl_password_file")
    ]


@pytest.mark.parametrize("mode", [0o777, 0o1777])
def test_a_folder_in_which_everybody_may_write_is_found(mode: int, site: Site) -> None:
    site.folder.chmod(mode)
    assert site.check() == (0 if mode & 0o1000 else ERROR)
    assert site.check("--strict") == ERROR


def test_a_folder_further_up_and_one_behind_a_link_are_found(site: Site, tmp_path: Path) -> None:
    open_to_all = tmp_path / "open"
    (open_to_all / "deep").mkdir(parents=True)
    (open_to_all / "deep" / "password").write_text("hunter2")
    (open_to_all / "deep" / "password").chmod(0o600)
    open_to_all.chmod(0o777)
    site.password.unlink()
    site.password.symlink_to(open_to_all / "deep" / "password")
    assert site.check() == ERROR


def test_probes_that_others_reach_are_a_warning(site: Site, capsys: pytest.CaptureFixture[str]) -> None:
    site.write(more='[workers.alarms]\nhttp_host = "0.0.0.0"\n')
    assert site.check() == 0
    assert "warning: workers.alarms.http_host" in capsys.readouterr().out
    site.write(more='[workers.alarms]\nhttp_host = "0.0.0.0"\nhttp_port = 0\n')
    assert site.check("--strict") == 0


@pytest.mark.parametrize(
    "line",
    [
        'sasl_password = "hunter2"',
        'sasl_password_env = "hunter2!"',
        'ssl_key_file = "-----BEGIN PRIVATE KEY-----\\nhunter2"',
        "sasl_password_file = 4711",
        'sasl_password_file = ["hunter2"]',
        'bootstrap = "callbox:hunter2@kafka:9093"',
        'security_protocol = "SASL_SSL"\nsasl_password_file = "one\\nhunter2"',
    ],
)
def test_a_secret_in_the_config_itself_is_refused_and_not_shown(
    line: str, site: Site, capsys: pytest.CaptureFixture[str]
) -> None:
    others = "" if line.startswith("bootstrap") else 'bootstrap = "kafka:9093"\n'
    site.config.write_text(f"[kafka]\n{others}{line}\n")
    assert site.check() == ERROR
    printed = capsys.readouterr()
    assert "callbox.toml" in printed.err
    for secret in ("hunter2", "4711"):
        assert secret not in printed.out + printed.err


@pytest.fixture
def log_keys(site: Site) -> Path:
    """The folder of the keys of the log, one of which the config also names as its own."""
    folder = site.folder / "keys"
    folder.mkdir(mode=0o700)
    for name in Writer:
        key = folder / f"{name}.key"
        key.write_text(make_key_text(name))
        key.chmod(0o600)
    site.write(more=f'log_key_file = "{folder / "alarms.key"}"\nlog_keys_dir = "{folder}"\n')
    return folder


def test_keys_of_the_log_that_only_their_owner_may_use_are_in_order(site: Site, log_keys: Path) -> None:
    assert site.check("--strict") == 0, log_keys


@pytest.mark.parametrize("mode", [0o604, 0o620, 0o644, 0o666])
@pytest.mark.parametrize(
    ("name", "place"), [("alarms.key", "kafka.log_key_file"), ("fusion.key", "kafka.log_keys_dir")]
)
def test_a_key_of_the_log_that_others_may_use_is_found(
    name: str, place: str, mode: int, site: Site, log_keys: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (log_keys / name).chmod(mode)
    assert site.check() == ERROR
    printed = capsys.readouterr().err
    assert f"error: {place}: " in printed
    assert str(log_keys / name) in printed
    assert (log_keys / name).read_text().strip() not in printed


@pytest.mark.parametrize("mode", [0o770, 0o777, 0o1777])
def test_a_folder_of_keys_into_which_others_may_put_theirs_is_found(
    mode: int, site: Site, log_keys: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    log_keys.chmod(mode)
    assert site.check() == ERROR
    assert "may put keys into" in capsys.readouterr().err
