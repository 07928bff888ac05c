"""A store brought to where the log ends: at an opening behind the fence, and in a standby as often as it looks."""

import asyncio
import logging
from collections.abc import Callable, Mapping

from aiokafka import TopicPartition

from processor.deck import Deck
from processor.exits import WedgedError
from processor.replay import Ageing, Ahead, Unusable, changes, resume
from processor.store import Change, Reach, Store

log = logging.getLogger(__name__)


async def open_store(deck: Deck, partition: int, ids: Mapping[str, str]) -> Store:
    """Return the partition's store as it was left; one that comes when its caller was cancelled is closed again."""
    opening = asyncio.create_task(asyncio.to_thread(deck.shelf.open, partition, ids))
    try:
        return await asyncio.shield(opening)
    except asyncio.CancelledError:
        (await opening).close()
        raise


async def recover(deck: Deck, partition: int, store: Store, before: int, moved: Callable[[int], None]) -> None:
    """
    Read into `store` what the partition's changelogs have beyond its reach.

    Args:
        deck: the worker's fixed parts.
        partition: the partition.
        store: its store, as it was left.
        before: lines that were decided before this time (ms) are forgotten and need not be read.
        moved: told of the records read, as the reading goes on.

    Raises:
        WedgedError: the log has lost what the store has.
        StoreError: the store cannot take it.

    """
    tps = deck.changelogs(partition)
    starts, ends = await asyncio.gather(deck.reader.starts(tps), deck.reader.ends(tps))
    names = {tp: tp.topic.removeprefix(deck.names.prefix) for tp in tps}
    found = resume(store.reach, _by_name(names, starts), _by_name(names, ends))
    match found:
        case Ahead(reason):
            raise WedgedError(reason)
        case Unusable():
            log.warning("partition %d: the topics have moved past its kept tables: read back from the start", partition)
            await asyncio.to_thread(store.clear)
            positions = starts
        case _:
            positions = {tp: found[name] for tp, name in names.items()}
    if all(positions[tp] >= ends[tp] for tp in tps):
        return
    ageing = Ageing(horizon_ms=deck.settings.horizon_ms, before=before)
    async with deck.reader.log(tps, positions) as shares:
        async for records in shares:
            topic = records[0].topic.removeprefix(deck.names.prefix)
            for change in changes(topic, records, ageing):
                store.take(change)
            moved(len(records))
            await asyncio.sleep(0)
    # The markers at the end are nothing to read again.
    read = {names[tp]: max(at, store.reach.read.get(names[tp], 0)) for tp, at in ends.items()}
    store.take(Change(levels={}, lines={}, at=0, reach=Reach(read=read)))


def _by_name(names: Mapping[TopicPartition, str], offsets: Mapping[TopicPartition, int]) -> dict[str, int]:
    return {name: offsets[tp] for tp, name in names.items()}
