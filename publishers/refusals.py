"""
Listings that the channel refuses, and those of the same SKU that it does not: the refused stand behind.  Pure.

What shows another number than expected is refused as well, for the moment; it is counted how often in a row.

A SKU dies with one of its listings.  The others are told all the same, before the refused one is tried again: a call
that is all or nothing would fail for them each time.  In memory only; after a restart they are found again.
"""

from collections.abc import Sequence

from publishers.push import Accepted, Delivered, Rejected, Row, Verdict
from publishers.told import Place

STALE_MAX = 5
"""How often in a row a listing may show another number than expected before it costs an attempt."""


class Refusals:
    """The listings that were refused last."""

    def __init__(self) -> None:
        """Start with none."""
        self._places: set[Place] = set()
        self._stale: dict[Place, int] = {}

    def note(self, row: Row, verdict: Verdict) -> None:
        """Take up what became of a row."""
        if isinstance(verdict, Rejected):
            self._places.add(_place(row))
        elif isinstance(verdict, Delivered | Accepted):
            self._places.discard(_place(row))

        if isinstance(verdict, Delivered):
            self._stale.pop(_place(row), None)

    def again(self, place: Place) -> bool:
        """Count that a listing was stale once more; returns, and begins anew, when it was so too often."""
        self._stale[place] = self._stale.get(place, 0) + 1
        if self._stale[place] < STALE_MAX:
            return False
        del self._stale[place]
        return True

    def end(self, place: Place) -> None:
        """Forget a listing that has ended."""
        self._places.discard(place)
        self._stale.pop(place, None)

    def __len__(self) -> int:
        """Return how many listings are remembered."""
        return len(self._places | self._stale.keys())

    def first(self, rows: Sequence[Row]) -> Sequence[Row]:
        """Return which of a SKU's rows are told now: the refused ones when there are no others."""
        return [row for row in rows if _place(row) not in self._places] or rows

    def partial(self, rows: Sequence[Row]) -> bool:
        """Return whether some of a SKU's rows were refused, and others not."""
        return len(self.first(rows)) < len(rows)


def _place(row: Row) -> Place:
    return row.sku, row.listing.listing_id
