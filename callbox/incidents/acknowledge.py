"""Send an acknowledgement on Kafka, and wait for the answer of the fold.

    end of dispatch.ack-result.v1 ─► dispatch.ack.v1 ─► (alarms, fusion) ─► dispatch.ack-result.v1

The topic of answers is read to its end before the acknowledgement is sent, so that no answer can be missed.
"""

from contextlib import closing

from schemas.ack import Acknowledgement, AckResult
from schemas.codec import decode, encode
from schemas.errors import AnswerMissing, DecodeError
from schemas.topics import ACK_RESULTS, ACKS
from streams.clock import monotonic
from streams.kafka.config import KafkaConfig
from streams.kafka.producer import ProducerRecord, publish
from streams.kafka.reader import Follower, LogRecord, Start

_POLL_S = 0.1  # how soon Ctrl-C is noticed


def send(kafka: KafkaConfig, acknowledgement: Acknowledgement) -> None:
    """Deliver an acknowledgement without waiting for its answer.

    Raises:
        DeliveryFailed: The broker did not take it.
    """
    publish(kafka, [ProducerRecord(ACKS, acknowledgement.incident_id.encode(), encode(acknowledgement))])


def send_and_wait(
    kafka: KafkaConfig, acknowledgement: Acknowledgement, wait_s: float, *, is_repeat: bool
) -> AckResult:
    """Deliver an acknowledgement and wait for its answer.

    Args:
        kafka: The broker.
        acknowledgement: What is sent.
        wait_s: How long to wait, seconds.
        is_repeat: It may have been sent before. A repeat gets no second answer, so the first one counts.

    Raises:
        AnswerMissing: No answer came in time.
        BrokerUnavailable, AccessDenied, InputMissing, DeliveryFailed: It was not sent, or not delivered.
    """
    start = Start.BEGINNING if is_repeat else Start.END
    with closing(Follower(kafka, ACK_RESULTS, start=start)) as answers:
        # Catching up also finds the end of the topic, so that no answer to what is sent now can be missed.
        earlier = _answer(answers.catch_up(), acknowledgement)
        send(kafka, acknowledgement)
        if earlier is not None:
            return earlier
        deadline = monotonic() + wait_s
        while (left := deadline - monotonic()) > 0:
            if (found := _answer(answers.poll(min(left, _POLL_S)), acknowledgement)) is not None:
                return found
    incident_id, ack_id = acknowledgement.incident_id, acknowledgement.ack_id
    raise AnswerMissing(
        f"{incident_id}: no answer within {wait_s:g} s. It was delivered as {ack_id}: are alarms and fusion at work? "
        f"Look at the incident, or say the same again with --ack-id {ack_id}; it counts once"
    )


def _answer(records: list[LogRecord], acknowledgement: Acknowledgement) -> AckResult | None:
    """The answer to this acknowledgement, among the answers to all."""
    for record in records:
        if record.key != acknowledgement.ack_id.encode() or record.value is None:
            continue
        try:
            result = decode(record.value, AckResult)
        except DecodeError:
            continue
        if (result.ack_id, result.incident_id) == (acknowledgement.ack_id, acknowledgement.incident_id):
            return result
    return None
