"""
What a channel's earlier processes used of its limits: `sync.log` and `sync.run`, from a time on.  Blocking.

A process that ended between a call and its result has left no row of it: the channel counts that call, and this does
not, unless the channel says how much is left.
"""

from collections.abc import Callable, Iterable, Mapping
from contextlib import closing
from dataclasses import dataclass, replace

from publishers.controller import Controller
from publishers.kind import limited
from publishers.limiter import Limiter
from publishers.push import NAMES, READ, TELL, Shows
from publishers.tail import Tail
from publishers.windows import JITTER_MS, LONG_MS, Window
from schemas.channel_records import Reconciliation, SyncLog
from schemas.settings import Config
from schemas.topics import SYNC_LOG, SYNC_RUN

KINDS = {SYNC_LOG: SyncLog, SYNC_RUN: Reconciliation}


@dataclass(frozen=True, slots=True, kw_only=True)
class Spent:
    """
    One call: to which bucket it was charged, whom it told, and how many requests it took.

    `at` is when it ended, in ms: so a window gives it back no sooner than the channel does.
    """

    at: int
    call_id: str
    bucket: str
    listings: tuple[str, ...]
    requests: int


def looks_back_ms(limits: Mapping[str, Iterable[Window]]) -> int:
    """Return how far back a publisher with these limits must look: the longest rolling window, 0 for short ones."""
    times = [one.per_ms for windows in limits.values() for one in windows if one.rolling]
    longest = max(times, default=0)
    return longest + JITTER_MS if longest > LONG_MS else 0


def read(config: Config, channel: str, since_ms: int) -> list[Spent]:
    """
    Return the calls of a channel that began at `since_ms` or later, the oldest first.

    Raises `KafkaException` when the logs cannot be read to their end.
    """
    with closing(Tail(config, KINDS, f"publisher-{channel}-spent")) as tail:
        tail.from_time(since_ms)
        return fold(record for record in tail.rest() if record.channel == channel and _begun(record) >= since_ms)


def remember(config: Config, controller: Controller, now: int) -> None:
    """
    Take what a channel's earlier processes called out of those of its limits that last longer than a process does.

    Raises `KafkaException` when the logs cannot be read to their end.
    """
    back = looks_back_ms(controller.setup.limits)
    if back:
        listings = (one for known in controller.book.listings.values() for one in known.values())
        names = {one.listing_id: limited(one) for one in listings}
        calls = read(config, controller.setup.channel, now - back)
        restore(controller.calling.limiter, calls, now, lambda name: names.get(name, name))


def _begun(record: SyncLog | Reconciliation) -> int:
    return record.started_at


def restore(limiter: Limiter, calls: Iterable[Spent], now: int, named: Callable[[str], str] = str) -> None:
    """
    Take these calls, the oldest first, out of a publisher's limits; each told its listings once.

    `named` says by which name the channel counts a listing (`publishers.kind.limited`), by its id.
    """
    for call in calls:
        for number in range(call.requests):
            limiter.restore(call.bucket, call.at, 1, now, () if number else map(named, call.listings))


def fold(records: Iterable[SyncLog | Reconciliation]) -> list[Spent]:
    """Return the calls that these records tell of: rows of one call are one; made twice, it is two."""
    calls: dict[tuple[str, int], Spent] = {}
    for record in records:
        one = _sweep(record) if isinstance(record, Reconciliation) else _row(record)
        known = calls.get((one.call_id, record.started_at))
        calls[one.call_id, record.started_at] = _both(known, one) if known else one
    return sorted(calls.values(), key=lambda one: (one.at, one.call_id))


def _row(record: SyncLog) -> Spent:
    # A tell may end in what it found, and a read-back without a number: by its verdict alone only an old row is judged.
    read_back = record.verdict == NAMES[Shows] if record.reads is None else record.reads
    return Spent(
        at=record.started_at + record.duration_ms,
        call_id=record.call_id,
        bucket=READ if read_back else TELL,
        listings=() if read_back else (record.listing_id,),
        requests=record.requests,
    )


def _sweep(record: Reconciliation) -> Spent:
    return Spent(at=record.ended_at, call_id=record.run_id, bucket=READ, listings=(), requests=record.requests)


def _both(one: Spent, other: Spent) -> Spent:
    """Return what two rows of a call say of it; where one of them says so, it was a read-back."""
    bucket = READ if READ in (one.bucket, other.bucket) else TELL
    named = () if bucket == READ else dict.fromkeys((*one.listings, *other.listings))
    return replace(one, listings=tuple(named), requests=max(one.requests, other.requests), bucket=bucket)
