"""Single values to bytes, for the generated writers. The form is that of `avro_binary.py`."""

from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from struct import Struct
from typing import Final

from schemas.avro_binary import LAST_OF_BYTE, LONG_END, ItemT, SymbolT, Unusual

NULL: Final = b"\0"
VALUE: Final = b"\2"
"""The branches of a union of null and one type; null is also the end of an array, and an empty one."""

SIZES_KEPT: Final = 8192  # every length of at most two bytes
TIME_BITS: Final = 42
"""Six bytes of seven bits: milliseconds since the epoch from 1970 to 2039, each written as twice its value."""

LONGS_KEPT: Final = 4096  # the times of some hundred alerts


def _varint(number: int) -> bytes:
    """A number that is not negative, seven bits a byte, the lowest first."""
    if (
        not number >> TIME_BITS and number >> TIME_BITS - 7
    ):  # a time of these decades: an alert has five of them
        return bytes(
            (
                number & LAST_OF_BYTE | 0x80,
                number >> 7 & LAST_OF_BYTE | 0x80,
                number >> 14 & LAST_OF_BYTE | 0x80,
                number >> 21 & LAST_OF_BYTE | 0x80,
                number >> 28 & LAST_OF_BYTE | 0x80,
                number >> 35,
            )
        )
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


def string_bytes(value: str) -> bytes:
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


def some_string(value: str) -> bytes:
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


def array_bytes(values: tuple[ItemT, ...], item_bytes: Callable[[ItemT], bytes]) -> bytes:
    """An array in one block, as fastavro writes it."""
    if type(values) is not tuple:
        raise Unusual
    if not values:
        return NULL
    return b"".join([SIZE[len(values)], *map(item_bytes, values), NULL])


def longs_bytes(values: tuple[int, ...]) -> bytes:
    """An array of 64-bit integers."""
    if type(values) is not tuple:
        raise Unusual
    if not values:
        return NULL
    if {*map(type, values)} != {int}:
        raise Unusual
    return b"".join([SIZE[len(values)], *map(long_bytes, values), NULL])


def symbol_bytes(symbols: Iterable[SymbolT]) -> Mapping[SymbolT, bytes]:
    """The bytes of each symbol of an enum, given in the schema's order."""
    return {symbol: _varint(index << 1) for index, symbol in enumerate(symbols)}
