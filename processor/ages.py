"""For how long something has stood still although there is more behind it (pure)."""

from collections.abc import Hashable, Mapping
from typing import Generic, TypeVar

Place = TypeVar("Place", bound=Hashable)


class Ages(Generic[Place]):
    """Remembers since when each place stands where it is."""

    def __init__(self) -> None:
        """Know nothing yet."""
        self._since: dict[Place, tuple[int, float]] = {}

    def note(self, places: Mapping[Place, tuple[int, int]], now: float) -> dict[Place, float]:
        """
        Return for how long each place has stood still, in seconds; 0 where it has moved or nothing lies behind it.

        Args:
            places: where each stands, and how far it could go.
            now: the time, seconds.

        """
        since = {}
        for place, (position, end) in places.items():
            if position < end:
                known = self._since.get(place)
                since[place] = known if known is not None and known[0] == position else (position, now)
        self._since = since
        return {place: now - since[place][1] if place in since else 0.0 for place in places}
