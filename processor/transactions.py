"""
A partition's transactions: written until they are in the log, once, or until somebody else has to decide.

An outcome that is not known is looked up behind a new fence, never guessed and never left open.
"""

import asyncio
import logging
from collections.abc import Mapping
from enum import StrEnum

from aiokafka import TopicPartition
from aiokafka.errors import KafkaError, ProducerFenced
from aiokafka.structs import OffsetAndMetadata

from processor.deck import TABLES, Deck
from processor.exits import Exit, FatalError, WedgedError
from processor.marks import Mark
from processor.plan import Lane as LaneFacts
from processor.plan import Plan, Write
from processor.producer import UnknownOutcomeError
from processor.sources import Source
from processor.store import View
from processor.store_memory import Memory
from processor.strays import left
from processor.writer import REFUSED, Writer

log = logging.getLogger(__name__)

TRANSACTION_S = 30.0
"""Longer than any healthy transaction, shorter than the broker's own limit; then its outcome is looked up."""
RESOLVE_S = 45.0
BACKOFF_S = (0.1, 0.2, 0.5, 1.0, 2.0)


class State(StrEnum):
    """Where a lane stands."""

    OPENING = "opening"
    OPEN = "open"
    PAUSED = "paused"
    WEDGED = "wedged"
    BROKEN = "broken"


class AbandonedError(Exception):
    """A rebalance found the lane in a failed transaction: nobody may look its outcome up but the next owner."""


class Transactions:
    """
    What a lane has committed, and how it commits more.

    `committed` are the positions of the last commit, `marks` what stood beside them, `seen` both as the group has them;
    `view` are the tables, which hold what is committed.
    """

    def __init__(self, partition: int, deck: Deck, writer: Writer) -> None:
        """Know nothing of the log yet; `processor.opening` tells."""
        self.partition = partition
        self.deck = deck
        self.writer = writer
        self.facts = LaneFacts(partition=partition, partitions=deck.partitions, topic_ids={})
        self.view = View(Memory())
        self.committed: dict[Source, int | None] = {}
        self.marks: dict[Source, Mark] = {}
        self.seen: Mapping[TopicPartition, OffsetAndMetadata] = {}
        self.state = State.OPENING

    async def commit(self, done: Plan, after: Mapping[Source, int]) -> Mapping[str, int]:
        """Commit a batch; return where the tables' topics go on, as far as it is known."""
        marks = {
            source: self._mark(source).after(
                offset, done.given_up(source), done.reached(self.facts.topic_ids[source]), self.deck.limit
            )
            for source, offset in after.items()
        }
        positions = {
            self.deck.source(source, self.partition): OffsetAndMetadata(offset, marks[source].text())
            for source, offset in after.items()
        }
        attempt, read, writes = 0, {}, done.writes
        while True:
            try:
                read = await asyncio.wait_for(self.writer.commit(writes, positions), TRANSACTION_S)
            except (KafkaError, UnknownOutcomeError, TimeoutError) as error:
                self.deck.metrics.retries.inc()
                came_true, writes = await self._outcome(error, done.writes, after)
                if came_true:
                    break
                await asyncio.sleep(BACKOFF_S[min(attempt, len(BACKOFF_S) - 1)])
                attempt += 1
            else:
                break
        self.seen, self.marks = positions, marks
        return read

    def _mark(self, source: Source) -> Mark:
        return self.marks.get(source) or Mark(topic_id=self.facts.topic_ids[source])

    def spoilt(self, done: Plan) -> str:
        """Return why a batch must not be committed: it gives up more records than may be on end; "" where it may."""
        limit = self.deck.limit
        for source in {source for source, _, _ in done.buried}:
            if limit.passed(self._mark(source).given_up(done.given_up(source))):
                at, error = next((at, error) for which, at, error in done.buried if which is source)
                return (
                    f"{source}: more than {limit.most} of {limit.window} records on end cannot be used; "
                    f"the next one stands at {at}: {error}"
                )
        return ""

    async def _outcome(
        self, error: BaseException, writes: list[Write], after: Mapping[Source, int]
    ) -> tuple[bool, list[Write]]:
        """
        Find out whether the failed transaction was committed after all, and which of its `writes` are not in the log.

        The steps are those of an assignment: a new fence ends the transaction either way, and the group's position
        then says which: brokers from 4.0 on answer the fence only once the group has a commit's positions, older ones
        may do so a moment before.  Raises when this worker may not, or need not, go on with the lane.
        """
        if isinstance(error, ProducerFenced):
            raise FatalError(Exit.FENCED, f"partition {self.partition} has another owner")
        if self.state is not State.OPEN:
            raise AbandonedError from error
        log.warning("partition %d: transaction failed (%r), looking up its outcome", self.partition, error)
        try:
            async with asyncio.timeout(RESOLVE_S):
                found = await self._fenced_positions(after)
                rest = await left(self.deck, self.partition, self.view.store.reach.read, writes)
        except (KafkaError, TimeoutError) as doubt:
            raise FatalError(Exit.DOUBT, f"partition {self.partition}: no outcome of {error!r}: {doubt!r}") from error
        if found != dict(after) and found != self.committed:
            raise FatalError(Exit.FENCED, f"partition {self.partition}: committed {found}, neither side of a batch")
        if found == dict(after) and not any(write.topic in TABLES for write in rest):
            return True, []
        if len(rest) < len(writes) or found == dict(after):
            what = self.partition, len(writes) - len(rest), len(writes), found
            log.warning("partition %d: torn: %d of %d records stand in the log, and positions %s", *what)
        if isinstance(error, REFUSED):
            raise WedgedError(f"a transaction is refused for good: {error!r}")
        return False, rest

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
