"""
How fast a channel may be called: every window of a bucket must have room.  Pure; time is an argument in integer ms.

In any span of T ms a token bucket lets through at most `burst + amount * T / per_ms`, a rolling window in its own time
at most `amount`, counted where the vendor counts: on arrival (`publishers.windows`).

What a channel says of its limits is a `Hint`.  `left` only ever lowers.  `limit` is what it allows in `per_ms` in all;
a rate that is no whole number a second is said over a longer time: 0.0056 a second is `limit=56, per_ms=10_000_000`.
It is meant for the bucket's window of that time, and where there is none for its only token bucket.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from publishers.push import Hint
from publishers.refilling import Refilling
from publishers.rolling import Rolling
from publishers.windows import Meter, Window, ratio_of

__all__ = ["Limiter", "Window"]


def meter(window: Window, now: int) -> Meter:
    """Return an unused meter."""
    return Rolling(window) if window.rolling else Refilling(window, now)


class _Listings:
    """One window for each listing; those that have not been told within its time are forgotten."""

    def __init__(self, window: Window) -> None:
        self._window = window
        self._meters: dict[str, Meter] = {}

    def __len__(self) -> int:
        return len(self._meters)

    def wait(self, listings: Mapping[str, int], now: int) -> int:
        known = ((self._meters.get(listing), times) for listing, times in listings.items())
        return max((one.wait(times, now) for one, times in known if one is not None), default=0)

    def take(self, listings: Mapping[str, int], now: int) -> None:
        for listing, times in listings.items():
            self._last(listing, now).take(times, now)
        self._forget(now)

    def restore(self, listings: Mapping[str, int], at: int, now: int) -> None:
        for listing, times in listings.items():
            self._last(listing, at).restore(times, at)
        self._forget(now)

    def reserved(self, listings: Iterable[str], now: int) -> bool:
        known = (self._meters.get(listing) for listing in listings)
        return any(one is not None and one.reserved(now) for one in known)

    def _last(self, listing: str, now: int) -> Meter:
        """Return a listing's meter and put it last: the first is always the one that was told the longest ago."""
        self._meters[listing] = found = self._meters.pop(listing, None) or meter(self._window, now)
        return found

    def _forget(self, now: int) -> None:
        while self._meters and self._meters[first := next(iter(self._meters))].unused(now):
            del self._meters[first]


class _Bucket:
    """The windows that every request of one bucket must pass."""

    def __init__(self, windows: Sequence[Window], now: int) -> None:
        self.meters = tuple(meter(window, now) for window in windows if not window.per_listing)
        self.listings = tuple(_Listings(window) for window in windows if window.per_listing)
        self.pools = {one.window.pool for one in self.meters} - {""}
        self.silent_until = 0
        self.cost = 0

    def meant(self, per_ms: int) -> tuple[Meter, ...]:
        """Return which windows the channel speaks of; without a time those that count points, else all."""
        if per_ms == 0:
            return tuple(one for one in self.meters if one.window.points) or self.meters
        exact = tuple(one for one in self.meters if one.window.per_ms == per_ms)
        refilling = tuple(one for one in self.meters if not one.window.rolling)
        return exact or (refilling if len(refilling) == 1 else ())


