"""A store brought to where the log ends: at an opening behind the fence, and in a standby as often as it looks."""

import asyncio
import logging
from collections.abc import Callable, Mapping
from functools import partial
from typing import TypeVar

from aiokafka import TopicPartition

from processor.deck import Deck
from processor.exits import WedgedError
from processor.reader import place
from processor.replay import Ageing, Ahead, Unusable, changes, resume
from processor.store import Change, Reach, Store

log = logging.getLogger(__name__)

T = TypeVar("T")


class AheadError(WedgedError):
    """
    The log ends before the store does, or before what a position was committed with.

    Behind a fence the log has lost something, or a leader that is none any more has told its end.  Without a fence, a
    transaction may be committed whose markers are not written yet: then the log is said to end before it.
    """


async def open_store(deck: Deck, partition: int, ids: Mapping[str, str]) -> Store:
    """Return the partition's store as it was left; one that comes when its caller was cancelled is closed again."""
    return await _finished(partial(deck.shelf.open, partition, ids), lambda store: store.close())


async def _finished(work: Callable[[], T], unwanted: Callable[[T], None]) -> T:
    """
    Return what a thread does, which nothing can interrupt.

    Whoever is cancelled meanwhile goes on waiting, as the store is the thread's until then, and hands what has come of
    it to `unwanted`.
    """
    task = asyncio.create_task(asyncio.to_thread(work))
    stopped: asyncio.CancelledError | None = None
    while not task.done():
        try:
            await asyncio.wait({task})
        except asyncio.CancelledError as error:
            stopped = error
    done = task.result()
    if stopped is not None:
        unwanted(done)
        raise stopped
    return done


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
        AheadError: the log ends before the store does.
        WedgedError: the log has a row that cannot be read.
        StoreError: the store cannot take it.

    """
    names = deck.changelogs(partition)
    tps = list(names)
    starts, ends = await asyncio.gather(deck.reader.starts(tps), deck.reader.ends(tps))
    found = resume(store.reach, _by_name(names, starts), _by_name(names, ends))
    match found:
        case Ahead(reason):
            raise AheadError(reason)
        case Unusable():
            log.warning("partition %d: the topics have moved past its kept tables: read back from the start", partition)
            await _finished(store.clear, lambda _: None)
            positions = starts
        case _:
            positions = {tp: found[name] for tp, name in names.items()}
    if all(positions[tp] >= ends[tp] for tp in tps):
        return
    ageing = Ageing(horizon_ms=deck.settings.horizon_ms, before=before)
    async with deck.reader.log(tps, positions) as shares:
        async for records in shares:
            for change in changes(names[place(records)], records, ageing):
                store.take(change)
            moved(len(records))
            await asyncio.sleep(0)
    # The markers at the end are nothing to read again.
    read = {names[tp]: max(at, store.reach.read.get(names[tp], 0)) for tp, at in ends.items()}
    store.take(Change(levels={}, lines={}, at=0, reach=Reach(read=read)))


def _by_name(names: Mapping[TopicPartition, str], offsets: Mapping[TopicPartition, int]) -> dict[str, int]:
    return {name: offsets[tp] for tp, name in names.items()}
