"""What every broker of the demo and of the tests has: the embedded one, Apache Kafka, one that is there already."""

from abc import ABC, abstractmethod
from types import TracebackType
from typing import Self

from schemas.errors import InputMissing
from streams.kafka.capabilities import CAPABILITIES, BrokerKind, Capabilities


class MissingBroker(InputMissing):
    """What is needed to start a broker here is not installed; the text says what to install."""


class Broker(ABC):
    """A broker that answers between `start()` and `stop()`; `with` calls both."""

    @property
    @abstractmethod
    def bootstrap(self) -> str:
        """`host:port`, for `KafkaConfig.bootstrap`; valid after the start."""

    @property
    @abstractmethod
    def kind(self) -> BrokerKind:
        """Its kind, for `KafkaConfig.kind`."""

    @property
    def capabilities(self) -> Capabilities:
        """What it can be trusted with: see streams/kafka/capabilities.py."""
        return CAPABILITIES[self.kind]

    @abstractmethod
    def start(self) -> None:
        """Return when it answers.

        Raises:
            MissingBroker: What it needs is not installed.
            BrokerUnavailable: It ended, or did not answer in time; the text has the end of its log.
        """

    @abstractmethod
    def stop(self) -> None:
        """End it and remove its data. Stopping twice, or before a start, does nothing."""

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()
