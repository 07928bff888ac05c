"""
Desired against observed: the tables of one channel and the difference between them.  Pure.

`levels` and `listings` say what should be shown, `observed` (the channel's `channel.level` topic) what is.
"""

from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace

from publishers.kind import Kind
from publishers.push import Row
from publishers.rules import number, offered, target
from publishers.sales import Sales
from schemas.channel_records import ChannelLevel, Listing, Shown
from schemas.records import StockLevel
from schemas.settings import Rules

HIDDEN_MARGIN_MS = 5_000
"""By how much the order poll must have passed the discovery of hidden sales before they are written off."""
SETTLE_MS = 5_000
"""How long the processor has to decide what the poll has read: the poll's mark comes before the levels it leads to."""


def told_version(observed: ChannelLevel) -> int:
    """Return the newest version of the level that a SKU's listings were told."""
    return max((shown.sent_version or 0 for shown in observed.listings.values()), default=0)


def believed(shown: Shown) -> int | None:
    """Return the number that a listing was told and took, shown or not yet."""
    return shown.shown if shown.accepted_at is None else shown.sent


def confirmed(shown: Shown) -> int | None:
    """Return the number that a listing surely shows; None while a call about it is open or not applied."""
    return shown.shown if shown.request_id is None and shown.accepted_at is None else None


def _in_force(places: dict[int, Listing]) -> Listing | None:
    return next(reversed(places.values()), None)


class Book:
    """What one channel should show and what it does show."""

    def __init__(self, channel: str, rules_for: Callable[[str], Rules], kind: Kind) -> None:
        """Start empty; `kind` says what its channel takes and how it pauses."""
        self.channel = channel
        self.kind = kind
        self.levels: dict[str, StockLevel] = {}
        self.listings: dict[str, dict[str, Listing]] = {}
        self.observed: dict[str, ChannelLevel] = {}
        self.sales = Sales()
        self.hiding: dict[str, int] = {}
        self._marks: deque[tuple[int, int]] = deque()
        self._through = 0
        self.rules_for = rules_for
        self._places: dict[str, dict[int, Listing]] = {}
        self._groups: dict[str, dict[str, str]] = {}

    def put_listing(self, listing_id: str, listing: Listing | None, partition: int) -> set[str]:
        """
        Take up a listing or (None) its end; returns the SKUs whose rows may differ now.

        A listing whose SKU changes moves to that SKU's partition and is ended in its old one.  The two records come in
        any order, so an end counts for its own partition only; while two stand, the one that came last is in force.
        """
        places = self._places.setdefault(listing_id, {})
        before = _in_force(places)
        places.pop(partition, None)
        if listing is not None:
            places[partition] = listing
        after = _in_force(places)
        if before is not None:
            self.listings[before.sku].pop(listing_id)
            self._regroup(before, None)
        if after is not None:
            self.listings.setdefault(after.sku, {})[listing_id] = after
            self._regroup(after, after.sku)
        return {found.sku for found in (before, after) if found is not None}

    def _regroup(self, listing: Listing, sku: str | None) -> None:
        """Keep who stands in which group, where a kind's calls are serial by group."""
        if not self.kind.SERIAL:
            return
        members = self._groups.setdefault(self.kind.group(listing), {})
        members.pop(listing.listing_id, None)
        if sku is not None:
            members[listing.listing_id] = sku

    def siblings(self, listing: Listing) -> Mapping[str, str]:
        """Return the SKUs by listing id of the group that a listing of a serial kind stands in."""
        return self._groups.get(self.kind.group(listing), {})

    def put_observed(self, record: ChannelLevel) -> None:
        """Take up what the channel shows, from the topic or from our own call."""
        self.observed[record.sku] = record
        if record.hidden:
            self.hiding.setdefault(record.sku, max((s.shown_at or 0 for s in record.listings.values()), default=0))
        else:
            self.hiding.pop(record.sku, None)

    def desired(self, sku: str) -> int | None:
        """Return the number that the channel's rules make of the level; None when it is not known."""
        level = self.levels.get(sku)
        if level is None:
            return None
        wanted, most = number(level, self.rules_for(sku)), self.kind.MOST
        return wanted if wanted is None or most is None else min(wanted, most)

    def paused(self, sku: str) -> bool:
        """Return whether nobody may sell the SKU: by its level or by the channel's rules."""
        level = self.levels.get(sku)
        return level is not None and (level.paused is not None or self.rules_for(sku).paused)

    def expected(self, sku: str, listing_id: str) -> int | None:
        """Return what the listing shows by all that we know: its last number less the known sales since."""
        told = believed(self.shown(sku, listing_id))
        return None if told is None else told - self.sales.sold(sku)

    def shown(self, sku: str, listing_id: str) -> Shown:
        """Return what is known of a listing; an empty record when nothing is."""
        observed = self.observed.get(sku)
        return (observed.listings.get(listing_id) if observed else None) or Shown()

    def rows(self, sku: str) -> Iterator[Row]:
        """Yield the rows that must be told: another number, the channel's own sale, or an intent without an answer."""
        desired, observed = self.desired(sku), self.observed.get(sku)
        hidden, paused = observed.hidden if observed else 0, self.paused(sku)
        for listing_id, listing in self.listings.get(sku, {}).items():
            shown, expected = self.shown(sku, listing_id), self.expected(sku, listing_id)
            quantity = target(offered(desired, retired=listing.retired), hidden, expected)
            if quantity is not None and self._differs(quantity, shown, sku, paused=paused):
                yield Row(
                    sku=sku,
                    listing=listing,
                    quantity=quantity,
                    version=self.levels[sku].version,
                    expected=expected,
                    paused=paused,
                    undo=shown.undo,
                )

    def _differs(self, quantity: int, shown: Shown, sku: str, *, paused: bool) -> bool:
        if quantity != believed(shown) or shown.request_id is not None or self.sales.known(sku):
            return True
        return self.kind.PAUSES and paused != shown.paused

    def polled(self, through: int, now: int) -> None:
        """Take up how far the order poll has come; it counts when the processor has had its time."""
        self._settled(now)
        self._marks.append((now, through))

    def _settled(self, now: int) -> int:
        while self._marks and self._marks[0][0] + SETTLE_MS <= now:
            self._through = max(self._through, self._marks.popleft()[1])
        return self._through

    def passed(self, now: int) -> list[str]:
        """End the hidden sales that the order poll has outlived; returns their SKUs."""
        through = self._settled(now)
        found = [sku for sku, at in self.hiding.items() if through >= at + HIDDEN_MARGIN_MS]
        for sku in found:
            self.put_observed(replace(self.observed[sku], hidden=0))
        return found
