"""A worker whose positions are outside the transaction: committed first, by themselves, as most consumers do it."""

import asyncio
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.structs import OffsetAndMetadata

from processor.__main__ import main
from processor.plan import Write
from processor.producer import LaneProducer
from processor.writer import Writer

with_positions = Writer.commit
beside: dict[int, Any] = {}
BETWEEN_S = 0.2
"""So long it hesitates between the two, as before a slow broker: a kill that finds it at work finds it there."""


async def commit(
    self: Writer, writes: Sequence[Write], positions: Mapping[TopicPartition, OffsetAndMetadata]
) -> dict[str, int]:
    """Commit the positions, and then the records."""
    producer = beside.get(self._partition)
    if producer is None:
        name = f"{self._names.transactional_id(self._partition)}-positions"
        producer = beside[self._partition] = AIOKafkaProducer(**self._client, transactional_id=name)
        await producer.start()
    async with producer.transaction():
        await producer.send_offsets_to_transaction(dict(positions), self._names.group)
    await asyncio.sleep(BETWEEN_S)
    return await with_positions(self, writes, positions)


async def no_positions(_self: LaneProducer, _offsets: object, _group: str) -> None:
    """Leave the positions out of the transaction."""


if __name__ == "__main__":
    Writer.commit = commit  # type: ignore[method-assign] # this is the mutation
    LaneProducer.send_offsets_to_transaction = no_positions
    sys.exit(main())
