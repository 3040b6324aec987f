"""Apache Kafka nodes that keep their data when they are killed: one, or a KRaft cluster of three or more.

    formatted ──start──► answering ──kill──► dead, its data kept ──start──► answering ──close──► gone, with its data

Clients connect to `advertised`, which may be a proxy; the nodes connect to each other directly. Each node logs its
garbage collections to `gc_log`.
"""

import os
import subprocess
import tempfile
from collections.abc import Callable, Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from callbox.demo.processes.broker_process import (
    LOOPBACK,
    Process,
    end,
    free_port,
    spawn,
    tail,
    wait_until_answering,
)
from callbox_testkit.brokers.kafka_jars import java_program, kafka_classpath
from schemas.errors import BrokerUnavailable
from streams.kafka.config import KafkaConfig

_CLUSTER_ID: Final = "Y2FsbGJveC1jaGFvcy1ydQ"  # base64 of "callbox-chaos-ru": Kafka wants 16 bytes
_START_WITHIN_S: Final = (
    90.0  # three nodes on two cores: 7 s measured, a loaded machine takes many times that
)
_FORMAT_WITHIN_S: Final = 60.0
_GRACE_S: Final = 10.0
_FORMAT_JVM: Final = ("-Dlog4j2.level=WARN", "-Xmx128m", "-XX:TieredStopAtLevel=1")
_SERVER_JVM: Final = ("-Dlog4j2.level=WARN", "-Xmx384m", "-XX:+UseG1GC", "-XX:MaxGCPauseMillis=20")

_REPLICATED: Final = {
    "default.replication.factor": "3",
    "min.insync.replicas": "2",
    "offsets.topic.replication.factor": "3",
    "transaction.state.log.replication.factor": "3",
    "transaction.state.log.min.isr": "2",
    "share.coordinator.state.topic.replication.factor": "3",
    "share.coordinator.state.topic.min.isr": "2",
}
"""What three nodes have instead of kafka-server.properties' single replica."""


class Node:
    """One node: broker and controller in one JVM, or a broker alone.

    Attributes:
        number: Its id, from 1.
        address: Where it listens for clients, `127.0.0.1:port`.
        advertised: The address that clients are given.
        more: Where else it listens for clients, by the name of the listener.
        gc_log: Its garbage collections, one a line.
    """

    def __init__(
        self,
        number: int,
        folder: Path,
        advertised: Callable[[str], str],
        *,
        is_controller: bool = True,
        listeners: Sequence[str] = (),
    ) -> None:
        self.number, self.is_controller = number, is_controller
        self.address = f"{LOOPBACK}:{free_port()}"
        self.internal = f"{LOOPBACK}:{free_port()}"
        self.controller = f"{LOOPBACK}:{free_port()}"
        self.advertised = advertised(self.address)
        self.more = {name: f"{LOOPBACK}:{free_port()}" for name in listeners}
        self.properties = folder / f"node-{number}.properties"
        self.log_file = folder / f"node-{number}.log"
        self.gc_log = folder / f"node-{number}-gc.log"
        self.data = folder / f"data-{number}"
        self.process: Process | None = None

    @property
    def pid(self) -> int:
        """The process id of the server.

        Raises:
            RuntimeError: It is not running.
        """
        if self.process is None:
            raise RuntimeError(f"node {self.number} is not running")
        return self.process.pid

    def write(self, nodes: list["Node"], settings: Mapping[str, str]) -> None:
        """Write its server properties; the last of a name counts."""
        fixed = (
            files("callbox_testkit.brokers").joinpath("kafka-server.properties").read_text(encoding="utf-8")
        )
        controllers = [node for node in nodes if node.is_controller]
        ours = {"PLAINTEXT": self.address, "INTERNAL": self.internal, **self.more}
        listeners = ours | ({"CONTROLLER": self.controller} if self.is_controller else {})
        more = {
            **(_REPLICATED if len(controllers) > 1 else {}),
            "node.id": str(self.number),
            "process.roles": "broker,controller" if self.is_controller else "broker",
            "listener.security.protocol.map": ",".join(f"{name}:PLAINTEXT" for name in (*ours, "CONTROLLER")),
            "listeners": _listed(listeners),
            "advertised.listeners": _listed(ours | {"PLAINTEXT": self.advertised}),
            "inter.broker.listener.name": "INTERNAL",
            "controller.quorum.voters": ",".join(f"{node.number}@{node.controller}" for node in controllers),
            # A killed node may register again only when its last session is over: 9 s by default.
            "broker.session.timeout.ms": "2000" if len(controllers) == 1 else "6000",
            "broker.heartbeat.interval.ms": "300",
            "log.dirs": str(self.data),
            **settings,
        }
        lines = [fixed, *(f"{name}={value}" for name, value in more.items())]
        self.properties.write_text("\n".join(lines) + "\n", encoding="utf-8")


