"""What a channel's records leave behind for read-backs: numbers told before or not seen yet.  Pure."""

from collections.abc import Callable

from publishers.confirm import Confirmations
from publishers.told import Memory, Place
from schemas.channel_records import ChannelLevel, Shown

NEVER = Shown()


class Trail:
    """Follows each record as it replaces the one before."""

    def __init__(self, applies_ms: int, scale: int = 1_000) -> None:
        """Start with nothing; `applies_ms` and `scale` are those of `Confirmations`."""
        self.memory = Memory()
        self.undos: dict[str, str] = {}
        """By listing which SKU's record says, or said last, how its pause is undone."""
        self.confirmations = Confirmations(applies_ms, scale)

    def end(self, place: Place) -> None:
        """Forget a listing that has ended."""
        self.memory.end(place)
        self.confirmations.end(place)

    def follow(
        self, before: ChannelLevel | None, record: ChannelLevel, expected: Callable[[str, str], int | None]
    ) -> None:
        """Take up a SKU's record; `expected` says what its listings show by all that was known before it."""
        self.confirmations.note(record)
        self.undos.update({name: record.sku for name, shown in record.listings.items() if shown.undo is not None})
        if before is None:
            return
        for name, shown in record.listings.items():
            old = before.listings.get(name, NEVER)
            # An intent that is written again with the same number is no other tell.
            if shown.sent_version != old.sent_version or shown.sent != old.sent:
                self.memory.told((record.sku, name), expected(record.sku, name), old.sent)
