"""The partition of a key: Kafka's murmur2, as in the Java client and aiokafka.

librdkafka's own default (CRC32) gives another partition for three of four keys, so every producer here is configured
with `murmur2_random`.
"""

from functools import lru_cache

_SEED = 0x9747B28C  # org.apache.kafka.common.utils.Utils.murmur2
_M = 0x5BD1E995
_MASK = 0xFFFFFFFF


def murmur2(key: bytes) -> int:
    """Hash a key as Kafka's default partitioner does.

    Args:
        key: The record's key, as on the wire.

    Returns:
        An unsigned 32-bit integer.
    """
    length = len(key)
    h = _SEED ^ length
    whole = length & ~3
    for start in range(0, whole, 4):
        k = int.from_bytes(key[start : start + 4], "little")
        k = (k * _M) & _MASK
        k ^= k >> 24
        k = (k * _M) & _MASK
        h = ((h * _M) & _MASK) ^ k
    if length != whole:
        h ^= int.from_bytes(key[whole:], "little")
        h = (h * _M) & _MASK
    h ^= h >> 13
    h = (h * _M) & _MASK
    return h ^ (h >> 15)


@lru_cache(maxsize=65_536)  # a county has hundreds of zones; the bound protects against hostile keys
def partition_of(key: str, partitions: int) -> int:
    """The partition of `key` among `partitions`."""
    return (murmur2(key.encode()) & 0x7FFFFFFF) % partitions
