"""A bucket that refills, exactly, in integers.  Pure."""

from fractions import Fraction

from publishers.windows import JITTER_MS, Window

LATE_MS = 20
"""How late our own loop may be: a bucket of a single call holds what refills in this time too, or it would be lost."""


class Refilling:
    """A token bucket.  What it holds is kept times `_per`, so that every rate is exact, 0.0083 a second included."""

    __slots__ = ("_at", "_have", "_per", "_rate", "_ratio", "_room", "window")

    def __init__(self, window: Window, now: int) -> None:
        """Start full."""
        self.window, self._at, self._ratio = window, now, Fraction(1)
        self._size(self._ratio)
        self._have = self._room

    def _size(self, ratio: Fraction) -> None:
        """Set rate and room: a lower rate comes with a smaller burst, a higher one does not say how large its is."""
        rate = self.window.amount * ratio / self.window.per_ms
        self._rate, self._per = rate.numerator, rate.denominator
        burst = int(self.window.burst * self._per * min(ratio, Fraction(1)))
        self._room = max(burst - self._rate * JITTER_MS, self._per + self._rate * LATE_MS)

    def _fill(self, now: int) -> int:
        """Let time pass; a clock that goes back neither gives nor takes."""
        if now > self._at:
            self._have = min(self._room, self._have + self._rate * (now - self._at))
            self._at = now
        return self._have

    def wait(self, charge: int, now: int) -> int:
        """Return the wait; what is larger than the bucket waits until it is full, and leaves a debt."""
        missing = min(charge * self._per, self._room) - self._fill(now)
        return -(-missing // self._rate) if missing > 0 else 0

    def take(self, charge: int, now: int) -> None:
        """Take so much."""
        self._have = self._fill(now) - charge * self._per

    def left(self, now: int) -> int:
        """Return how much is in the bucket."""
        return max(0, self._fill(now) // self._per)

    own = left

    def lower(self, left: int, now: int) -> None:
        """Lower what is in the bucket."""
        if left < self.left(now):
            self._have = left * self._per

    def empty(self, now: int) -> None:
        """Empty the bucket, for the vendor's is; and what is still on its way there takes what refills meanwhile."""
        self._have = min(self._fill(now), -self._rate * JITTER_MS)

    def adopt(self, ratio: Fraction, now: int) -> None:
        """Change the rate from now on."""
        if ratio != self._ratio:
            had, per = self._fill(now), self._per
            self._ratio = ratio
            self._size(ratio)
            self._have = min(self._room, had * self._per // per)

    def restore(self, charge: int, at: int) -> None:
        """Take what was taken before this bucket began: it was full then."""
        if self._have == self._room:
            self._at = min(self._at, at)
        self._have = max(0, self._fill(at) - charge * self._per)

    def unused(self, now: int) -> bool:
        """Return whether the bucket is full."""
        return self._fill(now) == self._room

    def reserved(self, _now: int) -> bool:
        """Return False: a bucket that refills needs no reserve."""
        return False
