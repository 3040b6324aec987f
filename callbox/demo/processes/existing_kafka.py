"""A Kafka that is there already: `callbox demo --kafka HOST:PORT`, and CALLBOX_KAFKA in tests."""

from types import TracebackType
from typing import Self

from streams.kafka.admin import assert_reachable
from streams.kafka.capabilities import CAPABILITIES, BrokerKind, Capabilities
from streams.kafka.config import KafkaConfig


class ExistingKafka:
    """A Kafka that somebody else runs: start and stop only look and leave."""

    def __init__(self, bootstrap: str) -> None:
        self._bootstrap = bootstrap

    @property
    def bootstrap(self) -> str:
        """As it was given."""
        return self._bootstrap

    @property
    def kind(self) -> BrokerKind:
        """Kafka."""
        return BrokerKind.KAFKA

    @property
    def capabilities(self) -> Capabilities:
        """Everything, as far as its owner has not restricted it."""
        return CAPABILITIES[self.kind]

    def start(self) -> None:
        """Raise BrokerUnavailable unless it answers."""
        assert_reachable(KafkaConfig(bootstrap=self._bootstrap))

    def stop(self) -> None:
        """Leave it alone."""

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
