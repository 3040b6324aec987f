"""Apache Kafka nodes that keep their data when they are killed: one, or a KRaft cluster of three.

    formatted ──start──► answering ──kill──► dead, its data kept ──start──► answering ──close──► gone, with its data

Clients connect to `advertised`, which may be a proxy; the nodes connect to each other directly.
"""

import os
import subprocess
import tempfile
from collections.abc import Callable, Mapping
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
    """One node: broker and controller in one JVM.

    Attributes:
        number: Its id, from 1.
        address: Where it listens for clients, `127.0.0.1:port`.
        advertised: The address that clients are given.
    """

    def __init__(self, number: int, folder: Path, advertised: Callable[[str], str]) -> None:
        self.number = number
        self.address = f"{LOOPBACK}:{free_port()}"
        self.internal = f"{LOOPBACK}:{free_port()}"
        self.controller = f"{LOOPBACK}:{free_port()}"
        self.advertised = advertised(self.address)
        self.properties = folder / f"node-{number}.properties"
        self.log_file = folder / f"node-{number}.log"
        self.data = folder / f"data-{number}"
        self.process: Process | None = None

    def write(self, nodes: list["Node"]) -> None:
        """Write its server properties; the last of a name counts."""
        fixed = (
            files("callbox_testkit.brokers").joinpath("kafka-server.properties").read_text(encoding="utf-8")
        )
        voters = ",".join(f"{node.number}@{node.controller}" for node in nodes)
        more = {
            **(_REPLICATED if len(nodes) > 1 else {}),
            "node.id": str(self.number),
            "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,INTERNAL:PLAINTEXT,CONTROLLER:PLAINTEXT",
            "listeners": (
                f"PLAINTEXT://{self.address},INTERNAL://{self.internal},CONTROLLER://{self.controller}"
            ),
            "advertised.listeners": f"PLAINTEXT://{self.advertised},INTERNAL://{self.internal}",
            "inter.broker.listener.name": "INTERNAL",
            "controller.quorum.voters": voters,
            # A killed node may register again only when its last session is over: 9 s by default.
            "broker.session.timeout.ms": "2000" if len(nodes) == 1 else "6000",
            "broker.heartbeat.interval.ms": "300",
            "log.dirs": str(self.data),
        }
        lines = [fixed, *(f"{name}={value}" for name, value in more.items())]
        self.properties.write_text("\n".join(lines) + "\n", encoding="utf-8")


class KafkaCluster:
    """Nodes on free ports of the loopback address, with their data in a temporary folder.

    Args:
        cache: Folder that keeps the jars between runs.
        size: 1, or 3: replication 3, of which 2 must be in sync.
        advertised: Makes, of the address that a node listens on, the one that clients are given.
        environment: KAFKA_HOME, JAVA_HOME and PATH are read.
    """

    def __init__(
        self,
        cache: Path,
        size: int,
        *,
        advertised: Callable[[str], str] = lambda address: address,
        environment: Mapping[str, str] = os.environ,
    ) -> None:
        classpath = kafka_classpath(cache, environment)
        self._java = java_program(environment)
        self._classpath = ("-cp", classpath)
        self._folder = tempfile.TemporaryDirectory(prefix="callbox-cluster-", ignore_cleanup_errors=True)
        folder = Path(self._folder.name)
        self.nodes = [Node(number, folder, advertised) for number in range(1, size + 1)]
        for node in self.nodes:
            node.write(self.nodes)

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
        node.process = spawn(
            [self._java, *_SERVER_JVM, *self._classpath, "kafka.Kafka", str(node.properties)], node.log_file
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
