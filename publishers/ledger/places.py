"""Where to begin reading a partition, purely: the table's position against what Kafka still has."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """
    The verdict on one partition.

    Args:
        offset: where reading begins.
        expired: how many offsets Kafka deleted before they were read; they are written down as a fault.
        refused: why the partition is not read at all, or null.

    """

    offset: int
    expired: int = 0
    refused: str | None = None


def place(stored: int, low: int, high: int) -> Place:
    """
    Return where to begin.

    Args:
        stored: the next offset by the table.
        low: the first offset that Kafka still has.
        high: the offset after the last one.

    """
    if stored > high:
        return Place(
            offset=stored, refused=f"the ledger has read up to {stored}, Kafka ends at {high}: records are lost"
        )
    if stored < low:
        return Place(offset=low, expired=low - stored)
    return Place(offset=stored)
