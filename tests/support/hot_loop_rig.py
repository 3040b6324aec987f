"""A hot loop over two partitions in a test: an agent that notes what it does, and a broker that answers when told."""

from typing import TYPE_CHECKING, cast

from schemas.errors import DeliveryFailed
from streams.kafka.batch import Batch, PartitionPlace
from streams.kafka.group_state import GroupState
from streams.kafka.producer import ProducerRecord
from streams.worker.agent import hot_hooks_of
from streams.worker.hot_loop import (
    HotLoop,
)
from streams.worker.metrics import Metrics
from streams.worker.work import Work
from tests.support.fakes import FakePending, HandClock, consumed
from tests.support.log_records import ms
from tests.support.noted_lag import NotedLag

if TYPE_CHECKING:
    from concurrent.futures import Future

    from streams.worker.lag import LagMonitor

PLACE, OTHER = PartitionPlace("topic", 0), PartitionPlace("topic", 1)
WAIT_S = 0.1
CALM_TOPIC = "copies"


class FakeOutbox:
    """A broker that answers what the test says, when it is asked."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, FakePending]] = []
        self.due: list[tuple[FakePending, DeliveryFailed | None]] = []
        self.failures: list[DeliveryFailed] = []
        self.waits: list[float] = []
        self.is_prompt = False
        """Whether everything is answered the next time that it is asked."""

    def is_calm(self, topic: str) -> bool:
        return topic == CALM_TOPIC

    def send(self, records: list[ProducerRecord]) -> FakePending:
        self.sent.append((records[0].topic, FakePending(ms(0), self.failures.append)))
        if self.is_prompt:
            self.answer(-1)
        return self.sent[-1][1]

    def answer(self, number: int, failure: DeliveryFailed | None = None) -> None:
        self.due.append((self.sent[number][1], failure))

    def raise_failure(self) -> None:
        for failure in self.failures:
            raise failure

    def serve(self, timeout_s: float = 0.0) -> None:
        self.waits.append(timeout_s)
        for pending, failure in self.due:
            pending.answer_all(ms(0), failure)
        self.due.clear()


class NotedAgent:
    """Hands over a record for each batch, and one that is calm if the test wants it."""

    def __init__(self) -> None:
        self.seen: list[str] = []
        self.writes: tuple[str, ...] = ("alerts",)
        self.unprepared: set[int] = set()
        """Batches, by their first offset, of which a state is being restored."""
        self.unprepared_places: set[PartitionPlace] = set()
        self.failure: BaseException | None = None
        self.elsewhere: list[Future[None]] = []
        """What each batch waits for, where the test puts something here: one for each, in order."""
        self.seconds = 0
        self.of_second: tuple[str, ...] = ()

    def prepare(self, batch: Batch, _work: Work) -> bool:
        return batch.start not in self.unprepared and batch.place not in self.unprepared_places

    def process(self, batch: Batch, work: Work) -> None:
        self.seen.append(f"decides {batch.start}")
        if self.failure is not None:
            raise self.failure
        for topic in self.writes:
            work.hand_over([ProducerRecord(topic, b"", b"")])
        if self.elsewhere:
            work.wait_for(self.elsewhere.pop(0))
        work.when_delivered(lambda: self.seen.append(f"delivered {batch.start}"))

    def quarantine(self, batch: Batch, work: Work) -> None:
        self.seen.append(f"quarantines {batch.start} after {batch.deaths}")
        work.hand_over([ProducerRecord("dead letters", b"", b"")])

    def after_batch(self) -> None:
        self.seen.append("after_batch")

    def punctuate(self, work: Work) -> None:
        self.seconds += 1
        for topic in self.of_second:
            work.hand_over([ProducerRecord(topic, b"", b"")])
            work.when_delivered(lambda: self.seen.append("second delivered"))


class Running:
    """The loop of one topic over two partitions."""

    def __init__(self, *, merge_records: int = 1, rest_s: float = 0.0, has_seconds: bool = False) -> None:
        self.agent, self.outbox, self.lag, self.metrics = NotedAgent(), FakeOutbox(), NotedLag(), Metrics()
        self.clock, self.paused_s = HandClock(), 0.0
        self.state = GroupState(["topic"])
        for place in (PLACE, OTHER):
            self.state.begin(place, 0, None, is_held=False)
        self.loop = HotLoop(
            self.agent,
            hot_hooks_of(self.agent),
            self.state,
            cast("LagMonitor", self.lag),
            self.metrics,
            self.outbox,  # type: ignore[arg-type]
            self.clock.clock,
            merge_records=merge_records,
            rest_s=rest_s,
            has_seconds=has_seconds,
            pause=self.pause,
        )

    def pause(self, seconds: float) -> None:
        self.paused_s += seconds
        self.clock.seconds += seconds

    def arrives(self, count: int = 1, *, size: int = 1, place: PartitionPlace = PLACE) -> None:
        """Batches that follow each other in one partition."""
        for _ in range(count):
            position = self.state.position(place)
            assert position is not None
            epoch, start = position
            records = [
                consumed(b"", topic="topic", partition=place.partition, offset=start + each)
                for each in range(size)
            ]
            made = Batch(records, start, epoch)
            self.state.fetched(made)
            self.loop.put([made])

    def steps(self, count: int = 1) -> float:
        """How long the next poll may wait, after the last of these rounds."""
        wait_s = WAIT_S
        for _ in range(count):
            wait_s = self.loop.step(WAIT_S)
        return wait_s

    @property
    def decided(self) -> int:
        return sum(each.startswith("decides") for each in self.agent.seen)

    @property
    def committable(self) -> int:
        """The offset up to which a commit may go."""
        return self.state.due([PLACE], lambda *_: None).get(PLACE, (0, 0))[0]
