"""
A batch of records turned into what one transaction writes (pure).

Every decision is written, not only a line's last; a level is written once per batch and SKU, as it is at the batch's
end.  A record that cannot be decided becomes a dead letter in the same transaction, so it is neither lost nor in the
way of those behind it.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import NamedTuple

from processor.dead import letter
from processor.inbox import Item
from processor.sources import Source
from processor.stock import Changes, IgnoredReason, Input, Position, Settings, Tables, fold
from schemas.codec import WireError, decode, encode
from schemas.events import Headers, headers
from schemas.partition import partition_of
from schemas.records import OrderConfirmed, OrderOutcome, Origin, StockAdjusted, StockLevel
from schemas.topics import ORDER_OUTCOME, STOCK_DEADLETTER, STOCK_LEVEL
from schemas.words import CauseKind, Reason

WRITER = "/processor"
_KINDS: Mapping[Source, type[OrderConfirmed | StockAdjusted]] = {
    Source.ORDERS: OrderConfirmed,
    Source.ADJUSTMENTS: StockAdjusted,
}
KEY_MAX = 1_000
"""Bytes of a dead letter's key: with a longer one, which cannot be a SKU, it might be too large to be written."""
HOMES_CACHED = 65_536
_home = lru_cache(HOMES_CACHED)(partition_of)
_CAUSES = {CauseKind.ORDER: Source.ORDERS, CauseKind.ADJUSTMENT: Source.ADJUSTMENTS}


@dataclass(frozen=True, slots=True, kw_only=True)
class Lane:
    """What a plan must know of the partition it is for; `topic_ids` are those of the source topics now."""

    partition: int
    partitions: int
    topic_ids: Mapping[Source, str]


class Write(NamedTuple):
    """One record to produce; `topic` is its name without a deployment's prefix."""

    topic: str
    partition: int
    key: bytes
    value: bytes
    headers: Headers


@dataclass(slots=True)
class Plan:
    """What one transaction writes, what the tables take over once it is committed, and what is counted then."""

    writes: list[Write] = field(default_factory=list)
    levels: dict[str, StockLevel] = field(default_factory=dict)
    level_bytes: dict[bytes, bytes] = field(default_factory=dict)
    lines: dict[bytes, bytes] = field(default_factory=dict)
    results: Counter[str] = field(default_factory=Counter)
    ignored: Counter[str] = field(default_factory=Counter)
    dead: Counter[str] = field(default_factory=Counter)
    buried: list[tuple[Source, int, str]] = field(default_factory=list)

    def given_up(self, source: Source) -> list[int]:
        """Return the offsets of a source's records that became dead letters, rising."""
        return sorted(offset for which, offset, _ in self.buried if which is source)

    def reached(self, topic_id: str) -> int | None:
        """Return the highest offset of a source that the levels come from, None where they come from none."""
        return max((level.source[topic_id] for level in self.levels.values() if topic_id in level.source), default=None)


def plan(items: Sequence[Item], lane: Lane, now: int, tables: Tables, settings: Settings) -> Plan:
    """Decide `items` in order at time `now` (ms); `tables` are only read."""
    done = Plan()
    readable = [(item, record) for item in items if (record := _read(item, lane, now, done)) is not None]
    try:
        _decide(readable, lane, now, tables, settings, done)
    except WireError:
        return _one_by_one(items, lane, now, tables, settings)
    return done


def _read(item: Item, lane: Lane, now: int, done: Plan) -> Input | None:
    try:
        record = decode(_KINDS[item.source], item.record.value or b"")
        _check_place(item.record.key, record.sku, lane)
    except WireError as error:
        _bury(item, lane, now, Reason.UNDECODABLE, str(error), done)
        return None
    return record


def _check_place(key: bytes | None, sku: str, lane: Lane) -> None:
    """Raise `WireError` for a record that stands where it does not belong: its SKU would be torn in two."""
    if key != sku.encode():
        raise WireError("the key is not the SKU")
    if (home := _home(key, lane.partitions)) != lane.partition:
        raise WireError(f"the key belongs into partition {home}")


