"""Each way to be refused by a broker is told by its cause, with the setting to look at, in one line (Apache Kafka)."""

import re
import socket
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from callbox.demo.processes.broker_process import LOOPBACK, free_port
from schemas.errors import AccessDenied, BrokerUnavailable, CallboxError
from streams.kafka.admin import assert_reachable
from streams.kafka.config import KafkaConfig
from streams.kafka.reader import read_all
from tests.support.certificates import Authority
from tests.support.kill_harness import kafka_or_skip
from tests.support.listeners import Listeners, answering

pytestmark = [pytest.mark.kafka, pytest.mark.long]

YESTERDAY = timedelta(days=-1)
SHORT_S = 2.0
"""A start waits for 8 s before it gives up; what is told then is the same."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("refusals")


@pytest.fixture(scope="module")
def authority(folder: Path) -> Authority:
    return Authority(folder)


@pytest.fixture(scope="module")
def outsider(folder: Path) -> Authority:
    elsewhere = folder / "outsider"
    elsewhere.mkdir()
    return Authority(elsewhere, "somebody else")


@pytest.fixture(scope="module")
def listeners(cache: Path, folder: Path, authority: Authority) -> Iterator[Listeners]:
    good = authority.identity(LOOPBACK, file="good.pem")
    identities = {
        "GOOD": good,
        "EXPIRED": authority.identity(LOOPBACK, file="expired.pem", until=YESTERDAY),
        "ELSEWHERE": authority.identity("192.0.2.1", file="elsewhere.pem", name="elsewhere.example"),
        "MUTUAL": good,
    }
    made = Listeners(cache, folder, identities, "MUTUAL", authority.ca_file)
    with kafka_or_skip():
        made.broker.start()
    try:
        yield made
    finally:
        made.broker.stop()


def refusal(config: KafkaConfig) -> str:
    """The one line with which a start against this broker ends, which must be a refusal."""
    with pytest.raises(AccessDenied) as refused:
        assert_reachable(config, SHORT_S)
    assert refused.value.exit_code == 77
    line = str(refused.value)
    assert "\n" not in line
    assert config.bootstrap in line
    return line


@pytest.mark.parametrize(
    ("listener", "protocol"),
    [("PLAINTEXT", "PLAINTEXT"), ("GOOD", "SSL"), ("USERS", "SASL_PLAINTEXT"), ("TLSUSERS", "SASL_SSL")],
)
def test_who_agrees_with_the_port_is_let_in(listeners: Listeners, listener: str, protocol: str) -> None:
    assert_reachable(listeners.client(listener, protocol))


@pytest.mark.parametrize(
    ("listener", "protocol", "told"),
    [
        ("EXPIRED", "SSL", "certificate, or that of its authority, has expired"),
        ("ELSEWHERE", "SSL", r"certificate is for another host, look at \[kafka\] bootstrap"),
        (
            "MUTUAL",
            "SSL",
            r"wants a client certificate that it trusts, look at \[kafka\] ssl_certificate_file",
        ),
        ("GOOD", "PLAINTEXT", r"port is SSL or SASL_SSL, look at \[kafka\] security_protocol PLAINTEXT"),
        ("PLAINTEXT", "SSL", r"port is PLAINTEXT or SASL_PLAINTEXT, look at \[kafka\] security_protocol SSL"),
        (
            "TLSUSERS",
            "SASL_PLAINTEXT",
            r"port is SSL or SASL_SSL, look at \[kafka\] security_protocol SASL_PL",
        ),
        (
            "USERS",
            "SASL_SSL",
            r"port is PLAINTEXT or SASL_PLAINTEXT, look at \[kafka\] security_protocol SASL_S",
        ),
        ("USERS", "PLAINTEXT", r"port wants a user, look at \[kafka\] security_protocol PLAINTEXT"),
        ("TLSUSERS", "SSL", r"port wants a user, look at \[kafka\] security_protocol SSL"),
        ("PLAINTEXT", "SASL_PLAINTEXT", r"port takes no user, look at \[kafka\] security_protocol"),
        ("GOOD", "SASL_SSL", r"port takes no user, look at \[kafka\] security_protocol"),
    ],
)
def test_who_does_not_is_told_why_and_where_to_look(
    listeners: Listeners, listener: str, protocol: str, told: str
) -> None:
    assert re.search(told, refusal(listeners.client(listener, protocol)))


def test_an_unknown_authority_is_told_as_one(listeners: Listeners, outsider: Authority) -> None:
    line = refusal(listeners.client("GOOD", "SSL", ssl_ca_file=str(outsider.ca_file)))
    assert (
        "no authority that we trust has signed the broker's certificate, look at [kafka] ssl_ca_file" in line
    )


def test_a_reader_that_meets_another_certificate_than_the_start_did_tells_the_same(
    listeners: Listeners, outsider: Authority
) -> None:
    with pytest.raises(AccessDenied, match="no authority that we trust"):
        list(read_all(listeners.client("GOOD", "SSL", ssl_ca_file=str(outsider.ca_file)), "any"))


@pytest.mark.parametrize(
    ("until", "told"),
    [(YESTERDAY, "refuses our client certificate, as one that has expired"), (timedelta(days=1), "")],
)
def test_our_own_certificate_is_refused_when_it_has_expired(
    listeners: Listeners, authority: Authority, until: timedelta, told: str
) -> None:
    ours = str(authority.identity(LOOPBACK, file=f"client{until.days}.pem", until=until))
    config = listeners.client("MUTUAL", "SSL", ssl_certificate_file=ours, ssl_key_file=ours)
    if told:
        assert told in refusal(config)
    else:
        assert_reachable(config)


def test_a_certificate_of_ours_that_the_broker_cannot_trust_is_told(
    listeners: Listeners, outsider: Authority
) -> None:
    ours = str(outsider.identity(LOOPBACK))
    config = listeners.client("MUTUAL", "SSL", ssl_certificate_file=ours, ssl_key_file=ours)
    assert "wants a client certificate that it trusts" in refusal(config)


def test_a_wrong_password_names_user_and_password_and_shows_neither_password(
    listeners: Listeners, tmp_path: Path
) -> None:
    (tmp_path / "wrong").write_text("wr0ng-passw0rd", encoding="utf-8")
    line = refusal(listeners.client("USERS", "SASL_PLAINTEXT", sasl_password_file=str(tmp_path / "wrong")))
    assert "wrong user or password, look at [kafka] sasl_username and sasl_password_file" in line
    assert "wr0ng" not in line


@pytest.mark.parametrize("mechanism", ["PLAIN", "SCRAM-SHA-256"])
def test_a_mechanism_that_the_broker_does_not_have_names_those_that_it_has(
    listeners: Listeners, mechanism: str
) -> None:
    line = refusal(listeners.client("USERS", "SASL_PLAINTEXT", sasl_mechanism=mechanism))
    assert "look at [kafka] sasl_mechanism" in line
    assert "supported mechanisms: SCRAM-SHA-512" in line


# --- ports that are no broker's: a real listener with the bytes of one ---------------------------------------------


@pytest.mark.parametrize(
    ("alert", "told"),
    [
        (40, "accepts no protocol version or cipher of ours"),
        (44, "our client certificate is revoked"),
        (45, "our client certificate has expired"),
        (48, "does not know the authority of our client certificate"),
        (70, "does not speak our versions of TLS, look at its ssl.enabled.protocols"),
        (71, "none of our ciphers"),
        (112, "does not know the name that we call it by, look at [kafka] bootstrap"),
        (116, "wants a client certificate that it trusts"),
        (80, "breaks the TLS handshake off"),
    ],
)
def test_what_a_broker_says_when_it_breaks_off_the_handshake_is_told(
    authority: Authority, alert: int, told: str
) -> None:
    with answering(bytes([0x15, 3, 3, 0, 2, 2, alert])) as address:
        config = KafkaConfig(bootstrap=address, security_protocol="SSL", ssl_ca_file=str(authority.ca_file))
        assert told in refusal(config)


def test_something_that_is_no_kafka_is_no_refusal(authority: Authority) -> None:
    with answering(b"HTTP/1.1 400 Bad Request\r\n\r\n") as address:
        with pytest.raises(BrokerUnavailable, match=f"no broker answers: {address}: "):
            assert_reachable(KafkaConfig(bootstrap=address), SHORT_S)
        config = KafkaConfig(bootstrap=address, security_protocol="SSL", ssl_ca_file=str(authority.ca_file))
        assert "port does not speak TLS, look at [kafka] security_protocol" in refusal(config)


def test_a_port_that_only_closes_is_no_refusal() -> None:
    with answering(b"") as address, pytest.raises(BrokerUnavailable):
        assert_reachable(KafkaConfig(bootstrap=address), SHORT_S)


def test_nobody_there_is_no_refusal() -> None:
    with pytest.raises(BrokerUnavailable) as gone:
        assert_reachable(KafkaConfig(bootstrap=f"{LOOPBACK}:{free_port()}"), SHORT_S)
    assert gone.value.exit_code == 69


# --- dead addresses beside a living one ----------------------------------------------------------------------------


def test_a_start_goes_by_addresses_that_refuse_or_say_nothing_to_the_one_that_lives(
    listeners: Listeners,
) -> None:
    with socket.create_server((LOOPBACK, 0)) as one, socket.create_server((LOOPBACK, 0)) as other:
        silent = [f"{LOOPBACK}:{each.getsockname()[1]}" for each in (one, other)]  # accepted, never answered
        alive = listeners.broker.bootstrap
        bootstrap = ",".join([*silent, f"{LOOPBACK}:{free_port()}", alive])
        try:
            assert_reachable(KafkaConfig(bootstrap=bootstrap), SHORT_S)
        except CallboxError as error:
            pytest.fail(str(error))
