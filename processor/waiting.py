"""The lines of a SKU that wait for units: oldest first, bounded, the rest only counted."""

from schemas.records import Waiting
from schemas.words import WAITING_MAX

LETTERS_MAX = 150_000
"""
How many letters of order ids a list may hold before more lines are only counted.

A letter takes at most six bytes in JSON, so that a `stock.level` record stays under a broker's limit of 1 MB even if a
channel's order ids are as long and as odd as the contract allows.
"""
LETTERS_EACH = 1_000
"""The longest order id."""


class Queue:
    """
    The waiting lines of one SKU while a record is decided.

    `lines` are known by name, `more` are only counted: those lines keep their shortfall in their own outcome, and when
    one of them changes, `more` falls by one.  It cannot promote one of them into the list, which would need a search
    through all lines; so after the listed lines are served, lines that are only counted go on waiting until their
    orders change or a `set` clears them all.  A line that was only counted when a `set` came still says that it waits;
    should it change when others are counted, `more` falls one too far, never below 0.
    """

    __slots__ = ("changed", "lines", "more")

    def __init__(self, lines: tuple[Waiting, ...] = (), more: int = 0) -> None:
        """Start from what the level record says."""
        self.lines = lines
        self.more = more
        self.changed = False

    def __bool__(self) -> bool:
        """Whether any line waits, listed or counted."""
        return bool(self.lines) or self.more > 0

    def join(self, order_id: str, shortfall: int, *, waited: bool) -> None:
        """Put a line at the end, or where it stands already if it `waited`, with its shortfall in units."""
        self.changed = True
        place = self._place(order_id) if waited else None
        line = Waiting(order_id=order_id, shortfall=shortfall)
        if place is not None:
            self.lines = (*self.lines[:place], line, *self.lines[place + 1 :])
            return
        if waited:
            self.more = max(self.more - 1, 0)
        if _room(self.lines):
            self.lines = (*self.lines, line)
        else:
            self.more += 1

    def leave(self, order_id: str) -> None:
        """Take out a line that waited."""
        self.changed = True
        place = self._place(order_id)
        if place is None:
            self.more = max(self.more - 1, 0)
        else:
            self.lines = (*self.lines[:place], *self.lines[place + 1 :])

    def drop(self, count: int) -> None:
        """Take out the `count` oldest of the list."""
        if count:
            self.changed = True
            self.lines = self.lines[count:]

    def clear(self) -> tuple[Waiting, ...]:
        """Empty the list and the count, and return the lines that were listed."""
        lines = self.lines
        self.changed = self.changed or bool(self)
        self.lines, self.more = (), 0
        return lines

    def _place(self, order_id: str) -> int | None:
        for place, line in enumerate(self.lines):
            if line.order_id == order_id:
                return place
        return None


def _room(lines: tuple[Waiting, ...]) -> bool:
    return len(lines) < WAITING_MAX and sum(len(line.order_id) for line in lines) + LETTERS_EACH <= LETTERS_MAX
