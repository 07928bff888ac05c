"""
The time of day, where somebody sets it back.  Pure.

All times of a publisher are times of the day, because records of others hold such ones.  Set back by minutes, every
wait would last for so much longer: ladders, circuits, limits.  So a life that notices ends, and the next one loads anew
with waits that begin at the right time.
"""

STEP_MS = 2_000
"""By how much the time may go back without harm: what is in step with a time server is put right more finely."""


class Steps:
    """Finds steps back, by a time that nobody sets."""

    def __init__(self) -> None:
        """Begin with the first look."""
        self._ahead: int | None = None

    def back(self, now: int, steady: int) -> int:
        """
        Return by how many ms the time of day has been set back since the first look; 0 up to `STEP_MS`.

        Args:
            now: the time of day, ms since 1970.
            steady: a time in ms that never goes back, whatever it counts from.

        """
        ahead = now - steady
        self._ahead = ahead if self._ahead is None else max(self._ahead, ahead)
        lost = self._ahead - ahead
        return lost if lost > STEP_MS else 0
