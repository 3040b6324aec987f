"""One Apache Kafka node that can be stopped, hang, and come back at another address with the data that it had."""

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Self

from callbox.demo.processes.broker_process import LOOPBACK, free_port
from callbox_testkit.brokers.cluster import KafkaCluster


class MovableBroker:
    """A cluster of one.

    Args:
        cache: Folder that keeps the jars between runs.
        advertised: Makes, of the address that it listens on, the one that clients are given.
    """

    def __init__(self, cache: Path, advertised: Callable[[str], str] = lambda address: address) -> None:
        self._cluster = KafkaCluster(cache, 1, advertised=advertised)
        (self._node,) = self._cluster.nodes

    @property
    def address(self) -> str:
        """Where clients find it now."""
        return self._node.advertised

    @contextmanager
    def killed(self) -> Iterator[None]:
        """It is gone at once, as a machine that loses its power; at the end it answers again."""
        self._cluster.kill(self._node)
        try:
            yield
        finally:
            self._start()

    @contextmanager
    def hanging(self) -> Iterator[None]:
        """It stands still and closes no connection; at the end it goes on."""
        assert self._node.process is not None
        self._node.process.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self._node.process.send_signal(signal.SIGCONT)

    def move(self, address: str) -> None:
        """It is gone at once, and comes back at another address."""
        self._cluster.kill(self._node)
        self._node.address = self._node.advertised = address
        self._node.write(self._cluster.nodes, {})
        self._start()

    def _start(self) -> None:
        self._cluster.start(self._node)
        self._cluster.wait(self._node)

    def __enter__(self) -> Self:
        self._cluster.__enter__()
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._cluster.close()


def free_address() -> str:
    """An address of this machine at which nothing listens."""
    return f"{LOOPBACK}:{free_port()}"
