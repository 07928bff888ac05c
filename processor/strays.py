"""
What of a failed transaction stands in the log all the same.

A coordinator repeats an end marker whose answer is lost.  The repeated one may arrive late and end the *next*
transaction of the same producer epoch where it arrives (KAFKA-19446): then a part of that one, rows or positions, is
visible, although the fence has aborted the rest.  Brokers from 4.2 on refuse such markers, but only to clients that
change their epoch with each transaction, which aiokafka 0.14 does not.  So a lane looks before it writes again.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence

from processor.deck import Deck
from processor.plan import Write
from processor.reader import place

Rows = Sequence[tuple[bytes | None, bytes | None]]
"""Keys and values of a topic's records, in order."""


async def left(deck: Deck, partition: int, read: Mapping[str, int], writes: Sequence[Write]) -> list[Write]:
    """
    Return those of a failed batch's `writes` that are not in the log, behind a fence.

    Dead letters are always among them: their ids are the same in every try, so a repeated one is known.

    Args:
        deck: the worker's fixed parts.
        partition: the lane's.
        read: by topic, an offset of its changelog before which there is nothing of the batch; the log's start if none.
        writes: the whole batch.

    """
    names = deck.changelogs(partition)
    starts = await deck.reader.starts(list(names))
    positions = {tp: max(read.get(name, 0), starts[tp]) for tp, name in names.items()}
    found: defaultdict[str, list[tuple[bytes | None, bytes | None]]] = defaultdict(list)
    async with deck.reader.log(list(names), positions) as shares:
        async for records in shares:
            found[names[place(records)]] += [(record.key, record.value) for record in records]
    return missing(writes, found)


def missing(writes: Sequence[Write], found: Mapping[str, Rows]) -> list[Write]:
    """Return `writes` without those with which the logs in `found` end, topic by topic (pure)."""
    passed = {
        topic: _overlap(rows, [write[2:4] for write in writes if write.topic == topic]) for topic, rows in found.items()
    }
    rest = []
    for write in writes:
        if passed.get(write.topic, 0):
            passed[write.topic] -= 1
        else:
            rest.append(write)
    return rest


def _overlap(rows: Rows, own: Rows) -> int:
    """Return how many of `own`, from its first on, are the last of `rows`: no two decisions have the same bytes."""
    return next(n for n in range(min(len(rows), len(own)), -1, -1) if list(rows[len(rows) - n :]) == list(own[:n]))
