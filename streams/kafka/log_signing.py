"""Signatures of the records of the log: who has written one, and keys by reference.

    writer's key file ─► LogSigner ─► the last field of each envelope of fusion.input.v1
    folder of all keys ─► LogVerifier ─► the writer of a record; empty where its signature is not right

    C3 01 | schema | kind, event id, zone, payload | 30 | key id, 8 bytes | MAC, 16 bytes
    └───────────────── signed, with the record's key ┘   └─ the field `signature` ───────┘

A signature is a keyed BLAKE2b: a microsecond a record, where Ed25519 takes a hundred to verify (docs/adr/0026). It
stands in the envelope, not in a header, because the client takes no headers in a list of records (docs/adr/0024). Who
verifies therefore holds every writer's key: `fusion`, whose alerts everybody believes anyway, and who replays. It says
who has written a record, not that it is written once: a copy of one bears the same signature, and the fold knows
copies by their ids, numbers and revisions.
"""

from base64 import b64decode, b64encode
from collections.abc import Sequence
from hashlib import blake2b
from hmac import compare_digest
from pathlib import Path
from secrets import token_bytes
from typing import Final, NamedTuple

from processors.fold.writers import Writer
from schemas.avro_schemas import schema_of
from schemas.codec import decode
from schemas.errors import FileRefused, InputMissing
from schemas.fusion_log import FusionInput
from schemas.topics import FUSION_INPUT
from streams.kafka.config import KafkaConfig
from streams.kafka.record import LogRecord

KEY_BYTES: Final = 32
"""A new key, bytes; BLAKE2b takes up to 64."""

SHORTEST_KEY: Final = 16
"""Bytes. A shorter key is refused: 128 bits are what the MAC itself has."""

MAC_BYTES: Final = 16
SUFFIX: Final = ".key"

_PERSON: Final = b"callbox-log-v1"  # what is signed elsewhere with the same key is no signature here
_ID_BYTES: Final = 8
_UNSIGNED: Final = b"\x00"  # an empty field of bytes, as Avro has it
_SIGNED: Final = bytes(((_ID_BYTES + MAC_BYTES) << 1,))  # the length of one that holds a signature
_SIGNATURE_BYTES: Final = len(_SIGNED) + _ID_BYTES + MAC_BYTES


class LogKey(NamedTuple):
    """One writer's key.

    Attributes:
        writer: Whose it is.
        secret: Its bytes.
    """

    writer: str
    secret: bytes

    def __repr__(self) -> str:
        """Whose key, and no byte of it: this text may reach a log."""
        return f"LogKey({self.writer})"

    @property
    def key_id(self) -> bytes:
        """Which key of whom it is: 8 bytes, from which nobody can tell the key."""
        name = blake2b(self.secret, digest_size=_ID_BYTES, person=_PERSON)
        name.update(self.writer.encode())
        return name.digest()


class _Mac:
    """Keyed BLAKE2b of a record; the key is taken in once, and not for each record.

    Args:
        secret: The key.
    """

    def __init__(self, secret: bytes) -> None:
        self._keyed = blake2b(key=secret, digest_size=MAC_BYTES, person=_PERSON)

    def of(self, key: bytes | None, body: bytes) -> bytes:
        """The MAC of a record's key and of what is signed of its value."""
        key, mac = key or b"", self._keyed.copy()
        mac.update(b"".join((len(key).to_bytes(4, "big"), key, body)))
        return mac.digest()


class LogSigner:
    """Signs what one writer writes into the log.

    Args:
        key: The writer's.
    """

    def __init__(self, key: LogKey) -> None:
        self.writer, self._mac = key.writer, _Mac(key.secret)
        self._head = _SIGNED + key.key_id
        self._envelope = schema_of(FusionInput).header

    def __call__(self, topic: str, key: bytes | None, value: bytes | None) -> bytes | None:
        """The value of a record with its signature; as it is for another topic, and for one that is signed already.

        What `callbox dlq retry` writes again bears the signature of its first writer, and envelopes of an earlier
        release have no place for one.
        """
        if topic != FUSION_INPUT or value is None:
            return value
        if not value.startswith(self._envelope) or not value.endswith(_UNSIGNED):
            return value
        if _is_signed(value) and decode(value, FusionInput).signature:  # else its payload only looks like one
            return value
        body = value[: -len(_UNSIGNED)]
        return b"".join((body, self._head, self._mac.of(key, body)))


