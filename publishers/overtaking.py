"""
SKUs that are told by themselves while a bulk with an older number of them is under way.  Pure.

A bulk takes minutes, and a shopper does not wait for it: what is about to be oversold is told at once.  Nobody knows
which of the two the channel applies last, so the SKU is told once more when the bulk has ended.
"""

from publishers.work import Call, Purpose


class Overtaking:
    """Who is in a bulk, and who of them has been told meanwhile."""

    def __init__(self) -> None:
        """Start with nobody."""
        self.fed: set[str] = set()
        self._told: set[str] = set()

    def begin(self, call: Call) -> None:
        """Take up a call that begins."""
        if call.purpose is Purpose.BULK:
            self.fed.update(call.since)
        else:
            self._told.update(self.fed.intersection(call.since))

    def end(self, call: Call) -> None:
        """Take up that a call has ended."""
        if call.purpose is Purpose.BULK:
            self.fed.difference_update(call.since)

    def leave(self, sku: str) -> None:
        """Take up that nobody is told a SKU any more."""
        self._told.discard(sku)

    def __contains__(self, sku: str) -> bool:
        """Return whether a SKU has been told, or is being told, since it went into a bulk."""
        return sku in self._told

    def over(self, sku: str) -> bool:
        """Return, once, whether the bulk that a SKU has overtaken is over: it must be told again."""
        if sku not in self._told or sku in self.fed:
            return False
        self._told.discard(sku)
        return True
