"""The form of a record in Avro's binary encoding, as far as writing and reading share it.

    C3 01 | fingerprint of the schema | values one after the other

The common form of a value is written (`avro_writing.py`) and read (`avro_reading.py`) there, for the generated code of
`schemas/generated/`, and nothing else. Whatever is not of that form raises `Unusual` or any other exception, and
`schemas.codec` then asks fastavro, whose verdict counts (docs/adr/0022). So nothing there describes an error, and
nothing there may accept what fastavro refuses. Source: Avro 1.12 specification, "Binary Encoding".
"""

from typing import Final, TypeVar

ItemT = TypeVar("ItemT")
SymbolT = TypeVar("SymbolT")

MARKER: Final = b"\xc3\x01"
HEADER_BYTES: Final = 10
"""Marker and fingerprint, with which every record begins (Avro, "Single-object encoding")."""

LAST_OF_BYTE: Final = 0x7F  # seven bits of a number stand in each byte; the eighth says that more follow
LONG_END: Final = 1 << 64  # the first zigzag number that is no 64-bit integer


class Unusual(Exception):
    """The value, or what the bytes say, is not of the common form: fastavro decides about it."""
