"""
How many records may be given up before their partition stops instead of draining its topic (pure).

A broken release upstream writes records that nobody can read, one after the other.  Each of them is kept in
`stock.deadletter`, but orders that stand there are not decided; so it must not go on for long.  The offsets given up
lately are committed with the position, so that a restart does not begin to count anew.
"""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """At most `most` dead letters among `window` records on end."""

    most: int
    window: int

    def passed(self, dead: Sequence[int]) -> bool:
        """Whether dead letters at these offsets, which rise, are more than may be."""
        return any(last - first < self.window for first, last in zip(dead, dead[self.most :], strict=False))

    def lately(self, dead: Sequence[int], upto: int) -> tuple[int, ...]:
        """Return the offsets that still count when the position is `upto`."""
        return tuple(offset for offset in dead if offset >= upto - self.window)


DEFAULT = Limit(most=50, window=1_000)