class Limiter:
    """The limits of one channel, by bucket."""

    def __init__(self, limits: Mapping[str, Sequence[Window]], now: int) -> None:
        """Start with nothing used."""
        self._buckets = {bucket: _Bucket(windows, now) for bucket, windows in limits.items()}

    def cost(self, bucket: str, asked: int) -> int:
        """Return what a call costs: what the channel said last, at least `asked`, at most what fits."""
        found = self._buckets[bucket]
        largest = min((one.window.burst for one in found.meters if one.window.points), default=asked)
        return min(max(asked, found.cost), largest)

    def wait(self, bucket: str, cost: int, now: int, listings: Iterable[str] = ()) -> int:
        """
        Return after how many ms a call may be made, 0 for now.

        Args:
            bucket: which of the kind's limits it is charged to.
            cost: its points; 0 asks for the listings' own limits alone.
            now: ms since 1970.
            listings: whose own limits it uses up, once for each time that a listing is named.

        """
        found = self._buckets[bucket]
        longest = max(0, found.silent_until - now)
        for one in found.meters if cost else ():
            longest = max(longest, one.wait(one.window.charge(cost), now))
        told = Counter(listings) if found.listings else {}
        return max(longest, *(own.wait(told, now) for own in found.listings)) if told else longest

    def spend(self, bucket: str, cost: int, now: int, listings: Iterable[str] = ()) -> None:
        """Take a call out of its bucket; raises `ValueError` when it is not allowed yet."""
        named = tuple(listings)
        if self.wait(bucket, cost, now, named) > 0:
            raise ValueError("the budget does not allow this call yet")
        found = self._buckets[bucket]
        for one in found.meters:
            one.take(one.window.charge(cost), now)
        for own in found.listings:
            own.take(Counter(named), now)

    def restore(self, bucket: str, at: int, cost: int, now: int, listings: Iterable[str] = ()) -> None:
        """
        Take out a call that an earlier process made at `at`, in ms; the oldest call comes first.

        Before it is known whether calls were refused: nothing is raised when there was no room.
        """
        found, named = self._buckets[bucket], Counter(listings)
        for one in found.meters:
            one.restore(one.window.charge(cost), min(at, now))
        for own in found.listings:
            own.restore(named, min(at, now), now)

    def throttled(self, bucket: str, after_ms: int, now: int) -> None:
        """
        Take up that the channel found a call too fast: be silent for so long, and begin with nothing.

        So do the buckets that are shares of the same.  A process begins with full buckets and does not know what the
        vendor's held: after the first refusal it does.
        """
        for mate in self._pool(bucket):
            mate.silent_until = max(mate.silent_until, now + after_ms)
            for one in mate.meters:
                one.empty(now)

    def learn(self, hints: Iterable[Hint], now: int) -> None:
        """Take up what the channel says of its limits."""
        for hint in hints:
            meant = [one for mate in self._pool(hint.bucket) for one in mate.meant(hint.per_ms)]
            self._adopt(meant, hint, now)
            if hint.left is not None:
                self._lower(meant, max(0, hint.left), now)
            if hint.cost is not None:
                self._buckets[hint.bucket].cost = hint.cost

    def silent_until(self, bucket: str) -> int:
        """Return until when the channel asked for silence, in ms."""
        return self._buckets[bucket].silent_until

    def left(self, bucket: str, now: int) -> int:
        """Return how many calls (or points) the bucket's tightest window would let pass at once."""
        return min((one.left(now) for one in self._buckets[bucket].meters), default=0)

    def reserved(self, bucket: str, now: int, listings: Iterable[str] = ()) -> bool:
        """
        Return whether only urgent work may be done now: a level that is about to be sold out, a zero.

        A rolling day that is used up in minutes would leave nothing for those who need it later, so its last fifth is
        kept for them (`Rolling.reserved`).  With `listings` their own windows count too.
        """
        found = self._buckets[bucket]
        return any(one.reserved(now) for one in found.meters) or any(
            own.reserved(listings, now) for own in found.listings
        )

    def _pool(self, bucket: str) -> list[_Bucket]:
        """Return the buckets that are shares of the same vendor's bucket, this one first."""
        found = self._buckets[bucket]
        return [found, *(one for one in self._buckets.values() if one is not found and one.pools & found.pools)]

    @staticmethod
    def _adopt(meant: Sequence[Meter], hint: Hint, now: int) -> None:
        for one in meant:
            ratio = None if hint.limit is None else ratio_of(one.window, hint.limit, hint.per_ms)
            if ratio is not None:
                one.adopt(ratio, now)

    @staticmethod
    def _lower(meant: Sequence[Meter], left: int, now: int) -> None:
        """Lower the shares together: each one may have less than is left, all of them no more than that."""
        have = [one.own(now) for one in meant]
        short = sum(have) > left
        for one, own in zip(meant, have, strict=True):
            one.lower(left * own // sum(have) if short else own, now)
