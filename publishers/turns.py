"""
When the overdue are served: bounded waiting without slowing a burst of dangerous SKUs.  Pure.

Who has waited longer than `PATIENCE_MS` is overdue and is served by age, whatever its danger: at least every eighth
place, so that a burst of dangerous SKUs is told in 1.15 times its own time, and every second place once the others are
`LAG` places ahead.  So an overdue SKU with `k` older ones is taken within `2 * (k + 1) + LAG` places.
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

    def aged(self, urgent: int | None, oldest: int | None, now: int) -> bool:
        """
        Return whether the next place goes to the oldest SKU instead of the most urgent one, and count it.

        Args:
            urgent: since when the most urgent SKU waits, in ms; None when there is none.
            oldest: the same of the oldest.
            now: the time.

        """
        if oldest is None:
            return False
        if oldest > now - PATIENCE_MS:
            self._row = self._ahead = 0
            return False
        if urgent is not None and not self._due(now - urgent):
            self._row, self._ahead = self._row + 1, self._ahead + 1
            return False
        self._row, self._ahead = 0, max(self._ahead - 1, 0)
        return True

    def _due(self, waited: int) -> bool:
        if waited >= PATIENCE_MS:  # the most urgent one is overdue as well: what the oldest are behind is made good
            return self._ahead > 0
        return self._ahead >= LAG or self._row >= TURN - 1
