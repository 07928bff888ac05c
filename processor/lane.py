"""
One lane for each source partition that this worker owns: batch by batch, one transaction each.

A lane stands for itself: its trouble with a broker, or its end, does not touch the others.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Mapping
from enum import StrEnum

from aiokafka.errors import KafkaError, ProducerFenced
from aiokafka.structs import OffsetAndMetadata

from processor.deck import Deck
from processor.exits import Exit, FatalError, WedgedError
from processor.inbox import Clearance, Inbox, Item
from processor.plan import Lane as LaneFacts
from processor.plan import Plan, plan
from processor.producer import UnknownOutcomeError
from processor.sources import Share, Source
from processor.store import View
from processor.writer import REFUSED, Writer

log = logging.getLogger(__name__)

TRANSACTION_S = 30.0
"""Longer than any healthy transaction, shorter than the broker's own limit; then its outcome is looked up."""
RESOLVE_S = 45.0
BACKOFF_S = (0.1, 0.2, 0.5, 1.0, 2.0)
INBOX_BATCHES = 4
TRANSACTION_BYTES = 16 * 1_048_576
"""Values in one transaction; a batch with larger consequences (each `add` can settle a thousand lines) is divided."""


class State(StrEnum):
    """Where a lane stands."""

    OPENING = "opening"
    OPEN = "open"
    PAUSED = "paused"
    WEDGED = "wedged"
    BROKEN = "broken"


class _AbandonedError(Exception):
    """A rebalance found the lane in a failed transaction: nobody may look its outcome up but the next owner."""


class Lane:
    """
    A partition's decisions, from inbox to commit.

    `next` are the positions of the last commit: where the lane goes on.  What it holds in memory is what the log
    holds, from its fence on until another owner's fence, because nobody else can commit between the two.
    """

    def __init__(self, partition: int, deck: Deck, writer: Writer) -> None:
        """Start closed; `processor.opening` opens it."""
        self.partition = partition
        self.deck = deck
        self.writer = writer
        self.view = View({}, {})
        self.facts = LaneFacts(partition=partition, partitions=deck.partitions, topic_ids={})
        self.next: dict[Source, int] = {}
        self.committed: dict[Source, int | None] = {}
        self.inbox = Inbox(deck.batch_max * INBOX_BATCHES)
        self.state = State.OPENING
        self.reason = ""
        self.session = 0
        self.busy_since: float | None = None
        self._more = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def resume(self, failed: Callable[[BaseException], None]) -> None:
        """Take records from `next` on, where the consumer stands already; `failed` is told what ends the worker."""
        self.session += 1
        self.inbox.reset(self.next)
        self.state = State.OPEN
        self._task = task = asyncio.create_task(self._run(), name=f"lane-{self.partition}")
        task.add_done_callback(lambda done: _report(done, failed))

    def wants(self, source: Source) -> bool:
        """Whether records of this source may be fetched."""
        return self.state is State.OPEN and self.inbox.room(source)

    def deliver(self, share: Share) -> None:
        """Take a share; one that was fetched before the last seek is dropped, it is fetched again."""
        if self.state is State.OPEN and share.session == self.session:
            try:
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

    async def close(self) -> None:
        """Forget everything."""
        await self.pause(0)
        await self.writer.close()
        self.state = State.BROKEN

    async def _run(self) -> None:
        try:
            while self.state is State.OPEN:
                if self.inbox.needs_clearance:
                    await self._clear()
                if batch := self.inbox.take(self.deck.batch_max):
                    await self._decide(batch)
                else:
                    await self._wait()
        except WedgedError as error:
            self.wedge(str(error))
        except _AbandonedError:
            if self.state is not State.WEDGED:  # that is read anew as well when the partition is next assigned
                self.state = State.BROKEN
        finally:
            self.busy_since = None

    async def _wait(self) -> None:
        if not self.inbox.waiting(Source.ORDERS):
            self.busy_since = None  # else adjustments are awaited that were there already: that must not last
        self._more.clear()
        if self.state is State.OPEN:
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
        if len(batch) > 1 and sum(len(write.value) for write in done.writes) > TRANSACTION_BYTES:
            await self._decide(batch[: len(batch) // 2])
            if self.state is State.OPEN:
                await self._decide(batch[len(batch) // 2 :])
            return
        after = self.next | {item.source: item.record.offset + 1 for item in batch}
        await self._commit(done, after)
        self.view.commit(done.levels, done.level_bytes, done.lines)
        self.next = after
        self.committed = dict(after)
        deck.metrics.committed(done, len(batch), time.monotonic() - started)

    def _plan(self, batch: list[Item]) -> Plan:
        try:
            return plan(batch, self.facts, self.deck.now(), self.view, self.deck.settings)
        except WedgedError:
            raise
        except Exception as error:
            # The same records would end this worker again, and then every other one that is given the partition.
            log.exception("partition %d: records that cannot be decided", self.partition)
            at = ", ".join(f"{source} {offset}" for source, offset in self.next.items())
            raise WedgedError(f"{len(batch)} records from {at} on cannot be decided: {error!r}") from error

    async def _commit(self, done: Plan, after: Mapping[Source, int]) -> None:
        positions = {
            self.deck.source(source, self.partition): OffsetAndMetadata(offset, self.facts.topic_ids[source])
            for source, offset in after.items()
        }
        attempt = 0
        while True:
            try:
                await asyncio.wait_for(self.writer.commit(done.writes, positions), TRANSACTION_S)
            except (KafkaError, UnknownOutcomeError, TimeoutError) as error:
                self.deck.metrics.retries.inc()
                if await self._came_true(error, after):
                    return
                await asyncio.sleep(BACKOFF_S[min(attempt, len(BACKOFF_S) - 1)])
                attempt += 1
            else:
                return

    async def _came_true(self, error: BaseException, after: Mapping[Source, int]) -> bool:
        """
        Find out whether the failed transaction was committed after all.

        The steps are those of an assignment: a new fence ends the transaction either way, and the group's position
        then says which.  Raises when this worker may not, or need not, go on with the lane.
        """
        if isinstance(error, ProducerFenced):
            raise FatalError(Exit.FENCED, f"partition {self.partition} has another owner")
        if self.state is not State.OPEN:
            raise _AbandonedError from error
        log.warning("partition %d: transaction failed (%r), looking up its outcome", self.partition, error)
        try:
            found = await asyncio.wait_for(self._fenced_positions(after), RESOLVE_S)
        except (KafkaError, TimeoutError) as doubt:
            raise FatalError(Exit.DOUBT, f"partition {self.partition}: no outcome of {error!r}: {doubt!r}") from error
        if found == dict(after):
            return True
        if found != self.committed:
            raise FatalError(Exit.FENCED, f"partition {self.partition}: committed {found}, neither side of a batch")
        if isinstance(error, REFUSED):
            raise WedgedError(f"a transaction is refused for good: {error!r}")
        return False

    async def _fenced_positions(self, after: Mapping[Source, int]) -> dict[Source, int | None]:
        """Return the group's positions behind a new fence, or those of another owner, who is not to be fenced."""
        found = await self._positions()
        if found in (self.committed, after):
            await self.writer.fence()
            found = await self._positions()
        return found

    async def _positions(self) -> dict[Source, int | None]:
        sources = self.deck.sources(self.partition)
        committed = await self.deck.reader.committed(list(sources.values()))
        return {source: committed[tp].offset if tp in committed else None for source, tp in sources.items()}


def _report(task: asyncio.Task[None], failed: Callable[[BaseException], None]) -> None:
    if not task.cancelled() and (error := task.exception()) is not None:
        failed(error)
