"""
Desired against observed: the tables of one channel and the difference between them.  Pure.

`levels` and `listings` say what should be shown, `observed` (the channel's `channel.level` topic) what is.
"""

from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace

from publishers.brake import Brake, ordered
from publishers.bundles import Bundles
from publishers.kind import Kind, shared
from publishers.push import Row
from publishers.rules import PERCENT, number, offered, target
from publishers.sales import Sales
from publishers.standing import Standing
from publishers.trail import Trail
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


class Book:
    """What one channel should show and what it does show."""

    def __init__(
        self,
        channel: str,
        rules_for: Callable[[str], Rules],
        kind: Kind,
        brake: Brake | None = None,
        scale: int = 1_000,
    ) -> None:
        """Start empty; `brake` None holds nothing, waits for accepted numbers are multiplied by `scale` over 1,000."""
        self.channel = channel
        self.kind = kind
        self.levels: dict[str, StockLevel] = {}
        self.listings: dict[str, dict[str, Listing]] = {}
        self.observed: dict[str, ChannelLevel] = {}
        self.sales = Sales()
        self.trail = Trail(kind.APPLIES_MS, scale)
        self.bundles = Bundles()
        self.brake = brake or Brake(PERCENT)
        self.hiding: dict[str, int] = {}
        self.unknown: set[tuple[str, str]] = set()
        """SKUs and listings that showed another number than we believed, until they are read."""
        self._marks: deque[tuple[int, int]] = deque()
        self._through = 0
        self.rules_for = rules_for
        self._standing = Standing()
        self._groups: dict[str, dict[str, str]] = {}
        self._own: dict[str, StockLevel] = {}

    def put_level(self, level: StockLevel) -> None:
        """Take up a level, and what it makes of the bundles that its SKU is in; a bundle has none of its own."""
        sku = level.sku
        if sku in self.bundles:
            self._own[sku] = level
            return
        by_order = ordered(self.levels.get(sku), level)
        self._put(sku, level, by_order=by_order)
        for bundle in self.bundles.of(sku):
            self._put(bundle, self.bundles.level(bundle, self.levels), by_order=by_order)

    def _put(self, sku: str, level: StockLevel | None, *, by_order: bool) -> None:
        before = self.levels.pop(sku, None)
        if level is not None:
            self.levels[sku] = level
            self.brake.level(before, level, self.rules_for(sku), by_order=by_order)

    def _remake(self, sku: str) -> None:
        """Take up that a SKU's listings name other components, or none any more."""
        was, made = sku in self.bundles, self.bundles.put(sku, self.listings.get(sku, {}).values())
        if not made:
            return
        if not was and sku in self.levels:
            self._own[sku] = self.levels[sku]
        own = None if sku in self.bundles else self._own.pop(sku, None)
        self._put(sku, self.bundles.level(sku, self.levels) if sku in self.bundles else own, by_order=False)

    def put_listing(self, listing_id: str, listing: Listing | None, partition: int) -> set[str]:
        """
        Take up a listing or (None) its end; returns the SKUs whose rows may differ now.

        Ends count by partition (`publishers.standing`).  A SKU without a listing has no entry in `listings`.
        """
        before, after = self._standing.take(listing_id, listing, partition)
        if before is not None:
            self.listings[before.sku].pop(listing_id)
            self._regroup(before, None)
            self.brake.above((before.sku, listing_id))
        if after is not None:
            self.listings.setdefault(after.sku, {})[listing_id] = after
            self._regroup(after, after.sku)
        self.brake.listings += (after is not None) - (before is not None)
        skus = {found.sku for found in (before, after) if found is not None}
        for sku in skus:
            self._remake(sku)
            if not self.listings.get(sku):
                self.listings.pop(sku, None)
        return skus

    def sku_of(self, listing_id: str) -> str | None:
        """Return which SKU a listing sells, None where it is not known."""
        found = self._standing.of(listing_id)
        return found.sku if found else None

    def _regroup(self, listing: Listing, sku: str | None) -> None:
        """Keep who stands in which group, where a kind's calls are serial by group."""
        if not self.kind.SERIAL:
            return
        members = self._groups.pop(self.kind.group(listing), {})
        members.pop(listing.listing_id, None)
        if sku is not None:
            members[listing.listing_id] = sku
        if members:
            self._groups[self.kind.group(listing)] = members

    def siblings(self, listing: Listing) -> Mapping[str, str]:
        """Return the SKUs by listing id of the group that a listing of a serial kind stands in."""
        return self._groups.get(self.kind.group(listing), {})

    def put_observed(self, record: ChannelLevel) -> None:
        """Take up what the channel shows, from the topic or from our own call."""
        self.trail.follow(self.observed.get(record.sku), record, self.expected)
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
        left = None if told is None else told - self.sales.sold(sku)
        return left if left is None or self.kind.BELOW_ZERO else max(0, left)

    def shown(self, sku: str, listing_id: str) -> Shown:
        """Return what is known of a listing; an empty record when nothing is."""
        observed = self.observed.get(sku)
        return (observed.listings.get(listing_id) if observed else None) or Shown()

    def rows(self, sku: str) -> Iterator[Row]:
        """Yield the rows that must be told: another number, the channel's own sale, or an intent without an answer."""
        desired, observed = self.desired(sku), self.observed.get(sku)
        hidden, paused = observed.hidden if observed else 0, self.paused(sku)
        several = len(self.listings.get(sku, ())) > 1
        for listing_id, listing in self.listings.get(sku, {}).items():
            shown, expected = self.shown(sku, listing_id), self.expected(sku, listing_id)
            quantity = self._allowed(listing, offered(desired, retired=listing.retired), hidden)
            if quantity is not None and self._differs(quantity, shown, (sku, listing_id), paused=paused):
                yield Row(
                    sku=sku,
                    listing=listing,
                    quantity=quantity,
                    version=self.levels[sku].version,
                    expected=expected,
                    paused=paused and quantity <= 0,
                    undo=shown.undo,
                    unanswered=None if shown.request_id is None else shown.sent,
                    shared=shared(listing, self.listings[sku].values(), self.kind),
                    guessed=(sku, listing_id) in self.unknown or (several and bool(self.sales.known(sku))),
                )

    def _allowed(self, listing: Listing, open_to: int | None, hidden: int) -> int | None:
        """
        Return the number that the brake lets pass, of what the listing offers and what is hidden: that always passes.

        Where it holds a 0, the listing goes on showing what it shows, but never more than there is in the hub; None
        where there is nothing: then it is left alone.
        """
        place = (listing.sku, listing.listing_id)
        expected = self.expected(*place)
        wanted = target(open_to, hidden, expected)
        if open_to is None or open_to > 0:
            self.brake.above(place)
            return wanted
        level, shown = self.levels[listing.sku], self.shown(*place)
        sending = shown.request_id is not None and shown.sent == wanted
        if self.brake.zero(place, level, shows=expected, sending=sending) or expected is None:
            return wanted
        left = level.quantity or 0
        return target(min(left, expected), hidden, expected) if left > 0 else None

    def holds(self, sku: str) -> bool:
        """Return whether the brake holds a 0 of one of the SKU's listings."""
        held = self.brake.held
        return bool(held) and any((sku, name) in held for name in self.listings.get(sku, ()))

    def _differs(self, quantity: int, shown: Shown, place: tuple[str, str], *, paused: bool) -> bool:
        if quantity != believed(shown) or shown.request_id is not None or place in self.unknown:
            return True
        if self.sales.known(place[0]):
            return True
        # A pause that ended while its call was open may have been carried out: its way back is on record.
        return self.kind.PAUSES and (paused != shown.paused or (shown.undo is not None and not paused))

    def polled(self, through: int, now: int) -> None:
        """Take up how far the order poll has come; it counts when the processor has had its time."""
        self.through(now)
        self._marks.append((now, through))

    def through(self, now: int) -> int:
        """Return up to which of the channel's own times its orders have been read and decided."""
        while self._marks and self._marks[0][0] + SETTLE_MS <= now:
            self._through = max(self._through, self._marks.popleft()[1])
        return self._through

    def passed(self, now: int) -> list[str]:
        """End the hidden sales that the order poll has outlived; returns their SKUs."""
        through = self.through(now)
        found = [sku for sku, at in self.hiding.items() if through >= at + HIDDEN_MARGIN_MS]
        for sku in found:
            self.put_observed(replace(self.observed[sku], hidden=0))
        return found