def _listed(listeners: Mapping[str, str]) -> str:
    return ",".join(f"{name}://{address}" for name, address in listeners.items())


class KafkaCluster:
    """Nodes on free ports of the loopback address, with their data in a temporary folder.

    Args:
        cache: Folder that keeps the jars between runs.
        size: 1, or 3: replication 3, of which 2 must be in sync.
        brokers: More nodes, with the numbers after these, that are brokers and no controllers. They get what is
            assigned to them; replication stays that of `size`.
        advertised: Makes, of the address that a node listens on, the one that clients are given.
        listeners: Names of more listeners for clients, on each node.
        settings: Server properties of each node that replace or join ours.
        jvm: Options of each node's JVM.
        environment: KAFKA_HOME, JAVA_HOME and PATH are read.
    """

    def __init__(
        self,
        cache: Path,
        size: int,
        *,
        brokers: int = 0,
        advertised: Callable[[str], str] = lambda address: address,
        listeners: Sequence[str] = (),
        settings: Mapping[str, str] | None = None,
        jvm: Sequence[str] = _SERVER_JVM,
        environment: Mapping[str, str] = os.environ,
    ) -> None:
        classpath = kafka_classpath(cache, environment)
        self._java = java_program(environment)
        self._classpath = ("-cp", classpath)
        self._folder = tempfile.TemporaryDirectory(prefix="callbox-cluster-", ignore_cleanup_errors=True)
        self._jvm = tuple(jvm)
        folder = Path(self._folder.name)
        self.nodes = [
            Node(number, folder, advertised, is_controller=number <= size, listeners=listeners)
            for number in range(1, size + brokers + 1)
        ]
        for node in self.nodes:
            node.write(self.nodes, settings or {})

    @property
    def bootstrap(self) -> str:
        """The addresses that clients are given."""
        return ",".join(node.advertised for node in self.nodes)

    def start_all(self) -> None:
        """Format every node, start all of them, return once each answers.

        Raises:
            BrokerUnavailable: One did not come up; the text has the end of its log.
        """
        for node in self.nodes:
            self._format(node)
        for node in self.nodes:
            self.start(node)
        for node in self.nodes:
            self.wait(node)

    def start(self, node: Node) -> None:
        """Start a node on the data that it has."""
        jvm = (*self._jvm, f"-Xlog:gc:file={node.gc_log}")
        node.process = spawn(
            [self._java, *jvm, *self._classpath, "kafka.Kafka", str(node.properties)], node.log_file
        )

    def wait(self, node: Node) -> None:
        """Return once a started node answers.

        Raises:
            BrokerUnavailable: It ended, or does not answer in time.
        """
        assert node.process is not None  # noqa: S101 - for the type checker: `start` comes first
        config = KafkaConfig(bootstrap=node.address)
        wait_until_answering(node.process, config, node.log_file, _START_WITHIN_S)

    def kill(self, node: Node) -> None:
        """SIGKILL; what it has written stays."""
        process, node.process = node.process, None
        if process is not None:
            end(process, 0.0)

    def close(self) -> None:
        """End all nodes by their own pids, and delete their data."""
        running = [node.process for node in self.nodes if node.process is not None]
        for node in self.nodes:
            node.process = None
        for process in running:  # together: alone, the last of three waits for a quorum that is gone
            process.terminate()
        for process in running:
            end(process, _GRACE_S)
        self._folder.cleanup()

    def _format(self, node: Node) -> None:
        tool = [*_FORMAT_JVM, *self._classpath, "kafka.tools.StorageTool", "format"]
        options = ["-t", _CLUSTER_ID, "-c", str(node.properties)]
        formatting = spawn([self._java, *tool, *options], node.log_file)
        try:
            code = formatting.wait(_FORMAT_WITHIN_S)
        except subprocess.TimeoutExpired:
            end(formatting, 0.0)
            code = -1
        if code != 0:
            raise BrokerUnavailable(f"Kafka's storage cannot be formatted\n{tail(node.log_file)}")

    def __enter__(self) -> Self:
        try:
            self.start_all()
        except BaseException:  # also Ctrl-C: nothing may be left running
            self.close()
            raise
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()
