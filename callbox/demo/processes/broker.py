"""One broker that is started here, behind one small interface for both kinds."""

from types import TracebackType
from typing import Protocol, Self

from schemas.errors import InputMissing
from streams.kafka.capabilities import BrokerKind, Capabilities


class MissingBroker(InputMissing):
    """What is needed to start a broker here is not installed; the text says what to install."""


class Broker(Protocol):
    """One broker that answers between `start()` and `stop()`."""

    @property
    def bootstrap(self) -> str:
        """`host:port`, for `KafkaConfig.bootstrap`; valid once started."""
        ...

    @property
    def kind(self) -> BrokerKind:
        """Which kind it is, for `KafkaConfig.kind`."""
        ...

    @property
    def capabilities(self) -> Capabilities:
        """What it can be trusted with."""
        ...

    def start(self) -> None:
        """Return once it answers.

        Raises:
            MissingBroker: What it needs is not installed.
            BrokerUnavailable: It ended, or did not answer in time; the text has the end of its log.
        """
        ...

    def stop(self) -> None:
        """End it and forget its data. Stopping twice, or before a start, does nothing."""
        ...

    def __enter__(self) -> Self: ...

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None: ...
