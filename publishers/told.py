"""
The last few numbers that listings were told, by which a drift finds its cause.  Pure; bounded; in memory only.

After a restart it starts empty, and a number that an older call would explain is then taken for an edit by hand.
"""

from collections import OrderedDict
from dataclasses import dataclass, replace

KEPT = 4
"""How many older numbers of a listing are kept."""
LISTINGS_MAX = 100_000
"""Of how many listings; those that were told longest ago are forgotten first."""

Place = tuple[str, str]
"""A listing: its SKU and its id."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """
    What a listing was told before its present number.

    `before` is what it showed by all that we knew when it was told last, `older` what it was told before that, the
    newest first.  `seen` says that a read-back has found the last number there.
    """

    before: int | None = None
    older: tuple[int, ...] = ()
    seen: bool = False


NOTHING = Told()


class Memory:
    """What each listing was told."""

    def __init__(self) -> None:
        """Start with nothing."""
        self._told: OrderedDict[Place, Told] = OrderedDict()

    def of(self, place: Place) -> Told:
        """Return what is remembered of a listing."""
        return self._told.get(place, NOTHING)

    def told(self, place: Place, before: int | None, last: int | None) -> None:
        """Note that a listing is told anew: it showed `before`, and was told `last` the time before (None: never)."""
        older = self.of(place).older
        if last is not None and last not in older[:1]:
            older = (last, *older)[:KEPT]
        self._told[place] = Told(before=before, older=older)
        self._told.move_to_end(place)
        if len(self._told) > LISTINGS_MAX:
            self._told.popitem(last=False)

    def seen(self, place: Place) -> None:
        """Note that a read-back has found the number that a listing was told last."""
        if place in self._told:
            self._told[place] = replace(self._told[place], seen=True)

    def end(self, place: Place) -> None:
        """Forget a listing that has ended."""
        self._told.pop(place, None)

    def __len__(self) -> int:
        """Return of how many listings anything is remembered."""
        return len(self._told)