class LogVerifier:
    """Finds out who has written a record of the log.

    Args:
        keys: Every writer's; a writer may have several while they are changed.
    """

    def __init__(self, keys: Sequence[LogKey]) -> None:
        self._keys = {key.key_id: (key.writer, _Mac(key.secret)) for key in keys}

    def __call__(self, record: LogRecord) -> str:
        """The writer of a record; empty where it bears no signature, or one that is not right."""
        value = record.value
        if value is None or not _is_signed(value):
            return ""
        known = self._keys.get(value[-_ID_BYTES - MAC_BYTES : -MAC_BYTES])
        if known is None:
            return ""
        writer, mac = known
        is_right = compare_digest(value[-MAC_BYTES:], mac.of(record.key, value[:-_SIGNATURE_BYTES]))
        return writer if is_right else ""


def signer_of(kafka: KafkaConfig, writer: str | None = None) -> LogSigner | None:
    """The signer that the config names; None where it names none.

    Args:
        kafka: The config.
        writer: Who we are; None where any writer's key will do.

    Raises:
        InputMissing: The file is not there.
        FileRefused: It holds no key, or that of another writer.
    """
    if kafka.log_key_file is None:
        return None
    key = read_key(Path(kafka.log_key_file))
    if writer is not None and key.writer != writer:
        raise FileRefused(
            f"[kafka] log_key_file {kafka.log_key_file}: it is the key of {key.writer}, not of {writer}"
        )
    return LogSigner(key)


def verifier_of(kafka: KafkaConfig) -> LogVerifier | None:
    """The verifier with the keys that the config names; None where it names none.

    Raises:
        InputMissing: The folder is not there, or holds no key of one of the writers.
        FileRefused: One of its files holds no key.
    """
    if kafka.log_keys_dir is None:
        return None
    folder = Path(kafka.log_keys_dir)
    keys = [read_key(path) for path in sorted(folder.glob(f"*{SUFFIX}"))]
    if missing := sorted(set(Writer) - {key.writer for key in keys}):
        raise InputMissing(f"[kafka] log_keys_dir {folder}: no key of {', '.join(missing)}")
    return LogVerifier(keys)


def read_key(path: Path) -> LogKey:
    """Read a key file: the writer, a colon, and the key in Base64.

    Raises:
        InputMissing: It is not there, or cannot be read.
        FileRefused: It holds something else. The text does not say what.
    """
    try:
        text = path.read_text("ascii")
    except OSError as error:
        raise InputMissing(f"{path}: {error.strerror}") from error
    except UnicodeDecodeError:
        raise FileRefused(f"{path}: no key of a writer of the log") from None
    writer, _, encoded = text.strip().partition(":")
    try:
        secret = b64decode(encoded, validate=True)
    except ValueError:
        secret = b""
    if writer not in set(Writer) or not SHORTEST_KEY <= len(secret) <= blake2b.MAX_KEY_SIZE:
        allowed = ", ".join(Writer)
        raise FileRefused(
            f"{path}: no key of a writer of the log; allowed is WRITER:BASE64, a writer is {allowed}"
        )
    return LogKey(writer, secret)


def make_key_text(writer: Writer) -> str:
    """The text of a new key file."""
    return f"{writer}:{b64encode(token_bytes(KEY_BYTES)).decode()}\n"


def _is_signed(value: bytes) -> bool:
    """Whether a value ends as one does that is signed; the MAC says whether it is."""
    return value[-_SIGNATURE_BYTES : 1 - _SIGNATURE_BYTES] == _SIGNED
