"""Saying something about an incident on Kafka, and hearing what the fold makes of it.

    end of dispatch.ack-result.v1 ─► dispatch.ack.v1 ─► (alarms, fusion) ─► dispatch.ack-result.v1

The answers are followed before anything is said, so that none can be missed.
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


def say(kafka: KafkaConfig, said: Acknowledgement) -> None:
    """Deliver an acknowledgement and wait for no answer.

    Raises:
        DeliveryFailed: The broker did not take it.
    """
    publish(kafka, [ProducerRecord(ACKS, said.incident_id.encode(), encode(said))])


def ask(kafka: KafkaConfig, said: Acknowledgement, wait_s: float, *, is_repeat: bool) -> AckResult:
    """Deliver an acknowledgement and wait for its answer.

    Args:
        kafka: The broker.
        said: What is said.
        wait_s: For how long, seconds.
        is_repeat: It may have been said before. A repeat gets no second answer, so the first one counts.

    Raises:
        AnswerMissing: None came in time.
        BrokerUnavailable, AccessDenied, InputMissing, DeliveryFailed: Nothing is said, or it was not delivered.
    """
    start = Start.BEGINNING if is_repeat else Start.END
    with closing(Follower(kafka, ACK_RESULTS, start=start)) as answers:
        earlier = _answer(answers.catch_up(), said)  # this also finds the end: no answer can be missed
        say(kafka, said)
        if earlier is not None:
            return earlier
        give_up = monotonic() + wait_s
        while (left := give_up - monotonic()) > 0:
            if (found := _answer(answers.poll(min(left, _POLL_S)), said)) is not None:
                return found
    raise AnswerMissing(
        f"{said.incident_id}: no answer within {wait_s:g} s. It was delivered as {said.ack_id}: are alarms and fusion "
        f"at work? Look at the incident, or say the same again with --ack-id {said.ack_id}; it counts once"
    )


def _answer(records: list[LogRecord], said: Acknowledgement) -> AckResult | None:
    """The answer among records of all kinds of askers."""
    for record in records:
        if record.key != said.ack_id.encode() or record.value is None:
            continue
        try:
            result = decode(record.value, AckResult)
        except DecodeError:
            continue
        if (result.ack_id, result.incident_id) == (said.ack_id, said.incident_id):
            return result
    return None
