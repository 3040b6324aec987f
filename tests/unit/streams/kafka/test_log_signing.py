"""Signatures of the log: who has written a record, and what is no signature."""

from pathlib import Path
from random import Random

import pytest

from processors.fold.writers import Writer
from schemas.codec import decode, encode
from schemas.enums import InputKind, PillarKind
from schemas.errors import FileRefused, InputMissing
from schemas.fusion_log import FusionInput
from schemas.topics import ALERTS, FUSION_INPUT
from schemas.units import EpochMs
from streams.kafka.config import KafkaConfig
from streams.kafka.log_signing import (
    LogKey,
    LogSigner,
    LogVerifier,
    make_key_text,
    read_key,
    signer_of,
    verifier_of,
)
from streams.kafka.record import LogRecord
from tests.support.log_records import envelope, fact

ALARMS, OPERATOR = LogKey(Writer.ALARMS, b"a" * 32), LogKey(Writer.OPERATOR, b"o" * 32)
VERIFIER = LogVerifier([ALARMS, OPERATOR])
KEY = b"east"


def value(payload: bytes = b"x") -> bytes:
    return encode(FusionInput(kind=InputKind.PILLAR_EVENT, event_id="e", zone="east", payload=payload))


def writer_of(signed: bytes | None, key: bytes | None = KEY) -> str:
    return VERIFIER(LogRecord(FUSION_INPUT, 0, 0, EpochMs(0), key, signed))


def signed(by: LogKey = ALARMS, payload: bytes = b"x", key: bytes = KEY) -> bytes:
    made = LogSigner(by)(FUSION_INPUT, key, value(payload))
    assert made is not None
    return made


@pytest.mark.parametrize("key", [ALARMS, OPERATOR])
def test_who_has_signed_a_record_is_known(key: LogKey) -> None:
    assert writer_of(signed(key)) == key.writer


def test_a_signed_record_is_the_same_record() -> None:
    assert decode(signed(), FusionInput).payload == decode(value(), FusionInput).payload
    assert len(decode(signed(), FusionInput).signature) == 24


@pytest.mark.parametrize("size", range(60))
def test_any_payload_can_be_signed_and_verified(size: int) -> None:
    for payload in (bytes(size), b"\x30" * size, Random(size).randbytes(size)):
        assert writer_of(signed(payload=payload)) == Writer.ALARMS
        assert writer_of(value(payload)) == ""


def test_what_is_signed_already_keeps_the_signature_of_its_first_writer() -> None:
    """As `callbox dlq retry` writes it again."""
    for number in range(1_000):  # a MAC may end like an empty field
        first = signed(payload=b"%d" % number)
        assert LogSigner(OPERATOR)(FUSION_INPUT, KEY, first) == first
        assert writer_of(first) == Writer.ALARMS


def test_no_byte_of_a_record_can_be_another_one() -> None:
    made = signed()
    for at in range(len(made)):
        assert writer_of(made[:at] + bytes((made[at] ^ 1,)) + made[at + 1 :]) == "", at


def test_it_is_bound_to_the_key_of_the_record() -> None:
    assert writer_of(signed(), b"west") == ""
    assert writer_of(signed(), None) == ""


@pytest.mark.parametrize("given", [None, b"", b"\x00", b"\x30" * 25, b"\x30" + b"\0" * 24])
def test_what_is_no_record_is_nobodys(given: bytes | None) -> None:
    assert writer_of(given) == ""


def test_a_key_of_another_site_is_nobodys() -> None:
    assert writer_of(signed(LogKey(Writer.ALARMS, b"b" * 32))) == ""


def test_a_writer_cannot_sign_as_another_one_with_its_own_key() -> None:
    assert writer_of(signed(LogKey(Writer.OPERATOR, ALARMS.secret))) == ""


def test_only_the_log_is_signed() -> None:
    assert LogSigner(ALARMS)(ALERTS, KEY, value()) == value()
    assert LogSigner(ALARMS)(FUSION_INPUT, KEY, None) is None
    earlier = b"\xc3\x01" + b"\0" * 8 + b"\0"
    assert LogSigner(ALARMS)(FUSION_INPUT, KEY, earlier) == earlier


def test_a_real_fact_is_signed_by_its_bytes() -> None:
    made = encode(envelope(fact(PillarKind.PRESS, "P1", at_s=1)))
    assert writer_of(LogSigner(ALARMS)(FUSION_INPUT, KEY, made)) == Writer.ALARMS


def key_files(folder: Path, *writers: Writer) -> KafkaConfig:
    for writer in writers:
        (folder / f"{writer}.key").write_text(make_key_text(writer))
    return KafkaConfig(
        bootstrap="h:1", log_keys_dir=str(folder), log_key_file=str(folder / f"{writers[0]}.key")
    )


def test_keys_come_from_files(tmp_path: Path) -> None:
    config = key_files(tmp_path, *Writer)
    signer, verifier = signer_of(config, Writer.ALARMS), verifier_of(config)
    assert signer is not None
    assert verifier is not None
    made = signer(FUSION_INPUT, KEY, value())
    assert verifier(LogRecord(FUSION_INPUT, 0, 0, EpochMs(0), KEY, made)) == Writer.ALARMS


def test_a_key_that_is_being_changed_may_be_there_twice(tmp_path: Path) -> None:
    config = key_files(tmp_path, *Writer)
    (tmp_path / "alarms-2.key").write_text(make_key_text(Writer.ALARMS))
    verifier = verifier_of(config)
    assert verifier is not None
    for name in ("alarms", "alarms-2"):
        made = LogSigner(read_key(tmp_path / f"{name}.key"))(FUSION_INPUT, KEY, value())
        assert verifier(LogRecord(FUSION_INPUT, 0, 0, EpochMs(0), KEY, made)) == Writer.ALARMS


def test_without_files_nothing_is_signed_or_verified() -> None:
    config = KafkaConfig(bootstrap="h:1")
    assert signer_of(config) is None
    assert verifier_of(config) is None


def test_a_folder_that_lacks_a_key_is_refused(tmp_path: Path) -> None:
    config = key_files(tmp_path, Writer.ALARMS, Writer.FUSION)
    with pytest.raises(InputMissing, match="no key of frames, operator, plates"):
        verifier_of(config)


def test_another_writers_key_is_refused(tmp_path: Path) -> None:
    config = key_files(tmp_path, Writer.ALARMS)
    with pytest.raises(FileRefused, match="it is the key of alarms, not of fusion"):
        signer_of(config, Writer.FUSION)


@pytest.mark.parametrize(
    "text", ["", "alarms", "alarms:", "alarms:c2hvcnQ=", "nobody:" + "QUFB" * 11, "alarms:***", "\xff"]
)
def test_a_file_without_a_key_is_refused_and_not_quoted(text: str, tmp_path: Path) -> None:
    path = tmp_path / "x.key"
    path.write_text(text, "latin-1")
    with pytest.raises(FileRefused) as refused:
        read_key(path)
    assert "QUFB" not in str(refused.value)
    assert "c2hv" not in str(refused.value)


def test_a_key_is_not_shown() -> None:
    assert "aaaa" not in repr(ALARMS)
    with pytest.raises(InputMissing):
        read_key(Path("nowhere.key"))
