"""Ids are made from content, and a key goes to the same partition as with every other Kafka client."""

from aiokafka.partitioner import murmur2 as theirs

from schemas.ids import fingerprint
from schemas.partitioning import murmur2, partition_of
from schemas.units import DegE7, deg_e7, degrees


def test_a_fingerprint_is_the_same_for_the_same_parts_and_only_for_them() -> None:
    assert fingerprint("a", 1) == fingerprint("a", "1")
    assert fingerprint("ab", "c") != fingerprint("a", "bc")
    assert fingerprint("a") != fingerprint("a", "")
    assert len(fingerprint("x")) == 26


def test_murmur2_agrees_with_the_java_client() -> None:
    # org.apache.kafka.common.utils.UtilsTest.testMurmur2
    vectors = {
        b"21": -973932308,
        b"foobar": -790332482,
        b"a-little-bit-long-string": -985981536,
        b"a-little-bit-longer-string": -1486304829,
        b"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8": -58897971,
        b"abc": 479470107,
    }
    for key, signed in vectors.items():
        assert murmur2(key) == signed & 0xFFFFFFFF


def test_murmur2_agrees_with_aiokafka() -> None:
    for key in ("", "z", "zone-17", "unassigned", "海淀", "x" * 101):
        assert murmur2(key.encode()) == theirs(key.encode()) & 0xFFFFFFFF


def test_a_partition_is_within_its_topic() -> None:
    assert {partition_of(f"zone-{n}", 8) for n in range(500)} == set(range(8))


def test_degrees_round_to_a_centimetre_and_back() -> None:
    assert deg_e7(116.3912345) == 1163912345
    assert degrees(DegE7(-399042000)) == -39.9042
