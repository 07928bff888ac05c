"""
Which listings stand, by the partition that their records came from.  Pure.

A listing whose SKU changes moves to that SKU's partition and is ended in its old one.  The two records come in any
order, so an end counts for its own partition only; while two stand, the one that came last is in force.
"""

from schemas.channel_records import Listing


class Standing:
    """The listings by id; one that has ended everywhere leaves nothing behind."""

    def __init__(self) -> None:
        """Start with none."""
        self._places: dict[str, dict[int, Listing]] = {}

    def __len__(self) -> int:
        """Return how many listings stand."""
        return len(self._places)

    def take(self, listing_id: str, listing: Listing | None, partition: int) -> tuple[Listing | None, Listing | None]:
        """Take up a listing or (None) its end; returns which was in force before, and which is now."""
        before, places = self.of(listing_id), self._places.pop(listing_id, {})
        places.pop(partition, None)
        if listing is not None:
            places[partition] = listing
        if places:
            self._places[listing_id] = places
        return before, self.of(listing_id)

    def of(self, listing_id: str) -> Listing | None:
        """Return the listing that is in force."""
        return next(reversed(self._places.get(listing_id, {}).values()), None)
