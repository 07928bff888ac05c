"""
The ladder of each listing: one that fails waits for its next attempt, the others of its SKU are told meanwhile.  Pure.

A SKU's record speaks for all of them: its `attempt` is the highest, its `next_attempt_at` the earliest.  Where it names
a time and none of its listings does, it was written before they had ladders of their own, and they wait together.
"""

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import replace

from publishers import retry
from publishers.push import Row
from schemas.channel_records import ChannelLevel, Shown
from schemas.words import Status

NEVER = Shown()
Due = Callable[[int], int | None]
"""When the next attempt after the n-th failure is made, None after the last."""


def until(record: ChannelLevel | None, name: str) -> int:
    """Return until when a listing waits for its next attempt, in ms; 0 where it does not."""
    if record is None or record.next_attempt_at is None:
        return 0
    waits = {of: one.next_attempt_at for of, one in record.listings.items() if one.next_attempt_at is not None}
    if not waits and record.status is Status.RETRYING:
        return record.next_attempt_at
    return waits.get(name, 0)


def ripe(record: ChannelLevel, now: int) -> list[str]:
    """Return the listings that have waited long enough."""
    return [name for name in record.listings if 0 < until(record, name) <= now]


def failed(record: ChannelLevel, names: Collection[str], due: Due) -> tuple[ChannelLevel, bool]:
    """Return the record after one more failure of these listings, and whether it was the last for one of them."""
    if not names:  # nothing is known of any listing
        at = due(record.attempt + 1)
        return replace(record, attempt=record.attempt + 1, next_attempt_at=at), at is None
    base = 0 if any(one.attempt for one in record.listings.values()) else record.attempt
    rungs: dict[int, int | None] = {}
    listings = dict(record.listings)
    for name in names:
        attempt = (listings[name].attempt or base) + 1
        if attempt not in rungs:  # what failed together is tried again together
            rungs[attempt] = due(attempt)
        listings[name] = replace(listings[name], attempt=attempt, next_attempt_at=rungs[attempt])
    return summed(replace(record, listings=listings)), None in rungs.values()


def put_off(record: ChannelLevel, names: Iterable[str], now: int) -> ChannelLevel:
    """Return the record where these listings have failed and it costs no attempt: they wait as long as they did."""
    listings = dict(record.listings)
    for name in names:
        listings[name] = replace(listings[name], next_attempt_at=until(record, name) or now)
    return summed(replace(record, listings=listings))


def summed(record: ChannelLevel) -> ChannelLevel:
    """Return the record with what it says of all its listings."""
    waits = [one.next_attempt_at for one in record.listings.values() if one.next_attempt_at is not None]
    attempt = max((one.attempt for one in record.listings.values()), default=0)
    return replace(record, attempt=attempt, next_attempt_at=min(waits, default=None))


def within(record: ChannelLevel, rungs: Sequence[int], now: int) -> ChannelLevel:
    """Return the record where nothing waits for longer than its whole rung: its writer's clock may have been ahead."""
    if record.next_attempt_at is None:
        return record
    listings = {
        name: one
        if one.next_attempt_at is None
        else replace(one, next_attempt_at=retry.due(rungs, one.attempt, one.next_attempt_at, now))
        for name, one in record.listings.items()
    }
    at = retry.due(rungs, record.attempt, record.next_attempt_at, now)
    return replace(record, listings=listings, next_attempt_at=at)


def ended(record: ChannelLevel, *, anew: bool = False) -> ChannelLevel:
    """Return the record where nothing waits any more; `anew` where it has not failed either."""
    rests = {
        name: replace(one, next_attempt_at=None, attempt=0 if anew else one.attempt)
        for name, one in record.listings.items()
        if one.next_attempt_at is not None or one.attempt
    }
    attempt = 0 if anew else record.attempt
    return replace(record, listings={**record.listings, **rests}, attempt=attempt, next_attempt_at=None)


def partial(record: ChannelLevel, rows: Sequence[Row]) -> bool:
    """Return whether some of these rows' listings have failed, and others not."""
    failures = [record.listings.get(row.listing.listing_id, NEVER).attempt for row in rows]
    return any(failures) and not all(failures)


def answered(one: Shown, *, taken: bool) -> Shown:
    """Return a listing that was told, or not refused at least: it waits for nothing."""
    attempt = 0 if taken else one.attempt
    if (one.attempt, one.next_attempt_at) == (attempt, None):
        return one
    return replace(one, attempt=attempt, next_attempt_at=None)


class Haste:
    """Which listings are tried at once, whatever their ladders say: each until its next call."""

    def __init__(self) -> None:
        """Start with none."""
        self._places: dict[str, set[str]] = {}

    def hurry(self, record: ChannelLevel | None, rows: Iterable[Row]) -> None:
        """Let these rows of a SKU wait no longer, where one does."""
        if record is not None and record.next_attempt_at is not None:
            self._places[record.sku] = {row.listing.listing_id for row in rows}

    def begin(self, rows: Iterable[Row]) -> None:
        """Take up that rows are told now."""
        for row in rows:
            self._places.get(row.sku, set()).discard(row.listing.listing_id)

    def end(self, sku: str) -> None:
        """Forget a SKU: nothing of it is to be told."""
        self._places.pop(sku, None)

    def until(self, record: ChannelLevel | None, row: Row) -> int:
        """Return until when a row waits, in ms; 0 where it may be told now."""
        hasty = row.listing.listing_id in self._places.get(row.sku, ())
        return 0 if hasty else until(record, row.listing.listing_id)

    def due(self, record: ChannelLevel | None, rows: Sequence[Row], now: int) -> Sequence[Row]:
        """Return which of a SKU's rows may be told now."""
        if record is None or record.next_attempt_at is None:
            return rows
        return [row for row in rows if self.until(record, row) <= now]
