"""The answer of a port to a SaslHandshake; the ports themselves: tests/integration/test_refusals.py."""

import struct

import pytest

from streams.kafka.listener_probe import answer_code


def answer(code: int, correlation: int = 1) -> bytes:
    body = struct.pack(">ihi", correlation, code, 0)
    return struct.pack(">i", len(body)) + body


@pytest.mark.parametrize("code", [0, 33, 34])
def test_a_kafka_answers_with_a_code(code: int) -> None:
    assert answer_code(answer(code)) == code


@pytest.mark.parametrize(
    "received",
    [
        b"",
        b"HTTP/1.1 400 Bad Request\r\n",
        b"SSH-2.0-OpenSSH_9.6\r\n",
        answer(33)[:9],
        answer(33, correlation=2),
        answer(35),
        b"\x15\x03\x03\x00\x02\x02\x46" * 3,
    ],
)
def test_what_else_comes_is_no_answer(received: bytes) -> None:
    assert answer_code(received) is None
