"""What a config leaves open: what others on the network or on this machine could read, exchange or say.

    config ─┬─► broker: no TLS, a password that others can read on the way
            ├─► secrets (password, private key): who may read or write them, whose they are, where they lie
            ├─► what is trusted (config file, certificates): who may write them, whose they are, where they lie
            └─► probes: who can reach them

An error is what gives a secret or a decision away; `callbox config check` ends with 78 for it. A warning is what is
usual somewhere: a secret that its group may read, as Kubernetes mounts it with `fsGroup`; probes that are reached from
elsewhere. A worker logs what it finds and starts all the same: an emergency room without alarms is worse off than one
with a readable file.

The broker's name is always verified (librdkafka's default), and no setting turns that off.
"""

import os
import stat
from collections.abc import Iterable, Iterator
from enum import StrEnum
from pathlib import Path
from typing import NamedTuple

from callbox.config import Config
from streams.kafka.config import SASL, TLS, KafkaConfig, SaslMechanism, addresses, is_loopback
from streams.kafka.log_signing import SUFFIX


class Severity(StrEnum):
    """How bad a finding is."""

    ERROR = "error"
    WARNING = "warning"


class Finding(NamedTuple):
    """One thing that is open.

    Attributes:
        severity: How bad it is.
        place: The setting, as the file names it, or `config` for the file itself.
        text: What is open, and what to do. It names paths and never a secret.
    """

    severity: Severity
    place: str
    text: str

    def __str__(self) -> str:
        return f"{self.severity}: {self.place}: {self.text}"


def findings(config: Config, file: Path | None, *, allow_plaintext: bool = False) -> tuple[Finding, ...]:
    """What a config leaves open, errors first.

    Args:
        config: The config in force.
        file: The file that it was read from, or None.
        allow_plaintext: A network without TLS is the operator's decision: a warning. A password that goes over it in
            clear stays an error.
    """
    kafka = config.kafka
    found = [
        *_broker(kafka, allow_plaintext=allow_plaintext),
        *_of_files("kafka.sasl_password_file", kafka.sasl_password_file, is_secret=True),
        *_of_files("kafka.ssl_key_file", kafka.ssl_key_file, is_secret=True),
        *_of_files("kafka.log_key_file", kafka.log_key_file, is_secret=True),
        *_of_folder("kafka.log_keys_dir", kafka.log_keys_dir),
        *_of_files("kafka.ssl_ca_file", kafka.ssl_ca_file, is_secret=False),
        *_of_files("kafka.ssl_certificate_file", kafka.ssl_certificate_file, is_secret=False),
        *_of_files("config", None if file is None else str(file), is_secret=False),
        *_probes(config),
    ]
    return tuple(sorted(found, key=lambda finding: finding.severity is Severity.WARNING))


def _broker(kafka: KafkaConfig, *, allow_plaintext: bool) -> Iterator[Finding]:
    """A connection without TLS to another machine."""
    remote = [host for host, _port in addresses(kafka.bootstrap) if not is_loopback(host)]
    if kafka.security_protocol in TLS or not remote:
        return
    place = "kafka.security_protocol"
    if kafka.security_protocol in SASL and kafka.sasl_mechanism is SaslMechanism.PLAIN:
        text = f"the password goes in clear to {remote[0]}; use SASL_SSL"
        yield Finding(Severity.ERROR, place, text)
        return
    severity = Severity.WARNING if allow_plaintext else Severity.ERROR
    text = f"no TLS to {remote[0]}: whoever is on the way reads and changes records; use SASL_SSL"
    yield Finding(severity, place, text)


def _probes(config: Config) -> Iterator[Finding]:
    for name in config.workers.__struct_fields__:
        worker = getattr(config.workers, name)
        if worker.http_port and not is_loopback(worker.http_host):
            yield Finding(
                Severity.WARNING,
                f"workers.{name}.http_host",
                f"probes and metrics answer on {worker.http_host}, without a password: let only the supervisor and "
                "the metrics server reach them",
            )


