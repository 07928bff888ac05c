"""
What the channel's own orders say about its numbers: a channel lowers itself when it sells.  Pure.

They come twice, as the cause of a level and as an outcome, and the two topics have no common order.  A level's cause
is heard first as a rule, and one call to the channel is saved by it; the outcome alone is complete, and its offset
says what a record counts, so that whoever takes the channel over hears each sale once.
"""

from collections.abc import Mapping
from dataclasses import replace

from publishers.book import Book, confirmed, told_version
from publishers.sales import REMEMBERED, key, units
from schemas.channel_records import ChannelLevel, Listing, Shown
from schemas.partition import partition_of
from schemas.records import OrderOutcome, StockLevel
from schemas.words import CauseKind, Status

CLOCK_MARGIN_MS = 1_000
"""How far the channel's clock may be ahead of ours when an order is matched with hidden sales."""
SOURCE_MARGIN_MS = 5_000
"""How long after our last write an order must have been placed to be surely younger than it."""


class Hearing:
    """Takes levels and outcomes into a book."""

    def __init__(self, book: Book, partitions: int) -> None:
        """Hear for `book`; the topics keyed by SKU have so many partitions."""
        self.book = book
        self.live = False
        self._partitions = partitions
        self._heard: dict[int, int] = {}
        self._ahead: dict[str, list[tuple[int, OrderOutcome]]] = {}
        self._early: dict[str, int] = {}
        self._elsewhere: dict[str, tuple[int, ...]] = {}
        """By SKU the last versions that a sale under another SKU has made: a bundle's, not the SKU's own listing's."""

    def position(self, sku: str) -> int:
        """Return the offset of `order.outcome`, in the SKU's partition, below which every sale is counted."""
        ahead = [offset for offset, _ in self._ahead.get(sku, ())]
        return min(ahead, default=self._heard.get(self._partition(sku), 0))

    def _partition(self, sku: str) -> int:
        return partition_of(sku.encode(), self._partitions)

    def listen_from(self, ends: Mapping[int, int]) -> dict[int, int]:
        """
        Return by partition from which offset of `order.outcome` on sales must be heard before the channel is told.

        Args:
            ends: by partition the offset below which every outcome's level is in the book already.

        """
        self._heard, starts = dict(ends), dict(ends)
        for sku, observed in self.book.observed.items():
            level, partition = self.book.levels.get(sku), self._partition(sku)
            moved = level is not None and level.version > told_version(observed)
            if moved or observed.hidden or observed.status is not Status.IN_STEP:
                starts[partition] = min(starts.get(partition, observed.heard), observed.heard)
        return starts

    def begin(self) -> None:
        """
        Be the one that tells: levels come one by one from now on, so that their causes count.

        What may have been sold while nobody listened is marked: levels that moved since they were last told.
        """
        self.live = True
        for sku, level in self.book.levels.items():
            observed = self.book.observed.get(sku)
            if observed is not None and level.version > told_version(observed):
                self.book.sales.add(sku, "takeover", 0)

    def outcome(self, outcome: OrderOutcome, offset: int) -> bool:
        """
        Take up a decision about an order, read at `offset`; returns whether the record has changed and may be written.

        It changes where hidden units are found in the order, and where the order's level has changed it before.
        """
        if outcome.channel != self.book.channel:
            return False
        partition, level = self._partition(outcome.sku), self.book.levels.get(outcome.sku)
        self._heard[partition] = max(self._heard.get(partition, 0), offset + 1)
        if outcome.version is not None and (level is None or level.version < outcome.version):
            # Its level is about to arrive; until then the desired number does not know of it either.
            self._ahead.setdefault(outcome.sku, []).append((offset, outcome))
            return False
        return self._decided(outcome, offset)

    def _decided(self, outcome: OrderOutcome, offset: int) -> bool:
        sku, observed = outcome.sku, self.book.observed.get(outcome.sku)
        if observed is not None and offset < observed.heard:
            return False  # an owner before us has counted it
        own = outcome.version not in self._elsewhere.get(sku, ())
        sale = key(outcome.order_id, outcome.version)
        changed = own and self._sold(sku, sale, units(outcome), outcome.ordered_at)
        if outcome.version is not None and self._early.get(sku) == outcome.version:
            del self._early[sku]
            changed = True
        if changed:
            self._counted(sku, offset)
        return changed

    def _counted(self, sku: str, offset: int) -> None:
        observed = self.book.observed[sku]
        self.book.put_observed(replace(observed, heard=max(observed.heard, offset + 1)))

    def level(self, level: StockLevel) -> ChannelLevel | None:
        """
        Take up a level; returns the channel's record where it has changed and may be written.

        What the level alone says of a sale is written when the sale's outcome is heard: without its offset the next
        owner could not tell that it is counted.
        """
        self.book.put_level(level)
        self._note_bundle(level)
        ahead = self._ahead.pop(level.sku, [])
        changed = False
        for offset, outcome in ahead:
            changed |= self.outcome(outcome, offset)
        if self.live and self._caused(level):
            heard = next((offset for offset, outcome in ahead if outcome.version == level.version), None)
            if heard is None:
                self._early[level.sku] = level.version
                return None
            self._counted(level.sku, heard)
            changed = True
        return self.book.observed[level.sku] if changed else None

    def _note_bundle(self, level: StockLevel) -> None:
        """
        Take up that a component was sold within a bundle: the channel has lowered the bundle's own number.

        An order of a bundle moves each of its components; the first one's level speaks for the bundle.  A level that
        came with others in one transaction and names another cause leaves the sale hidden, which is the safe side; the
        bundle is never taken to show the right number without being told.
        """
        cause, bundle = level.cause, level.cause.listing_sku
        if cause.kind is not CauseKind.ORDER or cause.channel != self.book.channel or bundle in (None, level.sku):
            return
        self._elsewhere[level.sku] = (*self._elsewhere.get(level.sku, ()), level.version)[-REMEMBERED:]
        made = self.book.bundles.made(bundle or "")
        first = made[0][0] if made else None
        if self.live and bundle and first is not None and first.sku == level.sku and cause.ordered_at is not None:
            self._sold(bundle, f"{level.sku}@{level.version}", cause.delta // first.qty, cause.ordered_at)

    def _caused(self, level: StockLevel) -> bool:
        """Take a level's cause for what it says about the channel; returns whether the record has changed."""
        cause = level.cause
        if cause.kind is not CauseKind.ORDER or cause.channel != self.book.channel:
            return False
        inferred, changed = self._inferred(level), False
        if cause.listing_sku == level.sku and cause.ordered_at is not None:
            changed = self._sold(level.sku, str(level.version), cause.delta, cause.ordered_at)
        if inferred is not None:
            self.book.sales.settle(level.sku, self.book.sales.known(level.sku))
            self.book.put_observed(inferred)
        return changed or inferred is not None

    def _sold(self, sku: str, sale: str, taken: int, ordered_at: int) -> bool:
        """Count a sale of `taken` units; returns whether hidden units were found in it."""
        book = self.book
        if not taken or not book.sales.add(sku, sale, taken):
            return False
        observed, found_at = book.observed.get(sku), book.hiding.get(sku)
        if observed is None or found_at is None or taken < 0 or ordered_at > found_at + CLOCK_MARGIN_MS:
            return False
        book.sales.settle(sku, [sale])
        if taken > observed.hidden:
            book.sales.add(sku, f"{sale}+", taken - observed.hidden)
        book.put_observed(replace(observed, hidden=max(0, observed.hidden - taken)))
        return True

    def _inferred(self, level: StockLevel) -> ChannelLevel | None:
        """
        Return the record in which the channel's own sale has already brought it to the desired number.

        That is believed only if nothing else can have moved it; else the channel is told.
        """
        book, cause, listings = self.book, level.cause, self.book.listings.get(level.sku, {})
        observed = book.observed.get(level.sku)
        if observed is None or len(listings) != 1 or cause.listing_sku != level.sku or cause.delta <= 0:
            return None
        (listing_id,) = listings
        shown, desired = book.shown(level.sku, listing_id), book.desired(level.sku)
        number = confirmed(shown)
        if desired is None or number is None or observed.hidden:
            return None
        if set(book.sales.known(level.sku)) - {str(level.version)}:
            return None
        if (cause.ordered_at or 0) <= self._written_at(shown, listings[listing_id]) + SOURCE_MARGIN_MS:
            return None
        if number - cause.delta != desired:
            return None
        told = replace(shown, shown=desired, inferred=True)
        return replace(observed, listings={**observed.listings, listing_id: told})

    def _written_at(self, shown: Shown, listing: Listing) -> int:
        """
        Return when the listing's number was written last.

        A serial kind writes a group's other numbers back as it read them, with those that it tells: a sale that came
        between was given back.
        """
        mates = [self.book.shown(sku, name) for name, sku in self.book.siblings(listing).items()]
        return max(one.sent_at or 0 for one in (shown, *mates))
