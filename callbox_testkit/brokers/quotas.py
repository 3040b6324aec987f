"""Client quotas of a test broker, set with Kafka's own tool (`kafka-configs.sh`): librdkafka has no such request.

A quota is for a user, for a client id, or for both (Kafka's documentation, "Quotas"). Each broker counts for itself.
"""

import os
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from callbox_testkit.brokers.kafka_jars import java_program, kafka_classpath
from schemas.errors import BrokerUnavailable

_TOOL: Final = "kafka.admin.ConfigCommand"  # what bin/kafka-configs.sh of Kafka 4.1 starts
# C1 alone: the tool is over before the second compiler would have paid.
_JVM: Final = ("-Dlog4j2.level=ERROR", "-Xmx128m", "-XX:TieredStopAtLevel=1")
_WITHIN_S: Final = 60.0  # 1-2 s measured; a loaded machine takes many times that

CLIENTS: Final = "clients"
USERS: Final = "users"


class Quotas:
    """The quotas of one cluster.

    Args:
        cache: Folder that keeps the jars between runs.
        bootstrap: The cluster.
        environment: KAFKA_HOME, JAVA_HOME and PATH are read.
    """

    def __init__(self, cache: Path, bootstrap: str, environment: Mapping[str, str] = os.environ) -> None:
        self._java, self._classpath = java_program(environment), kafka_classpath(cache, environment)
        self._bootstrap = bootstrap

    def limit(self, kind: str, names: Sequence[str], limits: Mapping[str, float]) -> None:
        """Set quotas.

        Args:
            kind: `CLIENTS` or `USERS`.
            names: Client ids or users.
            limits: By Kafka's names: `consumer_byte_rate` and `producer_byte_rate` in bytes a second,
                `request_percentage` in hundredths of one thread of the broker.
        """
        added = ",".join(f"{name}={value}" for name, value in limits.items())
        for name in names:
            self.run("--alter", "--add-config", added, "--entity-type", kind, "--entity-name", name)

    def lift(self, kind: str, names: Sequence[str], limits: Sequence[str]) -> None:
        """Take quotas away again."""
        for name in names:
            deleted = ",".join(limits)
            self.run("--alter", "--delete-config", deleted, "--entity-type", kind, "--entity-name", name)

    def run(self, *options: str) -> str:
        """Run the tool with these options and return what it prints.

        Raises:
            BrokerUnavailable: It failed; the text has what it said.
        """
        command = [self._java, *_JVM, "-cp", self._classpath, _TOOL, "--bootstrap-server", self._bootstrap]
        with tempfile.TemporaryDirectory() as folder:  # the tool writes nothing; the JVM may
            done = subprocess.run(
                [*command, *options],
                cwd=folder,
                capture_output=True,
                text=True,
                check=False,
                timeout=_WITHIN_S,
            )
        if done.returncode:
            raise BrokerUnavailable(f"kafka-configs {' '.join(options)}: {done.stdout}{done.stderr}")
        return done.stdout
