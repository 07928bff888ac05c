"""Orders whose lines do not agree: which of them to read again, and when.  Pure."""

from collections.abc import Iterable
from urllib.parse import unquote

AFTER_MS = 30_000
"""How long the processor has to come to a line before its order is read again."""
AT_ONCE = 20
TRIES = 3


class Torn:
    """How often and when each torn order of a channel was read again."""

    def __init__(self, channel: str) -> None:
        """Begin without any."""
        self._prefix = f"{channel}_"
        self._seen: dict[str, tuple[int, int]] = {}

    def due(self, torn: Iterable[str], now: int) -> list[str]:
        """
        Return the numbers of the orders to read now.

        Args:
            torn: all torn orders, by `order_prefix`.
            now: milliseconds.

        """
        self._seen = {order: self._seen.get(order, (now, 0)) for order in torn}
        ready = [
            order
            for order, (since, tries) in self._seen.items()
            if tries < TRIES and now - since >= AFTER_MS * 2**tries
        ][:AT_ONCE]
        for order in ready:
            self._seen[order] = (now, self._seen[order][1] + 1)
        return [unquote(order.removeprefix(self._prefix).removesuffix("_")) for order in ready]
