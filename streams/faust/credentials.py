"""One `KafkaConfig` as Faust wants it, which hands it to aiokafka."""

import os
import ssl
from collections.abc import Mapping

from faust.auth import SASLCredentials, SSLCredentials

from schemas.errors import InputMissing
from streams.kafka.client_settings import existing_file, read_password
from streams.kafka.config import SASL, TLS, KafkaConfig


def broker_urls(config: KafkaConfig) -> list[str]:
    """The broker setting of a Faust app: its default driver, aiokafka."""
    return [f"kafka://{address.strip()}" for address in config.bootstrap.split(",")]


def broker_credentials(
    config: KafkaConfig, environment: Mapping[str, str] = os.environ
) -> SASLCredentials | SSLCredentials | None:
    """The `broker_credentials` of a Faust app; None where the broker asks for none.

    Raises:
        InputMissing: A certificate, key or password that the config names is not there or not usable.
    """
    context = _ssl_context(config) if config.security_protocol in TLS else None
    if config.security_protocol in SASL and config.sasl_mechanism is not None:
        return SASLCredentials(
            username=config.sasl_username,
            password=read_password(config, environment),
            mechanism=str(config.sasl_mechanism),
            ssl_context=context,
        )
    return SSLCredentials(context) if context is not None else None


def _ssl_context(config: KafkaConfig) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(cafile=existing_file("ssl_ca_file", config.ssl_ca_file))
        if config.ssl_certificate_file is not None:
            context.load_cert_chain(config.ssl_certificate_file, config.ssl_key_file)
    except OSError as error:  # ssl.SSLError is one
        raise InputMissing(f"[kafka] ssl_… files cannot be used: {error}") from error
    return context
