"""
One lane for each source partition that this worker owns: batch by batch, one transaction each.

A lane stands for itself: its trouble with a broker, or its end, does not touch the others.
"""

import asyncio
import itertools
import logging
import time
from collections import deque
from collections.abc import Callable

from processor.deck import TABLES, Deck
from processor.exits import Exit, FatalError, WedgedError
from processor.inbox import Clearance, Inbox, Item
from processor.plan import Plan, plan
from processor.sources import Share, Source
from processor.store import Change, Reach, Store, StoreError, View
from processor.store_memory import Memory
from processor.transactions import AbandonedError, State, Transactions
from processor.writer import Writer

log = logging.getLogger(__name__)

INBOX_BATCHES = 2
TRANSACTION_BYTES = 16 * 1_048_576
"""Values in one transaction; a batch with larger consequences (each `add` can settle a thousand lines) is divided."""

_sessions = itertools.count(1)
"""A worker's, not a lane's: a share that was fetched for a lane's predecessor is none of its own."""


class Lane(Transactions):
    """
    A partition's decisions, from inbox to commit.

    `next` are the positions of the last commit: where the lane goes on.  What it holds in memory is what the log
    holds, from its fence on until another owner's fence, because nobody else can commit between the two.
    """

    def __init__(self, partition: int, deck: Deck, writer: Writer) -> None:
        """Start closed; `processor.opening` opens it."""
        super().__init__(partition, deck, writer)
        self.next: dict[Source, int] = {}
        self.inbox = Inbox(deck.batch_max * INBOX_BATCHES)
        self.reason = ""
        self.session = 0
        self.busy_since: float | None = None
        self._doubtful: deque[Share] = deque()
        self._more = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def resume(self, failed: Callable[[BaseException], None]) -> None:
        """Take records from `next` on, where the consumer stands already; `failed` is told what ends the worker."""
        self.session = next(_sessions)
        self._doubtful.clear()
        self.inbox.reset(self.next)
        self.state = State.OPEN
        self._task = task = asyncio.create_task(self._run(), name=f"lane-{self.partition}")
        task.add_done_callback(lambda done: _report(done, failed))

    def wants(self, source: Source) -> bool:
        """Whether records of this source may be fetched."""
        return self.state is State.OPEN and self.inbox.room(source)

    def deliver(self, share: Share) -> None:
        """Take a share; one that was fetched before the last seek is dropped, it is fetched again."""
        if self.state is not State.OPEN or share.session != self.session:
            return
        try:
            if self._doubtful or share.fault or self.inbox.gaps(share):
                self._doubtful.append(share)
            else:
                self.inbox.accept(share)
        except WedgedError as error:
            self.wedge(str(error))
        self._more.set()

    def wedge(self, reason: str) -> None:
        """Stop this partition until an operator has decided."""
        self.state, self.reason, self.busy_since = State.WEDGED, reason, None
        self._more.set()
        log.error("partition %d stops: %s", self.partition, reason, extra={"partition": self.partition})

    async def pause(self, within_s: float) -> None:
        """Finish the transaction under way and take no more; one that does not end in time leaves the lane broken."""
        if self.state is State.OPEN:
            self.state = State.PAUSED
        self._more.set()
        task, self._task = self._task, None
        if task is None:
            self.busy_since = None
            return
        done, _ = await asyncio.wait({task}, timeout=within_s)
        if not done:
            self.state = State.BROKEN
            task.cancel()
            await asyncio.wait({task}, timeout=within_s)

    async def end(self) -> None:
        """Give up what is under way, and the producer; the store stays this lane's until it is `shed`."""
        await self.pause(0)
        await self.writer.close()
        self.state = State.BROKEN

    def shed(self) -> Store | None:
        """
        Let go of the store, and return it, if there was one: what stands in its place names no changelogs.

        Whatever this lane may still have under way cannot reach it any more.
        """
        store, self.view = self.view.store, View(Memory())
        return store if store.ids else None

    async def _run(self) -> None:
        try:
            while self.state is State.OPEN:
                if self.inbox.needs_clearance:
                    await self._clear()
                if batch := self.inbox.take(self.deck.batch_max):
                    await self._decide(batch)
                elif self._doubtful:
                    await self._explain()
                else:
                    await self._wait()
        except WedgedError as error:
            self.wedge(str(error))
        except StoreError as error:
            # What is committed is safe; deciding on with tables that lack it would not be.
            raise FatalError(Exit.STATE, f"partition {self.partition}: its tables cannot be kept: {error}") from error
        except AbandonedError:
            if self.state is not State.WEDGED:  # that is read anew as well when the partition is next assigned
                self.state = State.BROKEN
        finally:
            self.busy_since = None

    async def _explain(self) -> None:
        """
        Take over a share that leaves offsets out, if there is nothing there that anybody should have been handed.

        What stands before it is decided by now.
        """
        self.busy_since = time.monotonic()
        share = self._doubtful[0]
        if share.fault:
            raise WedgedError(f"{share.source}: {share.fault}")
        if gaps := self.inbox.gaps(share):
            why = await self.deck.reader.unexplained(self.deck.source(share.source, self.partition), gaps)
            if why:
                first = gaps[0]
                raise WedgedError(f"{share.source}: offset {first.start} should come next, {first.end} came: {why}")
        self.inbox.accept(share, explained=True)
        self._doubtful.popleft()

    async def _wait(self) -> None:
        if not self.inbox.waiting(Source.ORDERS):
            self.busy_since = None  # else adjustments are awaited that were there already: that must not last
        self.next = self.inbox.positions()  # all that was taken is committed; markers behind it are nobody's
        self._more.clear()
        if self.state is State.OPEN and not self._doubtful:
            await self._more.wait()

    async def _clear(self) -> None:
        """Look up how far the adjustments go, so that those which precede the waiting orders are decided first."""
        self.busy_since = time.monotonic()
        orders = self.inbox.seen(Source.ORDERS)
        adjusted = self.deck.source(Source.ADJUSTMENTS, self.partition)
        ends = await self.deck.reader.ends([adjusted])
        self.inbox.clearance = Clearance(orders=orders, adjustments=ends[adjusted])

    async def _decide(self, batch: list[Item]) -> None:
        deck, started = self.deck, time.monotonic()
        self.busy_since = started
        done = self._plan(batch)
        spoilt = self.spoilt(done)
        if len(batch) > 1 and (spoilt or sum(len(write.value) for write in done.writes) > TRANSACTION_BYTES):
            await self._decide(batch[: len(batch) // 2])
            if self.state is State.OPEN:
                await self._decide(batch[len(batch) // 2 :])
            return
        if spoilt:
            raise WedgedError(spoilt)
        last = {item.source: item.record.offset for item in batch}
        after = self.next | {source: offset + 1 for source, offset in last.items()}
        read = await self.commit(done, after)
        highest = {self.facts.topic_ids[source]: offset for source, offset in last.items()}
        reach = Reach(read={topic: at for topic, at in read.items() if topic in TABLES}, highest=highest)
        self.view.commit(done.levels, Change(levels=done.level_bytes, lines=done.lines, at=deck.now(), reach=reach))
        self.next = after
        self.committed = dict(after)
        deck.metrics.committed(done, len(batch), time.monotonic() - started)

    def _plan(self, batch: list[Item]) -> Plan:
        try:
            return plan(batch, self.facts, self.deck.now(), self.view, self.deck.settings)
        except (WedgedError, StoreError):
            raise
        except Exception as error:
            # The same records would end this worker again, and then every other one that is given the partition.
            log.exception("partition %d: records that cannot be decided", self.partition)
            at = ", ".join(f"{source} {offset}" for source, offset in self.next.items())
            raise WedgedError(f"{len(batch)} records from {at} on cannot be decided: {error!r}") from error


def _report(task: asyncio.Task[None], failed: Callable[[BaseException], None]) -> None:
    if not task.cancelled() and (error := task.exception()) is not None:
        failed(error)
