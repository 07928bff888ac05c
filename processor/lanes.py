"""All lanes of a worker: which there are follows from the group's assignment, what they do is their own business."""

import asyncio
import logging
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Mapping
from functools import partial

from aiokafka import TopicPartition
from aiokafka.errors import IllegalStateError

from processor.deck import Deck
from processor.exits import Exit, FatalError, WedgedError
from processor.lane import Lane, State
from processor.opening import OvertakenError, open_lane
from processor.progress import Progress
from processor.sources import Share, Source
from processor.writer import Writer

log = logging.getLogger(__name__)

QUIESCE_S = 8.0
"""How long a rebalance or a drain waits for transactions under way."""
OPENINGS = 4
"""Lanes that read their tables back at the same time."""

Seek = Callable[[Mapping[TopicPartition, int]], Awaitable[None]]


class Lanes:
    """
    The lanes by partition.

    `seek` moves the consumer while nothing is being fetched; `generation` tells the group's newest generation.
    """

    def __init__(self, deck: Deck) -> None:
        """Start with no lanes."""
        self.deck = deck
        self._lanes: dict[int, Lane] = {}
        self._opening: dict[int, asyncio.Task[None]] = {}
        self._slots = asyncio.Semaphore(OPENINGS)
        self._round = 0
        self._since = time.monotonic()
        self.assigned = False
        self.progress = Progress()
        self.wake = asyncio.Event()
        self.failed: asyncio.Future[FatalError] = asyncio.get_running_loop().create_future()

    async def suspend(self) -> None:
        """Stop before a rebalance answers: finish what is under way, so that the next owner need not wait for it."""
        self._round += 1
        self._since = time.monotonic()
        self.assigned = False
        openings = list(self._opening.values())
        for task in openings:
            task.cancel()
        await asyncio.gather(
            *openings, *(lane.pause(QUIESCE_S) for lane in self._lanes.values()), return_exceptions=True
        )

    async def assign(self, partitions: set[int], current: Callable[[], bool], seek: Seek) -> None:
        """
        Open a lane for each of `partitions` and close all others.

        A lane that stays goes on where it stopped, without reading anything back: had anybody else owned the partition
        meanwhile, the lane's next transaction would be fenced.
        """
        self._round += 1
        turn = self._round
        await self._drop(
            {p for p, lane in self._lanes.items() if p not in partitions or lane.state is not State.PAUSED}
        )

        def still() -> bool:
            return turn == self._round and current()

        for partition in partitions:
            task = asyncio.create_task(self._open(partition, still, seek), name=f"open-{partition}")
            self._opening[partition] = task
            task.add_done_callback(partial(self._opened, partition))
        self.assigned = turn == self._round

    async def _drop(self, partitions: Iterable[int]) -> None:
        gone = [self._lanes.pop(partition) for partition in list(partitions)]
        await asyncio.gather(*(lane.close() for lane in gone))
        for lane in gone:
            self.deck.levels.drop(lane.partition)
            self.deck.lines.drop(lane.partition)

    async def _open(self, partition: int, still: Callable[[], bool], seek: Seek) -> None:
        lane = self._lanes.get(partition)
        if lane is None:
            deck = self.deck
            lane = self._lanes[partition] = Lane(partition, deck, Writer(deck.client, deck.names, partition))
            try:
                async with self._slots:
                    await open_lane(lane, still)
            except WedgedError as error:
                lane.wedge(str(error))
                return
        await seek({tp: lane.next[source] for source, tp in self.deck.sources(partition).items()})
        self._since = time.monotonic()
        if still():
            lane.resume(self.fail)
            self.wake.set()

    def _opened(self, partition: int, task: asyncio.Task[None]) -> None:
        if self._opening.get(partition) is task:
            del self._opening[partition]
        error = None if task.cancelled() else task.exception()
        if error is None or isinstance(error, OvertakenError | IllegalStateError):
            return  # a rebalance came in between: the next assignment opens it
        self.fail(error)

    def fail(self, error: BaseException) -> None:
        """End the worker: the first cause counts."""
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

    @property
    def settled(self) -> bool:
        """Whether no lane opens and none is full: fetching may wait for long."""
        return not self._opening and all(
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
    def ready(self) -> bool:
        """Whether the group has assigned partitions (or none) and all of them are open."""
        return self.assigned and not self._opening and all(lane.state is State.OPEN for lane in self._lanes.values())

    @property
    def stuck_s(self) -> float:
        """
        For how long something has been under way that should end, or records wait and nothing is.

        That is an assignment, a step of an opening, a transaction, or a library's task that ended without a word.
        """
        now = time.monotonic()
        busy = [now - lane.busy_since for lane in self._lanes.values() if lane.busy_since is not None]
        waiting = [lane for lane in self._lanes.values() if lane.state not in (State.OPEN, State.WEDGED)]
        moved = max([self._since, *(lane.busy_since for lane in waiting if lane.busy_since is not None)])
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
        await self.suspend()
        await self._drop(self._lanes)
