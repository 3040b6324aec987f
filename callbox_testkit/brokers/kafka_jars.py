"""The jars of an Apache Kafka server: those of KAFKA_HOME, or those that Maven resolves into the cache, once.

`<cache>/kafka-4.1.1/` is complete or absent: Maven copies into a folder beside it, which is then renamed.
"""

import hashlib
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from typing import Final

from callbox.demo.processes.broker import MissingBroker
from callbox_testkit.programs import installed_program

KAFKA_VERSION: Final = "4.1.1"  # as in kafka-pom.xml
_MARKER: Final = "complete"
_MAVEN_WITHIN_S: Final = 600.0  # 43 MB from an empty repository; 2 s from a full one (measured)
_INSTALL: Final = "install Java 17 or newer and Maven, or set KAFKA_HOME, or set CALLBOX_KAFKA=host:port"


def java_program(environment: Mapping[str, str]) -> str:
    """Absolute path of `java`: the one of JAVA_HOME, else the one on the PATH.

    Raises:
        MissingBroker: There is none.
    """
    home = environment.get("JAVA_HOME")
    found = installed_program("java", {"PATH": f"{home}/bin"} if home else environment)
    if found is None:
        raise MissingBroker(f"Apache Kafka needs Java and there is none: {_INSTALL}")
    return found


def kafka_classpath(cache: Path, environment: Mapping[str, str]) -> str:
    """The `-cp` argument that starts a Kafka server, fetching the jars at the first call.

    Raises:
        MissingBroker: KAFKA_HOME has no Kafka, or Maven is absent or cannot resolve the jars.
    """
    home = environment.get("KAFKA_HOME")
    if home:
        libs = Path(home) / "libs"
        if not any(libs.glob("kafka_2.*.jar")):
            raise MissingBroker(f"KAFKA_HOME={home}: no libs/kafka_2.*.jar there")
        return f"{libs}/*"
    pom = files("callbox_testkit.brokers").joinpath("kafka-pom.xml").read_bytes()
    folder = cache.absolute() / f"kafka-{KAFKA_VERSION}"
    marker = folder / _MARKER
    fingerprint = hashlib.sha256(pom).hexdigest()
    if not marker.is_file() or marker.read_text(encoding="ascii") != fingerprint:
        _fetch(pom, fingerprint, folder, environment)
    return f"{folder}/libs/*"


def _fetch(pom: bytes, fingerprint: str, folder: Path, environment: Mapping[str, str]) -> None:
    maven = installed_program("mvn", environment)
    if maven is None:
        raise MissingBroker(f"the jars of Apache Kafka need Maven and there is none: {_INSTALL}")
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix="kafka-jars-") as scratch:
        fresh = Path(scratch) / folder.name
        fresh.mkdir()
        (fresh / "pom.xml").write_bytes(pom)
        _copy_dependencies(maven, fresh, environment)
        (fresh / _MARKER).write_text(fingerprint, encoding="ascii")
        shutil.rmtree(folder, ignore_errors=True)
        if not folder.exists():  # else another process has brought the same jars meanwhile
            fresh.rename(folder)


def _copy_dependencies(maven: str, folder: Path, environment: Mapping[str, str]) -> None:
    command = [maven, "-q", "-B", "-f", str(folder / "pom.xml"), "dependency:copy-dependencies"]
    command += ["-DincludeScope=runtime", f"-DoutputDirectory={folder / 'libs'}"]
    try:
        done = subprocess.run(
            command,
            check=False,
            capture_output=True,
            text=True,
            errors="replace",
            stdin=subprocess.DEVNULL,
            env=dict(environment),
            timeout=_MAVEN_WITHIN_S,
        )
    except subprocess.TimeoutExpired as error:
        raise MissingBroker(
            f"Maven did not resolve the jars of Apache Kafka in {_MAVEN_WITHIN_S:g} s"
        ) from error
    if done.returncode != 0:
        told = [line for line in done.stdout.splitlines() if line.startswith("[ERROR]")]
        raise MissingBroker(
            f"Maven cannot resolve the jars of Apache Kafka: {' '.join(told[:2])}; {_INSTALL}"
        )
