"""One Apache Kafka node that can be stopped, hang, and come back at another address with the data that it had."""

import signal
from pathlib import Path
from types import TracebackType
from typing import Self

from callbox.demo.processes.broker_process import LOOPBACK, free_port
from callbox_testkit.brokers.cluster import KafkaCluster


class MovableBroker:
    """A cluster of one.

    Args:
        cache: Folder that keeps the jars between runs.
    """

    def __init__(self, cache: Path) -> None:
        self._cluster = KafkaCluster(cache, 1)
        (self._node,) = self._cluster.nodes

    @property
    def address(self) -> str:
        """Where clients find it now."""
        return self._node.advertised

    def kill(self) -> None:
        """End it at once, as a machine that loses its power."""
        self._cluster.kill(self._node)

    def hang(self, *, hang: bool) -> None:
        """Stop it without closing a connection, or let it go on."""
        assert self._node.process is not None
        self._node.process.send_signal(signal.SIGSTOP if hang else signal.SIGCONT)

    def start(self) -> None:
        """Start it where it was, and return once it answers."""
        self._cluster.start(self._node)
        self._cluster.wait(self._node)

    def start_at(self, listens: str, advertised: str = "") -> None:
        """Start it at another address, and tell clients of that one or of `advertised`."""
        self._node.address, self._node.advertised = listens, advertised or listens
        self._node.write(self._cluster.nodes)
        self.start()

    def __enter__(self) -> Self:
        self._cluster.__enter__()
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._node.process is not None:
            self.hang(hang=False)
        self._cluster.close()


def free_address() -> str:
    """An address of this machine at which nothing listens."""
    return f"{LOOPBACK}:{free_port()}"
