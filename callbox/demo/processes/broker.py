"""The interface of a broker that is started by this program: the embedded one or Apache Kafka."""

from types import TracebackType
from typing import Protocol, Self

from schemas.errors import InputMissing
from streams.kafka.capabilities import BrokerKind, Capabilities


class MissingBroker(InputMissing):
    """What is needed to start a broker here is not installed; the text says what to install."""


class Broker(Protocol):
    """A broker that answers between `start()` and `stop()`."""

    @property
    def bootstrap(self) -> str:
        """`host:port`, for `KafkaConfig.bootstrap`; valid after the start."""
        ...

    @property
    def kind(self) -> BrokerKind:
        """Its kind, for `KafkaConfig.kind`."""
        ...

    @property
    def capabilities(self) -> Capabilities:
        """What it can be trusted with."""
        ...

    def start(self) -> None:
        """Return when it answers.

        Raises:
            MissingBroker: What it needs is not installed.
            BrokerUnavailable: It ended, or did not answer in time; the text has the end of its log.
        """
        ...

    def stop(self) -> None:
        """End it and remove its data. Stopping twice, or before a start, does nothing."""
        ...

    def __enter__(self) -> Self: ...

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None: ...