def _of_files(place: str, name: str | None, *, is_secret: bool) -> Iterator[Finding]:
    """What others may do with a file that the config names; nothing where it cannot be looked at."""
    if name is None:
        return
    path = Path(name)
    try:
        found = path.stat()
        if not path.is_absolute() and place != "config":
            yield Finding(
                Severity.WARNING, place, f"{name} is taken from the working folder; name its whole path"
            )
        yield from _mode(place, name, found.st_mode, is_secret=is_secret)
        yield from _owner(place, name, found.st_uid)
        yield from _folders(place, path)
    except OSError:  # whoever reads the file says what is wrong with it
        return


def _of_folder(place: str, name: str | None) -> Iterator[Finding]:
    """What others may do with the keys in a folder, and whether they may put more into it."""
    if name is None:
        return
    path = Path(name)
    try:
        mode = path.stat().st_mode
        if mode & (stat.S_IWOTH | stat.S_IWGRP):
            who = "everybody" if mode & stat.S_IWOTH else "its group"
            text = f"{who} may put keys into {name} (mode {stat.S_IMODE(mode):o}); chmod 700"
            yield Finding(Severity.ERROR, place, text)
        for file in sorted(path.glob(f"*{SUFFIX}")):
            yield from _of_files(place, str(file), is_secret=True)
    except OSError:  # as for a file
        return


def _mode(place: str, name: str, mode: int, *, is_secret: bool) -> Iterator[Finding]:
    shown = f"{name} (mode {stat.S_IMODE(mode):o})"
    if mode & stat.S_IWOTH:
        yield Finding(Severity.ERROR, place, f"everybody may write {shown}; {_mend(is_secret=is_secret)}")
    elif mode & stat.S_IWGRP:
        severity = Severity.ERROR if is_secret else Severity.WARNING
        yield Finding(severity, place, f"its group may write {shown}; {_mend(is_secret=is_secret)}")
    if is_secret and mode & stat.S_IROTH:
        yield Finding(Severity.ERROR, place, f"everybody may read {shown}; {_mend(is_secret=True)}")
    elif is_secret and mode & stat.S_IRGRP:
        text = f"its group may read {shown}; usual where an fsGroup mounts it, else {_mend(is_secret=True)}"
        yield Finding(Severity.WARNING, place, text)


def _mend(*, is_secret: bool) -> str:
    return "chmod 600" if is_secret else "chmod go-w"


def _owner(place: str, name: str, owner: int) -> Iterator[Finding]:
    """A file belongs to root or to us. Where root looks, it may be the worker's own user, whom we do not know."""
    if owner in {0, os.geteuid()}:
        return
    if os.geteuid() == 0:
        yield Finding(Severity.WARNING, place, f"{name} belongs to user {owner}: it must be the worker's own")
    else:
        yield Finding(Severity.ERROR, place, f"{name} belongs to user {owner}, who may change it at any time")


def _folders(place: str, path: Path) -> Iterator[Finding]:
    """Folders in which others may put another file in its place, on the way to it and to what links lead to."""
    own = path.resolve().parent
    for folder in _ancestors((path.absolute(), path.resolve())):
        found = folder.stat()
        if not found.st_mode & stat.S_IWOTH:
            continue
        if not found.st_mode & stat.S_ISVTX:
            text = f"everybody may exchange files in {folder}, on the way to it; chmod o-w"
            yield Finding(Severity.ERROR, place, text)
        elif folder == own:
            text = f"it lies in {folder}, where everybody may put files; move it into a folder of its own"
            yield Finding(Severity.WARNING, place, text)


def _ancestors(paths: Iterable[Path]) -> list[Path]:
    """Every folder above the paths, once."""
    return list(dict.fromkeys(folder for path in paths for folder in path.parents))
