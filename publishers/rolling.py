"""A window that rolls: in any of its times at most so much, in bounded memory.  Pure."""

from collections import deque
from fractions import Fraction

from publishers.windows import JITTER_MS, LONG_MS, Window

SLOTS = 128
"""Into how many pieces a rolling window is cut: what was spent comes back at the end of its piece, 0.8 % late."""
RESERVE = 5
"""A fifth of a long rolling window is kept for what is urgent."""
RECENT = 16
"""In a sixteenth of a window's time what is not urgent may use a sixteenth of the reserve."""


class Rolling:
    """A window that rolls: what was taken comes back after the window's time, piece by piece."""

    __slots__ = ("_amount", "_foreign", "_foreign_at", "_piece", "_pieces", "_used", "window")

    def __init__(self, window: Window) -> None:
        """Start with nothing used."""
        self.window, self._amount = window, window.amount
        self._piece = -(-window.per_ms // SLOTS)
        self._pieces: deque[list[int]] = deque()
        self._used = self._foreign = self._foreign_at = 0

    def _drop(self, now: int) -> None:
        while self._pieces and self._pieces[0][0] <= now:
            self._used -= self._pieces.popleft()[1]

    def _others(self, now: int) -> int:
        """Return what others have used by the channel's word: it comes back as if they had used it evenly."""
        passed = min(self.window.per_ms, max(0, now - self._foreign_at))
        return -(-self._foreign * (self.window.per_ms - passed) // self.window.per_ms)

    def wait(self, charge: int, now: int) -> int:
        """Return the wait; what is larger than the window waits until nothing of it is used."""
        self._drop(now)
        room = self._amount - min(charge, self._amount) - self._used
        if room >= self._others(now):
            return 0
        at = now
        for until, used in self._pieces:
            if room >= 0 and (back := self._back(room)) < until:
                return max(at, back) - now
            room += used
            at = until
        return max(at, self._back(room)) - now

    def _back(self, room: int) -> int:
        """Return when what others used has come down to `room`."""
        if self._foreign <= room:
            return self._foreign_at
        return self._foreign_at + self.window.per_ms - room * self.window.per_ms // self._foreign

    def take(self, charge: int, now: int) -> None:
        """Take so much; it comes back when its piece has left the window."""
        self._drop(now)
        until = (now // self._piece + 1) * self._piece + self.window.per_ms + JITTER_MS
        if self._pieces and self._pieces[-1][0] >= until:
            self._pieces[-1][1] += charge
        else:
            self._pieces.append([until, charge])
        self._used += charge

    def left(self, now: int) -> int:
        """Return how much of the window is left."""
        return max(0, self.own(now) - self._others(now))

    def own(self, now: int) -> int:
        """Return what we have not used ourselves."""
        self._drop(now)
        return max(0, self._amount - self._used)

    def lower(self, left: int, now: int) -> None:
        """Take up the newest word for what is left; it takes an older word's place."""
        self._foreign, self._foreign_at = max(0, self.own(now) - left), now

    def empty(self, now: int) -> None:
        """Use up a short window; a long one is not the likely reason, and a day's silence would be a high price."""
        if self.window.per_ms <= LONG_MS:
            self.take(self.left(now), now)

    def adopt(self, ratio: Fraction, _now: int) -> None:
        """Change the amount."""
        self._amount = max(1, int(self.window.amount * ratio))

    def restore(self, charge: int, at: int) -> None:
        """Take what was taken at `at`."""
        self.take(charge, at)

    def unused(self, now: int) -> bool:
        """Return whether nothing of the window is used."""
        self._drop(now)
        return self._used == 0

    def reserved(self, now: int) -> bool:
        """
        Return whether only urgent work may use what is left.

        That is so in the last fifth of a long window, unless of late less was used than makes that fifth last: so the
        rest is never stopped for good.
        """
        reserve = self._amount // RESERVE
        if self.window.per_ms <= LONG_MS or self.left(now) > reserve:
            return False
        since = now + self.window.per_ms + JITTER_MS - self.window.per_ms // RECENT
        recent = 0
        for until, used in reversed(self._pieces):
            if until <= since:
                break
            recent += used
        return recent * RECENT >= reserve
