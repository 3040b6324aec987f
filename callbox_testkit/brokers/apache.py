"""Apache Kafka in KRaft mode: one node, broker and controller in one JVM, for tests and benches.

    absent ──jars──► formatted ──kafka.Kafka──► answering ──SIGTERM, later SIGKILL──► gone, with its data

`kafka_from_environment` takes CALLBOX_KAFKA=host:port (a broker that runs, left as it is), else KAFKA_HOME, else the
jars that Maven resolves.
"""

import os
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Final

from callbox.demo.processes.broker import Broker
from callbox.demo.processes.broker_process import (
    LOOPBACK,
    Process,
    end,
    free_port,
    spawn,
    tail,
    wait_until_answering,
)
from callbox.demo.processes.existing_kafka import ExistingKafka
from callbox_testkit.brokers.guard import Guard
from callbox_testkit.brokers.kafka_jars import java_program, kafka_classpath
from schemas.errors import BrokerUnavailable
from streams.kafka.capabilities import BrokerKind
from streams.kafka.config import KafkaConfig

_CLUSTER_ID: Final = "Y2FsbGJveC1vbmUtbm9kZQ"  # base64 of "callbox-one-node": Kafka wants 16 bytes
_START_WITHIN_S: Final = 60.0  # 2-4 s measured; a loaded machine takes many times that
_FORMAT_WITHIN_S: Final = 60.0  # 0.6-1.4 s measured
_GRACE_S: Final = 10.0  # 0.4 s measured
_LOG_LEVEL: Final = "-Dlog4j2.level=WARN"
_FORMAT_JVM: Final = (_LOG_LEVEL, "-Xmx128m", "-XX:TieredStopAtLevel=1")
# The collector and the pause that Kafka's own start script sets; the heap is small, the machine is shared.
SERVER_JVM: Final = (_LOG_LEVEL, "-Xms256m", "-Xmx512m", "-XX:+UseG1GC", "-XX:MaxGCPauseMillis=20")


def kafka_from_environment(
    cache: Path, log_file: Path, environment: Mapping[str, str] = os.environ
) -> Broker:
    """The Kafka that this environment offers, not started yet.

    Args:
        cache: Folder that keeps the jars between runs.
        log_file: Gets the output of a broker that is started here.
        environment: CALLBOX_KAFKA, KAFKA_HOME, JAVA_HOME and PATH are read.
    """
    bootstrap = environment.get("CALLBOX_KAFKA")
    if bootstrap:
        return ExistingKafka(bootstrap)
    return ApacheKafka(cache, log_file, environment=environment)


