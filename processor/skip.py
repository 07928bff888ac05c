"""
Moving a stopped partition on: what is known of it, and the one transaction that writes an operator's decision.

The command takes the partition's transactional id, as an owner does, so that no owner can commit between its look and
its word; a worker whose lane is open is fenced by it, ends and recovers.  The word is a position with a mark, in the
same transaction as the record in `stock.deadletter`.  A transaction's offsets are taken from any producer that holds
the id, members or not (aiokafka sends no group metadata with them), so workers may run.  A worker whose lane has
stopped sees the new position within seconds (`processor.revival`).
"""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from uuid import uuid4

from aiokafka import TopicPartition
from aiokafka.errors import KafkaError, ProducerFenced
from aiokafka.structs import OffsetAndMetadata

from processor.deck import Deck
from processor.exits import WedgedError
from processor.opening import gather
from processor.plan import WRITER, Write
from processor.positions import Evidence, Stop, carried, resume
from processor.producer import UnknownOutcomeError
from processor.replay import highest
from processor.sources import Source
from processor.store import Reach, merged
from processor.writer import REFUSED, Writer
from schemas.codec import encode
from schemas.events import headers
from schemas.records import DeadLetter, Origin
from schemas.topics import STOCK_DEADLETTER
from schemas.words import Reason

ATTEMPTS = 5
TRANSACTION_S = 30.0
TEXT_MAX = 1_000
Positions = Mapping[TopicPartition, OffsetAndMetadata]


class RefusedError(Exception):
    """The partition stays as it is; the message says why and what to do."""


class DoubtError(Exception):
    """Brokers or owners did not let the command finish: look again, then repeat it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stand:
    """What is known of one source partition, and why a lane would not open on it, "" where it would."""

    known: Evidence
    stopped: str

    @property
    def place(self) -> int:
        """Where reading goes on, or would, had the partition not stopped: the first record that a skip passes over."""
        known, verdict = self.known, resume(self.known)
        if not isinstance(verdict, Stop):
            return verdict
        same = known.committed is not None and known.mark.topic_id == known.topic_id
        return min(max(known.committed or 0 if same else 0, known.start), known.end)


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """Both sources of a partition, and the group's positions at that moment."""

    partition: int
    stands: Mapping[Source, Stand]
    positions: Positions

    @property
    def stopped(self) -> list[Source]:
        """The sources whose positions stop the partition."""
        return [source for source, stand in self.stands.items() if stand.stopped]


@dataclass(frozen=True, slots=True, kw_only=True)
class Word:
    """
    What an operator has decided: who, why, about which source, and for `skip` where to go on.

    Without `to` the same record is tried again; with `accept`, whatever stands in the log now may be given up.
    """

    actor: str
    reason: str
    source: Source
    to: int | None = None
    accept: bool = False


async def look(deck: Deck, partition: int, read: Callable[[int], None]) -> Look:
    """Return what is known of a partition; `read` is told how many table records were read, as that goes on."""
    ids = await asyncio.to_thread(deck.topic_ids)
    evidence, positions = await gather(deck, partition, ids, await _highest(deck, partition, read))
    stands = {}
    for source, known in evidence.items():
        verdict = resume(known)
        stands[source] = Stand(known=known, stopped=verdict.reason if isinstance(verdict, Stop) else "")
    return Look(partition=partition, stands=stands, positions=positions)


async def _highest(deck: Deck, partition: int, read: Callable[[int], None]) -> Mapping[str, int]:
    reach, count = Reach(), 0
    async with deck.reader.log(list(deck.changelogs(partition))) as shares:
        async for records in shares:
            try:
                reach = merged(reach, Reach(highest=highest(records)))
            except WedgedError as error:
                raise RefusedError(f"partition {partition}: {error}") from error
            read(count := count + len(records))
    return reach.highest


def check(found: Look, word: Word) -> None:
    """Raise `RefusedError` for an offset that is not in the log, and for trying again what must be skipped."""
    known, stopped = found.stands[word.source].known, found.stands[word.source].stopped
    if word.to is None and stopped:
        raise RefusedError(f"{word.source}: {stopped}; trying again does not help: skip --to")
    if word.to is not None and not known.start <= word.to <= known.end:
        raise RefusedError(f"{word.source} has offsets {known.start} to {known.end}, {word.to} is not among them")


