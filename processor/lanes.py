"""All lanes of a worker: which there are follows from the group's assignment, what they do is their own business."""

import asyncio
import logging
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Mapping

from aiokafka import TopicPartition

from processor.deck import Deck
from processor.exits import Exit, FatalError, WedgedError
from processor.lane import Lane
from processor.opening import keep_opening
from processor.openings import Openings
from processor.progress import Progress
from processor.sources import Share, Source
from processor.standbys import Standbys
from processor.store import Store, StoreError, View
from processor.transactions import State
from processor.writer import Writer

log = logging.getLogger(__name__)

QUIESCE_S = 8.0
"""How long a rebalance waits for transactions under way."""
DRAIN_QUIESCE_S = 4.0
"""How long the end of the process does: it has 10 s in all, and a successor's fence ends what is left."""


def _nothing(_: int) -> None:
    """Open nothing: no assignment has come yet."""


Seek = Callable[[Mapping[TopicPartition, int]], Awaitable[None]]


class Lanes:
    """
    The lanes by partition.

    A partition's store has one owner at a time: its lane, the lane that is to come (`_warm`), or the standbys.  It
    changes hands in one step, without an await, so nobody finds it without an owner and opens a second one.

    `seek` moves the consumer while nothing is being fetched; `generation` tells the group's newest generation.
    """

    def __init__(self, deck: Deck) -> None:
        """Start with no lanes."""
        self.deck = deck
        self._lanes: dict[int, Lane] = {}
        self.openings = Openings(self.fail)
        self._changing = asyncio.Lock()
        self._round = 0
        self._since = time.monotonic()
        self.assigned = False
        self._begin: Callable[[int], None] = _nothing
        self._warm: dict[int, Store] = {}
        self.standbys = Standbys(deck, self.fail)
        self.progress = Progress()
        self.wake = asyncio.Event()
        self.failed: asyncio.Future[FatalError] = asyncio.get_running_loop().create_future()

    async def suspend(self, within_s: float = QUIESCE_S) -> None:
        """Stop before a rebalance answers: finish what is under way, so that the next owner need not wait for it."""
        self._round += 1
        self._since = time.monotonic()
        self.assigned = False
        pauses = [lane.pause(within_s) for lane in self._lanes.values()]
        await asyncio.gather(*self.openings.cancel(), *pauses, return_exceptions=True)

    async def assign(self, partitions: set[int], standbys: set[int], current: Callable[[], bool], seek: Seek) -> None:
        """
        Open a lane for each of `partitions`, follow the tables of `standbys`, and close everything else.

        A lane that stays goes on where it stopped, without reading anything back: had anybody else owned the partition
        meanwhile, the lane's next transaction would be fenced.
        """
        self._round += 1
        turn = self._round

        def still() -> bool:
            return turn == self._round and current()

        def begin(partition: int) -> None:
            self.openings.begin(partition, self._open(partition, still, seek))

        async with self._changing:
            if turn == self._round:
                await self._exchange(partitions, standbys - partitions)
                self._begin = begin
            self.assigned = turn == self._round  # else what came meanwhile does it
            for partition in partitions if self.assigned else ():
                begin(partition)

    async def _exchange(self, partitions: set[int], standbys: set[int]) -> None:
        """End the lanes that do not stay, and let each store go where it is needed now."""
        await asyncio.gather(*self.openings.cancel(), return_exceptions=True)
        for partition in partitions:
            if (store := await self.standbys.take(partition)) is not None:
                self._warm[partition] = store
        gone = [p for p, lane in self._lanes.items() if p not in partitions or lane.state is not State.PAUSED]
        await self._end(gone)
        self._warm |= self._shed(gone)
        await self.standbys.follow(standbys, {p: self._warm.pop(p) for p in self._warm.keys() - partitions})

    async def reopen(self, lane: Lane) -> None:
        """Open a stopped lane anew, unless it is not there any more."""
        partition = lane.partition
        async with self._changing:
            turn = self._round
            if self._lanes.get(partition) is not lane:
                return
            log.info("partition %d is tried again: its position was written", partition)
            await self._end([partition])
            for store in self._shed([partition]).values():
                store.close()
            self._since = time.monotonic()
            if turn == self._round:
                self._begin(partition)

    @property
    def all(self) -> Mapping[int, Lane]:
        """The lanes by partition, in whatever state."""
        return self._lanes

    async def _end(self, partitions: Iterable[int]) -> None:
        await asyncio.gather(*(self._lanes[partition].end() for partition in partitions))

    def _shed(self, partitions: Iterable[int]) -> dict[int, Store]:
        """Forget lanes that have ended, and return the stores of those that had one."""
        gone = [(partition, self._lanes.pop(partition).shed()) for partition in list(partitions)]
        return {partition: store for partition, store in gone if store is not None}

    async def _open(self, partition: int, still: Callable[[], bool], seek: Seek) -> None:
        lane = self._lanes.get(partition)
        if lane is None:
            deck = self.deck
            lane = self._lanes[partition] = Lane(partition, deck, Writer(deck.client, deck.names, partition))
            if partition in self._warm:
                lane.view = View(self._warm.pop(partition))
            try:
                await keep_opening(lane, still, self.openings.slots)
            except WedgedError as error:
                lane.wedge(str(error))
                return
        await seek({tp: lane.next[source] for source, tp in self.deck.sources(partition).items()})
        self._since = time.monotonic()
        if still():
            lane.resume(self.fail)
            self.wake.set()

    def fail(self, error: BaseException) -> None:
        """End the worker: the first cause counts."""
        if isinstance(error, StoreError):
            error = FatalError(Exit.STATE, f"the tables cannot be kept: {error}")
        fatal = error if isinstance(error, FatalError) else FatalError(Exit.CRASHED, f"{type(error).__name__}: {error}")
        if fatal is not error:
            log.error("crashed", exc_info=error)
        if not self.failed.done():
            self.failed.set_result(fatal)

    def wanted(self) -> dict[TopicPartition, int]:
        """Return what may be fetched now, with each lane's session."""
        return {
            tp: lane.session
            for lane in self._lanes.values()
            for source, tp in self.deck.sources(lane.partition).items()
            if lane.wants(source)
        }

    def open_lanes(self) -> list[Lane]:
        """Return the lanes that decide."""
        return [lane for lane in self._lanes.values() if lane.state is State.OPEN]

    @property
    def settled(self) -> bool:
        """Whether no lane opens and none is full: fetching may wait for long."""
        return not self.openings.tasks and all(
            lane.wants(source) for lane in self._lanes.values() if lane.state is State.OPEN for source in Source
        )

    def reserve(self, share: Share) -> None:
        """Count a share that is on its way to its lane."""
        if (lane := self._lanes.get(share.partition)) is not None and lane.session == share.session:
            lane.inbox.reserve(share.source, len(share.records))

    def deliver(self, share: Share) -> None:
        """Hand a share to its lane; this never waits, so no lane can hold another up."""
        if (lane := self._lanes.get(share.partition)) is not None:
            lane.deliver(share)

    def identify(self, topic_ids: Mapping[Source, str]) -> None:
        """Stop every open lane one of whose source topics was made anew: its positions mean other records there."""
        for lane in self._lanes.values():
            if lane.state is State.OPEN and lane.facts.topic_ids != topic_ids:
                was, now = dict(lane.facts.topic_ids), dict(topic_ids)
                lane.wedge(f"a topic was made anew: the ids are {now}, the positions belong to {was}")

    @property
    def joined(self) -> bool:
        """Whether the group has ever assigned anything."""
        return self._begin is not _nothing

    @property
    def ready(self) -> bool:
        """Whether the group has assigned partitions (or none) and all of them are open."""
        opened = all(lane.state is State.OPEN for lane in self._lanes.values())
        return self.assigned and not self.openings.tasks and opened

    @property
    def stuck_s(self) -> float:
        """
        For how long something has been under way that should end, or records wait and nothing is.

        That is an assignment, a step of an opening, a transaction, or a library's task that ended without a word.
        """
        now = time.monotonic()
        busy = [now - lane.busy_since for lane in self._lanes.values() if lane.busy_since is not None]
        waiting = [lane for lane in self._lanes.values() if lane.state not in (State.OPEN, State.WEDGED)]
        steps = (lane.busy_since for lane in waiting if lane.busy_since is not None)
        moved = max([self._since, self.standbys.moved_at, *steps])
        return max([*busy, now - moved if waiting or not self.assigned else 0.0, self.progress.still_s(now)])

    @property
    def wedged(self) -> dict[int, str]:
        """The partitions that stopped, with their reasons."""
        return {p: lane.reason for p, lane in self._lanes.items() if lane.state is State.WEDGED}

    def positions(self) -> dict[TopicPartition, int]:
        """Return how far each open lane has decided its sources."""
        return {
            tp: lane.next[source]
            for lane in self._lanes.values()
            if lane.state is State.OPEN
            for source, tp in self.deck.sources(lane.partition).items()
        }

    @property
    def states(self) -> Counter[str]:
        """How many lanes are in which state."""
        return Counter(lane.state.value for lane in self._lanes.values())

    async def drain(self) -> None:
        """End: finish what is under way and give everything up."""
        await self.suspend(DRAIN_QUIESCE_S)
        async with self._changing:
            await self._exchange(set(), set())
            await self.standbys.stop()