def _bury(item: Item, lane: Lane, now: int, reason: Reason, error: str, done: Plan) -> None:
    origin = Origin(
        topic=item.source.value,
        topic_id=lane.topic_ids[item.source],
        partition=lane.partition,
        offset=item.record.offset,
    )
    found = letter(item.record, origin, reason, error, now)
    key = (item.record.key or b"")[:KEY_MAX]
    partition = _home(key, lane.partitions) if key else lane.partition
    about = headers(STOCK_DEADLETTER, found.dead_letter_id, WRITER, found.sku or "", now)
    done.writes.append(Write(STOCK_DEADLETTER, partition, key, encode(found), about))
    done.dead[reason.value] += 1
    done.buried.append((item.source, item.record.offset, error))


def _decide(
    readable: Sequence[tuple[Item, Input]], lane: Lane, now: int, tables: Tables, settings: Settings, done: Plan
) -> None:
    placed = [(record, Position(lane.topic_ids[item.source], item.record.offset)) for item, record in readable]
    changes = fold(placed, now, tables, settings)
    at = {position: item for (_, position), (item, _) in zip(placed, readable, strict=True)}
    done.writes += _outcomes(changes.outcomes, lane, now, done)
    done.writes += [_level(level, lane, at, done) for level in changes.levels.values()]
    _count_ignored(changes, lane, at, now, done)


def _outcomes(outcomes: Sequence[tuple[bytes, OrderOutcome]], lane: Lane, now: int, done: Plan) -> Iterator[Write]:
    """Write every decision; those of one source record are told apart by their number."""
    last, number = None, 0
    done.results.update(outcome.result for _, outcome in outcomes)
    for key, outcome in outcomes:
        source = outcome.source
        number = number + 1 if source is last else 0
        last = source
        ((topic_id, offset),) = source.items()
        done.lines[key] = value = encode(outcome)
        about = headers(ORDER_OUTCOME, f"{lane.partition}-{topic_id}-{offset}-{number}", WRITER, outcome.sku, now)
        yield Write(ORDER_OUTCOME, lane.partition, key, value, about)


def _level(level: StockLevel, lane: Lane, at: Mapping[Position, Item], done: Plan) -> Write:
    topic_id = lane.topic_ids[_CAUSES[level.cause.kind]]
    moved = Position(topic_id=topic_id, offset=level.source[topic_id])
    about = headers(
        STOCK_LEVEL,
        f"{lane.partition}-{topic_id}-{moved.offset}-{level.sku}",
        WRITER,
        level.sku,
        level.updated_at,
        _traceparent(at[moved].record.headers) if moved in at else None,
    )
    key, value = level.sku.encode(), encode(level)
    done.levels[level.sku] = level
    done.level_bytes[key] = value
    return Write(STOCK_LEVEL, lane.partition, key, value, about)


def _traceparent(found: Sequence[tuple[str, bytes | None]]) -> str | None:
    return next((value.decode("ascii", "replace") for name, value in found if name == "traceparent" and value), None)


def _count_ignored(changes: Changes, lane: Lane, at: Mapping[Position, Item], now: int, done: Plan) -> None:
    for _, position, reason in changes.ignored:
        if reason is IgnoredReason.OUT_OF_RANGE:
            _bury(at[position], lane, now, Reason.OUT_OF_RANGE, "the level would leave its bounds", done)
        else:
            done.ignored[reason.value] += 1


class _Over:
    """The tables with what an earlier record of the same batch has changed."""

    def __init__(self, below: Tables, done: Plan) -> None:
        self._below, self._done = below, done

    def level(self, sku: str) -> StockLevel | None:
        return self._done.levels.get(sku) or self._below.level(sku)

    def line(self, key: bytes) -> OrderOutcome | None:
        raw = self._done.lines.get(key)
        return self._below.line(key) if raw is None else decode(OrderOutcome, raw)


def _one_by_one(items: Sequence[Item], lane: Lane, now: int, tables: Tables, settings: Settings) -> Plan:
    """Find the records whose consequences do not fit any record, and bury them alone; slow, and hardly ever needed."""
    done = Plan()
    for item in items:
        step = Plan()
        record = _read(item, lane, now, step)
        try:
            if record is not None:
                _decide([(item, record)], lane, now, _Over(tables, done), settings, step)
        except WireError as error:
            step = Plan()
            _bury(item, lane, now, Reason.OUT_OF_RANGE, f"its consequences fit no record: {error}", step)
        _merge(done, step)
    return done


def _merge(done: Plan, step: Plan) -> None:
    done.writes += step.writes
    done.levels |= step.levels
    done.level_bytes |= step.level_bytes
    done.lines |= step.lines
    done.results += step.results
    done.ignored += step.ignored
    done.dead += step.dead
    done.buried += step.buried
