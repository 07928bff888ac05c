"""
When the overdue are served: bounded waiting without slowing a burst of dangerous SKUs.  Pure.

Who has waited longer than `PATIENCE_MS` is overdue and is served by age, whatever its danger: at least every eighth
place, so that a burst of hot SKUs is told in 1.15 times its own time, and every second place where nobody is hot, or
once the others are `LAG` places ahead.  So an overdue SKU with `k` older ones is taken within `2 * (k + 1) + LAG`
places.
"""

PATIENCE_MS = 10_000
"""How long a SKU waits before it is overdue."""
TURN = 8
"""Of so many places, at least one goes to the oldest overdue SKU."""
LAG = 100
"""By how many places the others may be ahead of the overdue before these get every second one."""


class Turns:
    """Counts whose places were served."""

    def __init__(self) -> None:
        """Start with nobody behind."""
        self._row = 0
        self._ahead = 0

    def aged(self, oldest: int | None, now: int, *, hot: bool) -> bool:
        """
        Return whether the next place goes to the oldest SKU instead of the most urgent one, and count it.

        Args:
            oldest: since when the oldest SKU waits, in ms; None when nobody does.
            now: the time.
            hot: whether the most urgent one is hot.

        """
        if oldest is None:
            return False
        if oldest > now - PATIENCE_MS:
            self._row = self._ahead = 0
            return False
        if not self._due(hot=hot):
            self._row, self._ahead = self._row + 1, self._ahead + 1
            return False
        self._row, self._ahead = 0, max(self._ahead - 1, 0)
        return True

    def _due(self, *, hot: bool) -> bool:
        if not hot:  # no sale is slowed: what the oldest are behind is made good
            return self._ahead > 0
        return self._ahead >= LAG or self._row >= TURN - 1
