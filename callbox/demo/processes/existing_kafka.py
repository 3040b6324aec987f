"""A Kafka that is there already: `callbox demo --kafka HOST:PORT`, and CALLBOX_KAFKA in tests."""

from callbox.demo.processes.broker import Broker
from streams.kafka.admin import assert_reachable
from streams.kafka.capabilities import BrokerKind
from streams.kafka.config import KafkaConfig


class ExistingKafka(Broker):
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

    def start(self) -> None:
        """Raise BrokerUnavailable unless it answers."""
        assert_reachable(KafkaConfig(bootstrap=self._bootstrap))

    def stop(self) -> None:
        """Leave it alone."""
