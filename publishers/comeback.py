"""
What is tried again because a channel is back.  Pure.

A SKU that fails while others are taken is at fault itself.  Tried anew after each call that is taken it would use up
half of the calls, be given up and revived for ever: it is tried so once, and then climbs its ladder like any other.
In memory only; after a restart it is tried once more.
"""

from collections.abc import Iterable, Mapping

from publishers.fold import CHANNEL_DOWN, word
from schemas.channel_records import ChannelLevel
from schemas.words import Reason, Status


class Comeback:
    """Knows who was tried again because the channel was back, and is not in step since."""

    def __init__(self) -> None:
        """Start with nobody."""
        self._tried: set[str] = set()

    def note(self, record: ChannelLevel) -> None:
        """Take up a SKU's record."""
        if record.status is Status.IN_STEP:
            self._tried.discard(record.sku)

    def again(
        self, troubled: Mapping[Status, Iterable[str]], observed: Mapping[str, ChannelLevel], *, outage: bool
    ) -> list[str]:
        """
        Return which of the troubled SKUs are tried again at once.

        Args:
            troubled: the SKUs by status.
            observed: their records.
            outage: whether the channel was away, and not just one call of it failed: then all are.

        """
        if outage:
            self._tried.clear()
        down = [sku for sku in troubled[Status.RETRYING] if word(observed[sku]) == CHANNEL_DOWN]
        gave_up = [sku for sku in troubled[Status.DEAD] if word(observed[sku]) == Reason.LADDER_EXHAUSTED]
        found = [sku for sku in (*down, *gave_up) if sku not in self._tried]
        self._tried.update(found)
        return found
