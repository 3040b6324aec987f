"""Bytes to single values, for the generated readers. The form is that of `avro_binary.py`.

Each function takes the bytes of a record and where the value begins, and gives the value and where the next one
begins. A value that ends beyond the bytes is not noticed here: either the next index is out of range, or the end of
the record does not fit.
"""

from collections.abc import Callable, Iterable, Mapping
from struct import Struct
from typing import Any, Final, cast

from schemas.avro_binary import LAST_OF_BYTE, LONG_END, ItemT, SymbolT, Unusual
from schemas.units import DegE7, EpochMs

OF_VALUE: Final = 2
"""The branch of a union of null and one type that has the value."""

LONG_BYTES: Final = 10  # the most bytes of a 64-bit integer
SIZE_REST: Final = 0x81  # set in the first byte of a size that is negative or needs more bytes


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
    number = data[pos]
    pos += 1
    if number > LAST_OF_BYTE:
        number, pos = read_zigzag(data, pos - 1)
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


STRING: Final = tuple(1 + (byte >> 1) if byte <= LAST_OF_BYTE and not byte & 1 else 0 for byte in range(256))
"""How many bytes a string takes with the byte that gives its length; 0 where one byte does not."""


def read_string(data: bytes, pos: int) -> tuple[str, int]:
    """A string."""
    end = pos + STRING[data[pos]]
    if end == pos:
        return read_long_string(data, pos)
    return data[pos + 1 : end].decode(), end


def read_long_string(data: bytes, pos: int) -> tuple[str, int]:
    """A string of 64 bytes and more."""
    size, pos = read_size(data, pos)
    end = pos + (size >> 1)
    return data[pos:end].decode(), end


def read_blob(data: bytes, pos: int) -> tuple[bytes, int]:
    """A byte string."""
    size = data[pos]
    pos += 1
    if size & SIZE_REST:
        size, pos = read_size(data, pos - 1)
    end = pos + (size >> 1)
    return data[pos:end], end


_double: Final = Struct("<d").unpack_from


def read_double(data: bytes, pos: int) -> tuple[float, int]:
    """A number."""
    value: float = _double(data, pos)[0]
    return value, pos + 8


def read_array(
    data: bytes, pos: int, read_item: Callable[[bytes, int], tuple[ItemT, int]]
) -> tuple[tuple[ItemT, ...], int]:
    """An array in one block. An item takes a byte at least, so no count makes it larger than the bytes are many."""
    count = data[pos]
    pos += 1
    if count & SIZE_REST:
        count, pos = read_size(data, pos - 1)
    if not count:
        return (), pos
    items = []
    for _ in range(count >> 1):
        item, pos = read_item(data, pos)
        items.append(item)
    if data[pos]:
        raise Unusual
    return tuple(items), pos + 1


def read_longs(data: bytes, pos: int) -> tuple[tuple[int, ...], int]:
    """An array of 64-bit integers, in one block."""
    count = data[pos]
    pos += 1
    if count & SIZE_REST:
        count, pos = read_size(data, pos - 1)
    if not count:
        return (), pos
    found = []
    for _ in range(count >> 1):
        number = data[pos]
        pos += 1
        if number > LAST_OF_BYTE:
            number, pos = read_zigzag(data, pos - 1)
        found.append(number >> 1 ^ -(number & 1))
    if data[pos]:
        raise Unusual
    return tuple(found), pos + 1


def symbol_of(symbols: Iterable[SymbolT]) -> Mapping[int, SymbolT]:
    """Each symbol of an enum, given in the schema's order, by the number that `read_zigzag` finds."""
    return {index << 1: symbol for index, symbol in enumerate(symbols)}


def read_symbols(data: bytes, pos: int, symbols: Mapping[int, SymbolT]) -> tuple[tuple[SymbolT, ...], int]:
    """An array of symbols of an enum, in one block."""
    count = data[pos]
    pos += 1
    if count & SIZE_REST:
        count, pos = read_size(data, pos - 1)
    if not count:
        return (), pos
    found = []
    for _ in range(count >> 1):
        number, pos = read_zigzag(data, pos)
        found.append(symbols[number])
    if data[pos]:
        raise Unusual
    return tuple(found), pos + 1
