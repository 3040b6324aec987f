"""Send acknowledgements on Kafka, and wait for the answers of the fold.

    end of dispatch.ack-result.v1 ─► dispatch.ack.v1[.ORGANISATION] ─► (alarms, fusion) ─► dispatch.ack-result.v1

The topic of answers is read to its end before anything is sent, so that no answer can be missed. One reader and one
producer serve any number of acknowledgements.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from typing import Final, Protocol

from schemas.ack import Acknowledgement, AckResult
from schemas.codec import decode, encode
from schemas.errors import AnswerMissing, DecodeError
from schemas.topics import ACK_RESULTS, ACKS, ack_topic
from streams.clock import monotonic
from streams.kafka.config import KafkaConfig
from streams.kafka.producer import ProducerRecord, publish
from streams.kafka.reader import Follower, LogRecord, Start, read_all

_POLL_S: Final = 0.1  # how soon Ctrl-C is noticed


class AnswerReader(Protocol):
    """Follows the topic of answers from its end on; `streams.kafka.reader.Follower` is one."""

    def catch_up(self) -> list[LogRecord]:
        """Read up to the end."""
        ...

    def poll(self, timeout_s: float) -> list[LogRecord]:
        """Read what has arrived."""
        ...

    def close(self) -> None:
        """Close the consumer."""
        ...


class AckChannel:
    """The topics of acknowledgements and of answers, as one collaborator that a test replaces.

    Args:
        kafka: The broker.
        organisation: On whose topic they are sent; empty for the plain one.

    Attributes:
        organisation: As given: an answer to what another organisation has sent under the same id is none of ours.
    """

    organisation = ""

    def __init__(self, kafka: KafkaConfig, organisation: str = "") -> None:
        self._kafka, self.organisation = kafka, organisation

    def follow_answers(self) -> AnswerReader:
        """Follow the answers that come from now on."""
        return Follower(self._kafka, ACK_RESULTS, start=Start.END)

    def earlier_answers(self) -> Iterator[LogRecord]:
        """Read the answers that are there."""
        return read_all(self._kafka, ACK_RESULTS)

    def send(self, acknowledgements: Iterable[Acknowledgement]) -> None:
        """Deliver acknowledgements.

        Raises:
            DeliveryFailed: The broker did not take one of them; others may be delivered.
        """
        topic = ack_topic(self.organisation) if self.organisation else ACKS
        publish(
            self._kafka,
            [ProducerRecord(topic, ack.incident_id.encode(), encode(ack)) for ack in acknowledgements],
        )


def exchange(
    channel: AckChannel,
    acknowledgements: Sequence[Acknowledgement],
    wait_s: float,
    *,
    is_repeat: bool,
    clock: Callable[[], float] = monotonic,
) -> Iterator[AckResult]:
    """Deliver acknowledgements, and give each answer as it comes. What gets none in time is left out.

    Args:
        channel: Their topics.
        acknowledgements: What is sent, each with an id of its own.
        wait_s: How long to wait for the next answer, seconds.
        is_repeat: They may have been sent before. A repeat gets no second answer, so the first one counts.
        clock: Seconds that only rise.

    Yields:
        One answer at most for each acknowledgement.

    Raises:
        BrokerUnavailable, AccessDenied, InputMissing, DeliveryFailed: They were not sent, or not all delivered.
    """
    waiting = {ack.ack_id: (ack.incident_id, channel.organisation) for ack in acknowledgements}
    with closing(channel.follow_answers()) as answers:
        # Catching up also finds the end of the topic, so that no answer to what is sent now can be missed.
        known = list(_answers(answers.catch_up(), waiting))
        if is_repeat:
            known += _answers(channel.earlier_answers(), waiting)
        channel.send(acknowledgements)
        yield from known
        deadline = clock() + wait_s
        while waiting and (left := deadline - clock()) > 0:
            for result in _answers(answers.poll(min(left, _POLL_S)), waiting):
                yield result
                deadline = clock() + wait_s


def send_and_wait(
    kafka: KafkaConfig,
    acknowledgement: Acknowledgement,
    wait_s: float,
    *,
    is_repeat: bool,
    organisation: str = "",
) -> AckResult:
    """Deliver one acknowledgement and wait for its answer.

    Args:
        kafka: The broker.
        acknowledgement: What is sent.
        wait_s: How long to wait, seconds.
        is_repeat: As for `exchange`.
        organisation: On whose topic it is sent; empty for the plain one.

    Raises:
        AnswerMissing: No answer came in time.
        BrokerUnavailable, AccessDenied, InputMissing, DeliveryFailed: It was not sent, or not delivered.
    """
    channel = AckChannel(kafka, organisation)
    return send_by(channel, acknowledgement, wait_s, is_repeat=is_repeat)


def send_by(
    channel: AckChannel, acknowledgement: Acknowledgement, wait_s: float, *, is_repeat: bool
) -> AckResult:
    """Deliver one acknowledgement on a channel and wait for its answer; raises as `send_and_wait`."""
    for result in exchange(channel, [acknowledgement], wait_s, is_repeat=is_repeat):
        return result
    incident_id, ack_id = acknowledgement.incident_id, acknowledgement.ack_id
    raise AnswerMissing(
        f"{incident_id}: no answer within {wait_s:g} s. It was delivered as {ack_id}: are alarms and fusion at work? "
        f"Look at the incident, or say the same again with --ack-id {ack_id}; it counts once"
    )


def _answers(records: Iterable[LogRecord], waiting: dict[str, tuple[str, str]]) -> Iterator[AckResult]:
    """The answers to what still waits for one, among the answers to all; they do not wait any more then.

    Args:
        records: The answers to all.
        waiting: The incident and the organisation of each ack id that waits.
    """
    for record in records:
        ack_id = (record.key or b"").decode(errors="replace")
        if ack_id not in waiting or record.value is None:
            continue
        try:
            result = decode(record.value, AckResult)
        except DecodeError:
            continue
        if result.ack_id == ack_id and (result.incident_id, result.vouched_organisation) == waiting[ack_id]:
            del waiting[ack_id]
            yield result
