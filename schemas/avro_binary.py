"""Single values in Avro's binary encoding, for the generated code of `schemas/generated/`.

The common form of a value is written and read here, and nothing else. Whatever is not of that form raises `Unusual`
or any other exception, and `schemas.codec` then asks fastavro, whose verdict counts (docs/adr/0022). So nothing here
describes an error, and nothing here may accept what fastavro refuses. Source: Avro 1.12 specification, "Binary
Encoding".
"""

from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from struct import Struct
from typing import Any, Final, NoReturn, TypeVar, cast

from schemas.units import DegE7, EpochMs

ItemT = TypeVar("ItemT")
SymbolT = TypeVar("SymbolT")

MARKER: Final = b"\xc3\x01"
HEADER_BYTES: Final = 10
"""Marker and fingerprint, with which every record begins (Avro, "Single-object encoding")."""

NULL: Final = b"\0"
VALUE: Final = b"\2"
OF_VALUE: Final = 2
"""The branches of a union of null and one type."""

LAST_OF_BYTE: Final = 0x7F  # seven bits of a number stand in each byte; the eighth says that more follow
LONG_END: Final = 1 << 64  # the first zigzag number that is no 64-bit integer
LONG_BYTES: Final = 10  # the most bytes of a 64-bit integer
SIZES_KEPT: Final = 8192  # every length of at most two bytes
LONGS_KEPT: Final = 4096  # the times of some hundred alerts


class Unusual(Exception):
    """The value, or what the bytes say, is not of the common form: fastavro decides about it."""


def unusual() -> NoReturn:
    """Leave it to fastavro."""
    raise Unusual


# --- values to bytes ----------------------------------------------------------------------------------------------


def _varint(number: int) -> bytes:
    """A number that is not negative, seven bits a byte, the lowest first."""
    written = bytearray()
    while number > LAST_OF_BYTE:
        written.append(number & LAST_OF_BYTE | 0x80)
        number >>= 7
    written.append(number)
    return bytes(written)


@lru_cache(LONGS_KEPT)
def long_bytes(value: int) -> bytes:
    """A 64-bit integer. Times repeat, within a record and from one alert of an incident to the next.

    The caller has looked at the type: to the cache, `True` and `1` are one key.
    """
    number = value << 1 ^ value >> 63
    if number >= LONG_END:
        raise Unusual
    return _varint(number)


class _Sizes(dict[int, bytes]):
    """The bytes of each length; those of a long one are not kept."""

    def __missing__(self, size: int) -> bytes:
        return _varint(size << 1)


SIZE: Final = _Sizes({size: _varint(size << 1) for size in range(SIZES_KEPT)})

FLAG: Final = (b"\0", b"\1")
"""The bytes of False and True."""

double_bytes: Final = Struct("<d").pack


def text_bytes(value: str) -> bytes:
    """A string."""
    if type(value) is not str:
        raise Unusual
    raw = value.encode()
    return SIZE[len(raw)] + raw


def blob_bytes(value: bytes) -> bytes:
    """A byte string."""
    if type(value) is not bytes:
        raise Unusual
    return SIZE[len(value)] + value


def some_text(value: str) -> bytes:
    """A string in a union with null."""
    if type(value) is not str:
        raise Unusual
    raw = value.encode()
    return b"".join((VALUE, SIZE[len(raw)], raw))


def some_blob(value: bytes) -> bytes:
    """A byte string in a union with null."""
    if type(value) is not bytes:
        raise Unusual
    return b"".join((VALUE, SIZE[len(value)], value))


def some_long(value: int) -> bytes:
    """A 64-bit integer in a union with null."""
    if type(value) is not int:
        raise Unusual
    return VALUE + long_bytes(value)


def some_double(value: float) -> bytes:
    """A number in a union with null."""
    if type(value) is not float:
        raise Unusual
    return VALUE + double_bytes(value)


def checked_long(value: int) -> bytes:
    """A 64-bit integer as the item of an array."""
    if type(value) is not int:
        raise Unusual
    return long_bytes(value)


def array_bytes(values: tuple[ItemT, ...], item_bytes: Callable[[ItemT], bytes]) -> bytes:
    """An array in one block, as fastavro writes it."""
    if type(values) is not tuple:
        raise Unusual
    if not values:
        return NULL
    return b"".join([SIZE[len(values)], *map(item_bytes, values), NULL])


def symbol_bytes(symbols: Iterable[SymbolT]) -> Mapping[SymbolT, bytes]:
    """The bytes of each symbol of an enum, given in the schema's order."""
    return {symbol: _varint(index << 1) for index, symbol in enumerate(symbols)}


# --- bytes to values ----------------------------------------------------------------------------------------------
# Each takes the record's bytes and where the value begins, and gives the value and where the next one begins. A value
# that ends beyond the bytes is not noticed here: either the next index is out of range, or the end does not fit.


def read_zigzag(data: bytes, pos: int) -> tuple[int, int]:
    """The number behind a 64-bit integer, an index or a length: twice the value, or twice its distance below -1/2."""
    byte = data[pos]
    pos += 1
    if byte <= LAST_OF_BYTE:
        return byte, pos
    number, shift, last = byte & LAST_OF_BYTE, 7, pos + LONG_BYTES - 1
    while byte > LAST_OF_BYTE:
        if pos == last:
            raise Unusual
        byte = data[pos]
        pos += 1
        number |= (byte & LAST_OF_BYTE) << shift
        shift += 7
    if number >= LONG_END:
        raise Unusual
    return number, pos


