"""
The one function that gives the partition of a key.

Kafka's Java client hashes keys with murmur2 and a fixed seed; `murmur2_random` in librdkafka and aiokafka's default do
the same.  librdkafka's own default (CRC32) differs and would break co-partitioning without a word.
Source: `org.apache.kafka.common.utils.Utils.murmur2` and `BuiltInPartitioner.partitionForKey`.
"""

SEED = 0x9747B28C
MIX = 0x5BD1E995
WORD = 0xFFFFFFFF
PARTITIONER = "murmur2_random"
"""librdkafka's name for the Java rule; every producer sets it."""


def murmur2(data: bytes) -> int:
    """Return the 32-bit murmur2 hash of `data` as Java computes it, as an unsigned integer."""
    size = len(data)
    value = (SEED ^ size) & WORD
    whole = size & ~3
    for i in range(0, whole, 4):
        word = int.from_bytes(data[i : i + 4], "little") * MIX & WORD
        word = (word ^ word >> 24) * MIX & WORD
        value = (value * MIX & WORD) ^ word
    if size > whole:
        value = (value ^ int.from_bytes(data[whole:], "little")) * MIX & WORD
    value = (value ^ value >> 13) * MIX & WORD
    return value ^ value >> 15


def partition_of(key: bytes, partitions: int) -> int:
    """Return the partition, 0 to `partitions` - 1, in which records with this key stand."""
    return (murmur2(key) & 0x7FFFFFFF) % partitions
