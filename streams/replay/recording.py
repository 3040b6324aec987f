"""A recorded log: `fusion.input.v1` as one Avro object container file, to be folded again anywhere.

Each entry has partition, offset, append time, key and value as they lay on the broker, and the verdict of who has
written it, so that it folds alike where nobody has the keys; the number of partitions is in the file's metadata. The
log holds no plate text and no picture, but the names of the operators who acknowledged: a recording is personal data
(docs/privacy.md).
"""

from pathlib import Path
from typing import Final

import fastavro
import msgspec

from processors.fold.log_entry import LogEntry
from schemas.errors import FileRefused, InputMissing
from schemas.units import EpochMs
from streams.replay.refold import Log

PARTITIONS_KEY: Final = "callbox.partitions"

_BYTES_OR_NULL: Final = ["null", "bytes"]
_SCHEMA: Final = {
    "type": "record",
    "name": "LogRecord",
    "namespace": "callbox.recording",
    "doc": "One record of fusion.input.v1 as it lay on the broker.",
    "fields": [
        {"name": "partition", "type": "int"},
        {"name": "offset", "type": "long"},
        {"name": "append_ms", "type": "long", "doc": "Milliseconds since 1970."},
        {"name": "key", "type": _BYTES_OR_NULL, "doc": "The zone."},
        {"name": "value", "type": _BYTES_OR_NULL, "doc": "FusionInput, Avro single-object encoding."},
        {
            "name": "writer",
            "type": ["null", "string"],
            "default": None,
            "doc": "Who has written it, by its signature; empty: nobody known, null: nobody has looked.",
        },
    ],
}


class _Record(msgspec.Struct, frozen=True):
    """One entry of the file."""

    partition: int
    offset: int
    append_ms: EpochMs
    key: bytes | None
    value: bytes | None
    writer: str | None = None


def write_log(path: Path, log: Log) -> None:
    """Write a recording; a file that is there is replaced.

    Raises:
        OSError: It cannot be written.
    """
    records = (
        msgspec.to_builtins(_Record(partition, *entry), builtin_types=(bytes,))
        for partition, entry in log.entries
    )
    with path.open("wb") as file:
        fastavro.writer(
            file, _SCHEMA, records, codec="deflate", metadata={PARTITIONS_KEY: str(log.partitions)}
        )


def load_log(path: Path) -> Log:
    """Read a recording.

    Raises:
        InputMissing: It is not there.
        FileRefused: It is damaged, or something else.
    """
    try:
        with path.open("rb") as file:
            reader = fastavro.reader(file)
            partitions = int(reader.metadata[PARTITIONS_KEY])
            records = [msgspec.convert(record, _Record) for record in reader]
    except OSError as error:
        raise InputMissing(f"{path}: {error.strerror}") from error
    except Exception as error:  # fastavro raises a dozen types on damaged bytes
        raise FileRefused(f"{path}: no recorded log") from error
    return Log(
        partitions,
        [
            (
                record.partition,
                LogEntry(record.offset, record.append_ms, record.key, record.value, record.writer),
            )
            for record in records
        ],
    )