def read_long(data: bytes, pos: int) -> tuple[int, int]:
    """A 64-bit integer."""
    number, pos = read_zigzag(data, pos)
    return number >> 1 ^ -(number & 1), pos


read_angle: Final = cast("Callable[[bytes, int], tuple[DegE7, int]]", read_long)


def _shares(shift: int, valid: range) -> tuple[Any, ...]:
    """What each byte in one place adds to a time of six bytes; None for one that cannot stand there."""
    return tuple((byte & LAST_OF_BYTE) << shift >> 1 if byte in valid else None for byte in range(256))


_MORE = range(0x80, 0x100)  # further bytes follow
_FIRST, _SECOND, _THIRD, _FOURTH, _FIFTH, _SIXTH = (
    _shares(0, _MORE[::2]),  # an odd one belongs to a time before 1970
    *(_shares(shift, _MORE) for shift in (7, 14, 21, 28)),
    _shares(35, range(0x80)),
)
TIME_BYTES: Final = 6
"""The times from July 1970 to September 2039 have so many bytes."""


def read_time(data: bytes, pos: int) -> tuple[EpochMs, int]:
    """A time. Three times as fast as the loop of `read_long`, which reads what has not six bytes."""
    end = pos + TIME_BYTES
    try:
        a, b, c, d, e, f = data[pos:end]
        time: EpochMs = _FIRST[a] + _SECOND[b] + _THIRD[c] + _FOURTH[d] + _FIFTH[e] + _SIXTH[f]
    except (TypeError, ValueError):
        value, end = read_long(data, pos)
        return EpochMs(value), end
    return time, end


def read_two_times(data: bytes, pos: int) -> tuple[EpochMs, EpochMs, int]:
    """Two times, one after the other, as most records have them: when it happened, and when it was received."""
    end = pos + 2 * TIME_BYTES
    try:
        a, b, c, d, e, f, g, h, i, j, k, m = data[pos:end]
        first: EpochMs = _FIRST[a] + _SECOND[b] + _THIRD[c] + _FOURTH[d] + _FIFTH[e] + _SIXTH[f]
        second: EpochMs = _FIRST[g] + _SECOND[h] + _THIRD[i] + _FOURTH[j] + _FIFTH[k] + _SIXTH[m]
    except (TypeError, ValueError):
        value, pos = read_long(data, pos)
        other, end = read_long(data, pos)
        return EpochMs(value), EpochMs(other), end
    return first, second, end


def read_size(data: bytes, pos: int) -> tuple[int, int]:
    """Twice a length or a count, which is not negative."""
    number, pos = read_zigzag(data, pos)
    if number & 1:
        raise Unusual
    return number, pos


TEXT: Final = tuple(1 + (byte >> 1) if byte <= LAST_OF_BYTE and not byte & 1 else 0 for byte in range(256))
"""How many bytes a string takes with the byte that gives its length; 0 where one byte does not."""


def read_text(data: bytes, pos: int) -> tuple[str, int]:
    """A string."""
    end = pos + TEXT[data[pos]]
    if end == pos:
        return read_long_text(data, pos)
    return data[pos + 1 : end].decode(), end


def read_long_text(data: bytes, pos: int) -> tuple[str, int]:
    """A string of 64 bytes and more."""
    size, pos = read_size(data, pos)
    end = pos + (size >> 1)
    return data[pos:end].decode(), end


def read_blob(data: bytes, pos: int) -> tuple[bytes, int]:
    """A byte string."""
    size, pos = read_size(data, pos)
    end = pos + (size >> 1)
    return data[pos:end], end


_double: Final = Struct("<d").unpack_from


def read_double(data: bytes, pos: int) -> tuple[float, int]:
    """A number."""
    value: float = _double(data, pos)[0]
    return value, pos + 8


def read_flag(data: bytes, pos: int) -> tuple[bool, int]:
    """A boolean; every byte but 0 is true, as it is to fastavro."""
    return data[pos] != 0, pos + 1


def read_array(
    data: bytes, pos: int, read_item: Callable[[bytes, int], tuple[ItemT, int]]
) -> tuple[tuple[ItemT, ...], int]:
    """An array in one block. An item takes a byte at least, so no count makes it larger than the bytes are many."""
    count, pos = read_size(data, pos)
    if not count:
        return (), pos
    items = []
    for _ in range(count >> 1):
        item, pos = read_item(data, pos)
        items.append(item)
    if data[pos]:
        raise Unusual
    return tuple(items), pos + 1


def symbol_of(symbols: Iterable[SymbolT]) -> Mapping[int, SymbolT]:
    """Each symbol of an enum, given in the schema's order, by the number that `read_zigzag` finds."""
    return {index << 1: symbol for index, symbol in enumerate(symbols)}


def read_symbols(data: bytes, pos: int, symbols: Mapping[int, SymbolT]) -> tuple[tuple[SymbolT, ...], int]:
    """An array of symbols of an enum, in one block."""
    count, pos = read_size(data, pos)
    if not count:
        return (), pos
    found = []
    for _ in range(count >> 1):
        number, pos = read_zigzag(data, pos)
        found.append(symbols[number])
    if data[pos]:
        raise Unusual
    return tuple(found), pos + 1
