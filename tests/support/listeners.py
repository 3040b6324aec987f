"""A broker with a listener for each way in which a client and a port can disagree, and ports that are no broker's."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from callbox.demo.processes.broker_process import LOOPBACK, free_port
from callbox_testkit.brokers.apache import ApacheKafka
from streams.kafka.config import KafkaConfig, SaslMechanism, SecurityProtocol

PASSWORD = "right-pa55word"
USER = "somebody"
_SCRAM = "org.apache.kafka.common.security.scram.ScramLoginModule required;"


class Listeners:
    """Where each listener is, and a client of it.

    Args:
        cache: Folder with Kafka's jars.
        folder: Gets the log of the broker.
        identities: PEM files of TLS listeners, by the listener's name.
        wants_client: The listener of `identities` that asks for a client certificate.
        ca_file: The authority that it trusts.
    """

    def __init__(
        self, cache: Path, folder: Path, identities: dict[str, Path], wants_client: str, ca_file: Path
    ) -> None:
        protocols = dict.fromkeys(identities, "SSL") | {"USERS": "SASL_PLAINTEXT", "TLSUSERS": "SASL_SSL"}
        self._ports = {name: free_port() for name in protocols}
        settings = {
            "listeners": ",".join(f"{name}://{LOOPBACK}:{port}" for name, port in self._ports.items()),
            "listener.security.protocol.map": ",".join(
                ["PLAINTEXT:PLAINTEXT", "CONTROLLER:PLAINTEXT", *(f"{n}:{p}" for n, p in protocols.items())]
            ),
        }
        for name, file in (identities | {"TLSUSERS": next(iter(identities.values()))}).items():
            prefix = f"listener.name.{name.lower()}"
            settings |= {f"{prefix}.ssl.keystore.type": "PEM", f"{prefix}.ssl.keystore.location": str(file)}
        asking = f"listener.name.{wants_client.lower()}"
        settings |= {
            f"{asking}.ssl.client.auth": "required",
            f"{asking}.ssl.truststore.type": "PEM",
            f"{asking}.ssl.truststore.location": str(ca_file),
        }
        for name in ("users", "tlsusers"):
            prefix = f"listener.name.{name}"
            settings |= {
                f"{prefix}.sasl.enabled.mechanisms": "SCRAM-SHA-512",
                f"{prefix}.scram-sha-512.sasl.jaas.config": _SCRAM,
            }
        scram = f"SCRAM-SHA-512=[name={USER},password={PASSWORD}]"
        self.broker = ApacheKafka(
            cache, folder / "broker.log", settings=settings, format_options=["--add-scram", scram]
        )
        self._ca_file = ca_file
        self._password_file = folder / "password"
        self._password_file.write_text(PASSWORD, encoding="utf-8")

    def client(self, listener: str, protocol: str, **more: str) -> KafkaConfig:
        """A client of a listener, or of an address, with what `protocol` needs; `more` replaces it."""
        address = self.broker.bootstrap if listener == "PLAINTEXT" else listener
        if listener in self._ports:
            address = f"{LOOPBACK}:{self._ports[listener]}"
        fields: dict[str, object] = {"security_protocol": SecurityProtocol(protocol)}
        if "SSL" in protocol:
            fields["ssl_ca_file"] = str(self._ca_file)
        if "SASL" in protocol:
            fields |= {
                "sasl_mechanism": SaslMechanism(more.pop("sasl_mechanism", "SCRAM-SHA-512")),
                "sasl_username": USER,
                "sasl_password_file": str(self._password_file),
            }
        return KafkaConfig(bootstrap=address, **(fields | more))  # type: ignore[arg-type]  # by name, as in a file


@contextmanager
def answering(answer: bytes) -> Iterator[str]:
    """The address of a port that answers everything with the same bytes, and then closes."""
    with socket.create_server((LOOPBACK, 0)) as server:

        def serve() -> None:
            while True:
                try:
                    connection, _ = server.accept()
                    with connection:
                        connection.settimeout(1)
                        connection.recv(4096)
                        connection.sendall(answer)
                except TimeoutError:
                    continue
                except OSError:
                    if server.fileno() < 0:
                        return

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        try:
            yield f"{LOOPBACK}:{server.getsockname()[1]}"
        finally:
            server.shutdown(socket.SHUT_RDWR)
            server.close()
            thread.join(5)
