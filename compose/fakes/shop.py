"""One shop's own stock and orders, pure: what shoppers see, buy and give back. Times are integer ms and given.

A real channel lowers its own number when it sells and never asks the hub; so does this one. Units are "held" by an
order line from the sale until they are put back into stock. The journal lists every movement of a level in order.
"""

from collections import Counter
from collections.abc import Iterable, Sequence

from compose.fakes.books import (
    Change,
    ChangeKind,
    Line,
    Listing,
    Movement,
    Order,
    Reason,
    Refund,
    RefundLine,
    RestockType,
    Unknown,
    Wanted,
)

MERCHANT = "merchant"
"""The call's name in the journal when the merchant sets a level himself."""
PUTS_BACK = frozenset({RestockType.RETURN, RestockType.CANCEL})


class Shop:
    """The stock and the order book of one account."""

    def __init__(self, name: str) -> None:
        """Open an empty shop; `name` is the channel account's name."""
        self.name = name
        self.listings: dict[str, Listing] = {}
        self.by_sku: dict[str, Listing] = {}
        self.orders: dict[str, Order] = {}
        self.journal: list[Movement] = []
        self.sold_out: list[Wanted] = []
        self.oversold: dict[str, int] = {}
        self.parents: dict[str, int] = {}
        self.tallies: dict[str, Counter[str]] = {}
        self._last: dict[str, Movement] = {}
        self._numbers = 0

    def number(self) -> int:
        """Return the next number of this shop, for ids that the vendor would make up."""
        self._numbers += 1
        return self._numbers

    def put(self, listing: Listing) -> None:
        """Take a listing into the catalogue; a listing with the same key is replaced."""
        self.listings[listing.key] = listing
        self.by_sku.setdefault(listing.sku, listing)

    def listing(self, sku_or_key: str) -> Listing:
        """Find a listing by its key, then by its SKU. Raises Unknown."""
        found = self.listings.get(sku_or_key) or self.by_sku.get(sku_or_key)
        if found is None:
            raise Unknown(kind="listing", name=sku_or_key)
        return found

    def order(self, order_id: str) -> Order:
        """Find an order by its id. Raises Unknown."""
        found = self.orders.get(order_id)
        if found is None:
            raise Unknown(kind="order", name=order_id)
        return found

    def lacks(self, wanted: Iterable[Wanted]) -> list[Wanted]:
        """Tell which of the wanted lines the shop's own levels cannot serve, counting lines of one listing together."""
        taken: dict[str, int] = {}
        lacking = []
        for want in wanted:
            listing = self.listing(want.listing)
            taken[listing.key] = taken.get(listing.key, 0) + want.quantity
            if taken[listing.key] > listing.level and not listing.oversells:
                lacking.append(want)
        return lacking

    def sell(self, at: int, order_id: str, wanted: Sequence[Wanted], *, respect_levels: bool) -> Change | None:
        """Sell all lines or none; None means sold out, which happens only with `respect_levels`.

        Without it the level may go below zero, as a channel does that is told to continue selling; those units are
        counted in `oversold`. Selling into a known order adds lines to it. Raises Unknown, ValueError for a line twice.
        """
        lacking = self.lacks(wanted)
        if respect_levels and lacking:
            self.sold_out.extend(lacking)
            return None
        known = self.orders.get(order_id)
        order = known or Order(order_id=order_id, number=1000 + self.number(), created_at=at, updated_at=at)
        clashing = [want.line_id for want in wanted if want.line_id in order.lines]
        if clashing:
            message = f"order {order_id} already has the lines {clashing}"
            raise ValueError(message)
        self.orders[order_id] = order
        for want in wanted:
            self._take(at, order, want)
        order.touch(at)
        return Change(kind=ChangeKind.UPDATED if known else ChangeKind.CREATED, order=order, at=at)

    def edit(self, at: int, order_id: str, line_id: str, quantity: int, *, restock: bool = True) -> Change:
        """Set the units of one line; fewer units are recorded as a refund without money, more are taken from stock."""
        order = self.order(order_id)
        line = order.line(line_id)
        more = quantity - line.current
        if more < 0:
            kind = RestockType.CANCEL if restock else RestockType.NO_RESTOCK
            refund = self._give_back(at, order, [(line, -more)], kind)
            line.edited_off -= more
            order.touch(at)
            return Change(kind=ChangeKind.EDITED, order=order, at=at, refund=refund, line=line, delta=more)
        line.ordered += more
        line.listing.committed += more
        self.move(at, line.listing, -more, Reason.EDIT, order_id=order_id, line_id=line_id)
        order.touch(at)
        return Change(kind=ChangeKind.EDITED, order=order, at=at, line=line, delta=more)

    def cancel(self, at: int, order_id: str, *, restock: bool = True, reason: str = "customer") -> Change:
        """Cancel an order: all its units leave it, and return to stock only with `restock`."""
        order = self.order(order_id)
        kind = RestockType.CANCEL if restock else RestockType.NO_RESTOCK
        open_lines = [(line, line.current) for line in order.lines.values() if line.current]
        refund = self._give_back(at, order, open_lines, kind) if open_lines else None
        order.cancelled_at, order.cancel_reason = at, reason
        order.touch(at)
        return Change(kind=ChangeKind.CANCELLED, order=order, at=at, refund=refund)

    def refund(self, at: int, order_id: str, units: Sequence[tuple[str, int]], restock_type: RestockType) -> Change:
        """Refund units of lines; only `return` and `cancel` put them back into stock. Raises Unknown, ValueError."""
        order = self.order(order_id)
        refund = self._give_back(
            at, order, [(order.line(key), quantity) for key, quantity in units], restock_type, money=True
        )
        order.touch(at)
        return Change(kind=ChangeKind.REFUNDED, order=order, at=at, refund=refund)

    def write(self, at: int, listing: Listing, quantity: int, call: str) -> Movement:
        """Set a level from outside, through the channel's API: the newest write stands, whatever was sold meanwhile."""
        last = self._last.get(listing.key)
        if call != MERCHANT:
            again = last is not None and last.reason is Reason.WRITE and last.call != MERCHANT
            self.tally(listing.key, "tells")
            self.tally(listing.key, "repeats", int(again and quantity == listing.level))
        return self.move(at, listing, quantity - listing.level, Reason.WRITE, call=call)

    def tally(self, listing: str, word: str, count: int = 1) -> None:
        """
        Count what a client does to a listing.

        Words are tells; repeats (told the number that the tell before it set, with nothing in between); throttles.
        """
        self.tallies.setdefault(listing, Counter())[word] += count

    def _take(self, at: int, order: Order, want: Wanted) -> None:
        """Book one sold line and lower the level."""
        listing = self.listing(want.listing)
        short = want.quantity - max(listing.level, 0)
        if short > 0:
            self.oversold[listing.sku] = self.oversold.get(listing.sku, 0) + short
        number = self.number()
        order.lines[want.line_id] = Line(
            line_id=want.line_id, number=number, listing=listing, ordered=want.quantity, occurred_at=want.occurred_at
        )
        listing.committed += want.quantity
        self.move(at, listing, -want.quantity, Reason.SALE, order_id=order.order_id, line_id=want.line_id)

    def _give_back(
        self, at: int, order: Order, units: Sequence[tuple[Line, int]], kind: RestockType, *, money: bool = False
    ) -> Refund:
        """Take units out of lines, and put them into stock when the restock type says so."""
        for line, quantity in units:
            if quantity > line.current:
                message = f"line {line.line_id} of order {order.order_id} has {line.current} units, not {quantity}"
                raise ValueError(message)
        lines = []
        for line, quantity in units:
            line.removed += quantity
            line.listing.committed -= quantity
            if kind in PUTS_BACK:
                line.restocked += quantity
                self.move(at, line.listing, quantity, Reason.RESTOCK, order_id=order.order_id, line_id=line.line_id)
            lines.append(RefundLine(number=self.number(), line=line, quantity=quantity, restock_type=kind))
        refund = Refund(number=self.number(), at=at, lines=tuple(lines), money=money)
        order.refunds.append(refund)
        return refund

    def move(
        self,
        at: int,
        listing: Listing,
        delta: int,
        reason: Reason,
        *,
        order_id: str = "",
        line_id: str = "",
        call: str = "",
    ) -> Movement:
        """Change a level and note it in the journal."""
        listing.level += delta
        listing.moved_at = at
        movement = Movement(
            seq=len(self.journal) + 1,
            at=at,
            reason=reason,
            sku=listing.sku,
            listing=listing.key,
            delta=delta,
            level=listing.level,
            order_id=order_id,
            line_id=line_id,
            call=call,
        )
        self.journal.append(movement)
        self._last[listing.key] = movement
        return movement