class ApacheKafka(Broker):
    """One node on free ports of the loopback address, with its data in a temporary folder."""

    def __init__(
        self,
        cache: Path,
        log_file: Path,
        *,
        settings: Mapping[str, str] | None = None,
        format_options: Sequence[str] = (),
        guard: Guard | None = None,
        jvm: Sequence[str] = SERVER_JVM,
        environment: Mapping[str, str] = os.environ,
    ) -> None:
        """Nothing is fetched or started yet.

        Args:
            cache: Folder that keeps the jars between runs.
            log_file: Gets the output of the broker, written anew at each start.
            settings: Server properties that replace or join those of kafka-server.properties; `listeners`
                is appended to ours.
            format_options: More for `StorageTool format`, for example `--add-scram`.
            guard: Adds a listener with authentication and ACLs, at `guarded_bootstrap`.
            jvm: Options of the server's JVM.
            environment: KAFKA_HOME, JAVA_HOME and PATH are read.
        """
        self._cache, self._log_file, self._environment = cache, log_file, environment
        self._settings = dict(settings or {})
        self._format_options, self._jvm = tuple(format_options), tuple(jvm)
        self._guard, self._guarded_bootstrap = guard, ""
        self._process: Process | None = None
        self._data: tempfile.TemporaryDirectory[str] | None = None
        self._bootstrap = ""

    @property
    def bootstrap(self) -> str:
        """`127.0.0.1:port` of the plain listener; empty before the start."""
        return self._bootstrap

    @property
    def guarded_bootstrap(self) -> str:
        """`127.0.0.1:port` of the guarded listener; empty without a guard or before the start."""
        return self._guarded_bootstrap

    @property
    def pid(self) -> int:
        """The process id of the server.

        Raises:
            RuntimeError: It is not running.
        """
        if self._process is None:
            raise RuntimeError("the broker is not running")
        return self._process.pid

    @property
    def kind(self) -> BrokerKind:
        """Kafka."""
        return BrokerKind.KAFKA

    def start(self) -> None:
        """Fetch the jars if need be, format a fresh folder, start, return once it answers.

        Raises:
            MissingBroker: Java or Maven is not installed; the text says what to install.
            BrokerUnavailable: It did not come up; the text has the end of its log.
        """
        self.stop()
        classpath = kafka_classpath(self._cache, self._environment)
        java = java_program(self._environment)
        self._data = tempfile.TemporaryDirectory(prefix="callbox-kafka-", ignore_cleanup_errors=True)
        self._bootstrap = f"{LOOPBACK}:{free_port()}"
        try:
            properties = self._write_properties(Path(self._data.name))
            self._format([java, *_FORMAT_JVM, "-cp", classpath], properties)
            self._process = spawn(
                [java, *self._jvm, "-cp", classpath, "kafka.Kafka", str(properties)], self._log_file
            )
            config = KafkaConfig(bootstrap=self._bootstrap)
            wait_until_answering(self._process, config, self._log_file, _START_WITHIN_S)
        except BaseException:  # also Ctrl-C: nothing may be left running
            self.stop()
            raise

    def stop(self) -> None:
        """End it, by its own pid, and delete its data. Stopping twice does nothing."""
        process, self._process = self._process, None
        data, self._data = self._data, None
        if process is not None:
            end(process, _GRACE_S)
        if data is not None:
            data.cleanup()

    def _write_properties(self, folder: Path) -> Path:
        fixed = (
            files("callbox_testkit.brokers").joinpath("kafka-server.properties").read_text(encoding="utf-8")
        )
        controller = f"{LOOPBACK}:{free_port()}"
        ours = f"PLAINTEXT://{self._bootstrap},CONTROLLER://{controller}"
        guarded = self._guarded()
        listeners = (ours, guarded.get("listeners"), self._settings.get("listeners"))
        more = {
            "controller.quorum.bootstrap.servers": controller,
            "log.dirs": str(folder / "data"),
            **guarded,
            **self._settings,
            "listeners": ",".join(filter(None, listeners)),
        }
        path = folder / "server.properties"
        lines = [fixed, *(f"{name}={value}" for name, value in more.items())]  # the last of a name counts
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
        return path

    def _guarded(self) -> dict[str, str]:
        """The server properties of the guard; none without one."""
        if self._guard is None:
            return {}
        self._guarded_bootstrap = f"{LOOPBACK}:{free_port()}"
        return self._guard.settings(self._guarded_bootstrap)

    def _format(self, java: list[str], properties: Path) -> None:
        command = [*java, "kafka.tools.StorageTool", "format", "-t", _CLUSTER_ID, "-c", str(properties)]
        users = () if self._guard is None else self._guard.format_options()
        formatting = spawn([*command, "--standalone", *users, *self._format_options], self._log_file)
        try:
            code = formatting.wait(_FORMAT_WITHIN_S)
        except subprocess.TimeoutExpired:
            end(formatting, 0.0)
            raise BrokerUnavailable(
                f"Kafka's storage was not formatted in {_FORMAT_WITHIN_S:g} s\n{tail(self._log_file)}"
            ) from None
        if code != 0:
            raise BrokerUnavailable(f"Kafka's storage cannot be formatted\n{tail(self._log_file)}")
