"""One function gives the partition of a key."""

import random

import pytest
from aiokafka.partitioner import DefaultPartitioner

from schemas.partition import murmur2, partition_of

JAVA = {
    b"21": -973932308,
    b"foobar": -790332482,
    b"a-little-bit-long-string": -985981536,
    b"a-little-bit-longer-string": -1486304829,
    b"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8": -58897971,
    b"abc": 479470107,
}
"""Kafka's own test vectors (`UtilsTest.testMurmur2`), as Java's signed integers."""


@pytest.mark.parametrize(("key", "signed"), JAVA.items())
def test_the_hash_is_javas(key: bytes, signed: int) -> None:
    """Kafka's own vectors hold."""
    assert murmur2(key) == signed % 2**32


def test_aiokafka_agrees_on_ten_thousand_keys() -> None:
    """The processor's client finds the partition that ingest's client wrote to, whatever the alphabet."""
    rng = random.Random(7)
    alphabet = "abcXYZ019-_ /äßжё漢字🙂"
    keys = ["".join(rng.choices(alphabet, k=rng.randint(1, 40))).encode() for _ in range(10_000)]
    partitioner = DefaultPartitioner()
    partitions = list(range(12))

    assert [partitioner(key, partitions, partitions) for key in keys] == [partition_of(key, 12) for key in keys]