async def check_age(deck: Deck, found: Look, word: Word) -> None:
    """Raise `RefusedError` where records would be decided again whose lines may be forgotten: they pass as new."""
    in_state = found.stands[word.source].known.in_state
    if word.to is None or in_state is None or word.to > in_state:
        return
    tp, horizon = deck.source(word.source, found.partition), deck.settings.horizon_ms
    async with deck.reader.log([tp], {tp: word.to}) as shares:
        async for records in shares:
            if records[0].timestamp < deck.now() - horizon:
                raise RefusedError(
                    f"{word.source}: the record at {records[0].offset} is older than the horizon of {horizon} ms, and "
                    f"those up to {in_state} were decided: what is forgotten would be decided a second time"
                )
            return


async def tell(deck: Deck, found: Look, word: Word) -> DeadLetter:
    """
    Write an operator's word, once, and return its record.

    Raises `RefusedError` when the position is not what was looked at any more, and `DoubtError`.
    """
    token = uuid4().hex[:12]
    letter = _letter(found, word, token, deck.now())
    tp, at = deck.source(word.source, found.partition), _position(found, word, token)
    writer = Writer(deck.client, deck.names, found.partition)
    try:
        for _ in range(ATTEMPTS):
            if await _once(deck, writer, found, letter, {tp: at}):
                return letter
    finally:
        await writer.close()
    raise DoubtError(f"partition {found.partition}: not written in {ATTEMPTS} attempts; look again, then repeat it")


async def _once(deck: Deck, writer: Writer, found: Look, letter: DeadLetter, position: Positions) -> bool:
    """Fence, look, write; whether the word stands."""
    try:
        await asyncio.wait_for(writer.fence(), TRANSACTION_S)
        now = await deck.reader.committed(list(deck.sources(found.partition).values()))
        if all(now.get(tp) == at for tp, at in position.items()):
            return True  # an earlier attempt, whose answer was lost, came true
        if now != dict(found.positions):
            raise RefusedError(f"partition {found.partition} has moved on meanwhile: look again")
        await asyncio.wait_for(writer.commit([_write(found.partition, letter)], position), TRANSACTION_S)
    except REFUSED as error:
        raise RefusedError(f"the brokers refuse it: {error!r}") from error
    except (KafkaError, ProducerFenced, UnknownOutcomeError, TimeoutError):
        return False
    return True


def _position(found: Look, word: Word, token: str) -> OffsetAndMetadata:
    stand = found.stands[word.source]
    mark = replace(carried(stand.known), told=token)
    if word.to is None:
        again = replace(mark, accept=stand.known.end if word.accept else mark.accept)
        return OffsetAndMetadata(stand.place, again.text())
    dead = tuple(offset for offset in mark.dead if offset < word.to)
    return OffsetAndMetadata(word.to, replace(mark, moved=True, dead=dead, state=None).text())


def _letter(found: Look, word: Word, token: str, now: int) -> DeadLetter:
    stand = found.stands[word.source]
    known, first = stand.known, stand.place
    to = first if word.to is None else word.to
    left = "none" if known.committed is None else f"{known.committed} (id {known.mark.topic_id or 'unknown'})"
    did = f"skipped from {first} to {to}" if word.to is not None else f"tried again from {to} on"
    more = f", with every dead letter below {known.end}" if word.accept else ""
    text = (
        f"{word.source} {found.partition} {did} (id {known.topic_id}){more} by {word.actor}: {word.reason}; "
        f"position was {left}; stopped: {stand.stopped or 'not by its positions'}"
    )
    origin = Origin(topic=word.source.value, topic_id=known.topic_id, partition=found.partition, offset=first)
    return DeadLetter(
        dead_letter_id=f"skip-{known.topic_id}-{found.partition}-{first}-{to}-{token}",
        reason=Reason.SKIPPED,
        err=text.encode()[:TEXT_MAX].decode("utf-8", "ignore"),
        at=now,
        origin=origin,
    )


def _write(partition: int, letter: DeadLetter) -> Write:
    about = headers(STOCK_DEADLETTER, letter.dead_letter_id, WRITER, "", letter.at)
    return Write(STOCK_DEADLETTER, partition, letter.dead_letter_id.encode(), encode(letter), about)
