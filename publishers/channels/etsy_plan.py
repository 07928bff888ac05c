"""
What becomes of a listing when some of its products are told numbers.  Pure, and without requests.

Facts: a PUT with nothing left is refused, "One offering must have quantity greater than 0" (open-api #395, #501, #560),
so a listing that has nothing left to sell is switched off.  `state` of `updateListing`: a listing that is sold out is
renewed when it is made active, which costs a fee, and gets the number 1.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from publishers.channels.etsy_inventory import MOST, OFF, ON_SALE, Inventory
from publishers.push import Delivered, Rejected, Row, Shows, Verdict

UNDO = "state=active"
"""How a listing that we have switched off is switched on again."""
ACTIVE, INACTIVE, SOLD_OUT = "active", "inactive", "sold_out"
WHY: Mapping[str, str] = {
    SOLD_OUT: "the listing is sold out at Etsy: renewing it costs a listing fee, so a person must renew it (or let the "
    "channel's `renew_sold_out` do so)",
    "expired": "the listing has expired at Etsy: renewing it costs a listing fee, so a person must renew it",
    "draft": "the listing is a draft at Etsy: it is not on sale until a person publishes it",
}
"""Why a listing in such a state takes no number above 0."""
GONE = (
    "the listing has no product of this variation, id or SKU any more: `python -m ingest discover {channel} --apply` "
    "maps what it has now and has a SKU there, and with `--csv FILE` writes the rest into a file to fill in and import"
)
SEVERAL = "the product has not exactly one offering: nothing says which one is ours"
ONE_NUMBER = "the listing keeps one number for products of different SKUs: let the quantity vary by variation at Etsy"


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """
    What to do: write `numbers` by product (empty: nothing), and the state to bring the listing into ("": none).

    `verdicts` are the rows' when that is done, `right` says which of them are so as it is.  `state_first` says that the
    state comes before the numbers.
    """

    verdicts: tuple[Verdict, ...]
    right: tuple[bool, ...]
    numbers: Mapping[int, int]
    state: str = ""
    state_first: bool = False


def plan(found: Inventory, rows: Sequence[Row], at: int, *, renew: bool = False) -> Plan:
    """
    Return what becomes of a listing that was seen at `at`, in ms, when these rows are told.

    With `renew` one that has sold out is put on sale again, for a fee.
    """
    ours = off_by_us(rows)
    aims = _Aims(found, rows, at, ours=ours)
    if found.state not in ON_SALE | OFF:
        return _not_on_sale(found, aims, renew=renew)
    aims.level()
    numbers = aims.numbers
    if ours and found.state in OFF:
        numbers = {**_left_over(found), **numbers}
    sells = found.sells(numbers)
    told = numbers if sells else {}
    if found.state in OFF or (ours and sells and not found.state):
        on = ours and sells and bool(aims.numbers)
        return aims.plan(told, state=ACTIVE if on else "", undo=ours and not on)
    off = not sells and found.sells({})
    return aims.plan(told, state=INACTIVE if off else "", undo=off)


def gone(row: Row) -> Rejected:
    """Return why a row whose product cannot be found is told nothing, and what to do."""
    return Rejected(GONE.format(channel=row.listing.channel))


def off_by_us(rows: Sequence[Row]) -> bool:
    """
    Return whether the rows' listing, if it is off, was switched off by us.

    We know it, or a row was told 0 and never heard whether that was taken.
    """
    return any(row.undo is not None or row.unanswered == 0 for row in rows)


def _left_over(found: Inventory) -> dict[int, int]:
    """Return 0 for all of a listing that had nothing left to sell when it is put on sale: old numbers still stand."""
    return {at: 0 for at, product in enumerate(found.products) if product.quantity and product.enabled}


def _not_on_sale(found: Inventory, aims: "_Aims", *, renew: bool) -> Plan:
    """Return what becomes of a listing that is neither on sale nor switched off: it shows 0, whatever its numbers."""
    if renew and found.state == SOLD_OUT and any(aims.numbers.values()) and found.sells(aims.numbers):
        aims.level()
        numbers = {**_left_over(found), **aims.numbers}
        return replace(aims.plan(aims.numbers, state=ACTIVE), numbers=numbers, state_first=True)
    aims.refuse(WHY.get(found.state, f"the listing is {found.state[:40]!r} at Etsy: it is not on sale"))
    return aims.plan({})


class _Aims:
    """The rows of one listing: which products are theirs, what those are told, and why a row is not."""

    def __init__(self, found: Inventory, rows: Sequence[Row], at: int, *, ours: bool) -> None:
        """Find the rows' products, and those rows that cannot be told."""
        self.found, self.rows, self.places = found, rows, found.places(rows)
        self.numbers: dict[int, int] = {}
        self.verdicts: list[Verdict | None] = [
            self._unfit(row, places, at, ours=ours) for row, places in zip(rows, self.places, strict=True)
        ]
        for row, places, verdict in zip(rows, self.places, self.verdicts, strict=True):
            for place in places if verdict is None else ():
                self.numbers[place] = min(row.quantity, self.numbers.get(place, MOST))

    def _unfit(self, row: Row, places: Sequence[int], at: int, *, ours: bool) -> Verdict | None:
        if not places:
            return None if row.listing.retired else gone(row)
        if any(self.found.products[place].quantity is None for place in places):
            return Rejected(SEVERAL)
        shows = max(self.found.shows(place, ours=ours) for place in places)
        if row.expected is not None and shows not in (_capped(row.expected), _capped(row.unanswered)):
            # Somebody has bought (or edited) what we have not heard of: to write now would give it back.
            return Shows(shows, at)
        return None

    def level(self) -> None:
        """Make the numbers that products share equal, and reject the rows for which that cannot be."""
        aimed = dict(self.numbers)
        for members in self.found.groups():
            told = [aimed[at] for at in members if at in aimed]
            after = {aimed.get(at, self.found.products[at].quantity) for at in members}
            if not told or len(after) == 1:
                continue
            if len({self.found.products[at].sku for at in members}) == 1 and None not in after:
                self.numbers.update(dict.fromkeys(members, min(told)))
                continue
            for at in members:
                self.numbers.pop(at, None)
        for index, places in enumerate(self.places):
            lost = any(at not in self.numbers and self.found.products[at].quantity != aimed.get(at) for at in places)
            if lost and self.verdicts[index] is None:
                self.verdicts[index] = Rejected(ONE_NUMBER)

    def refuse(self, why: str) -> None:
        """Reject what should be on sale."""
        for index, row in enumerate(self.rows):
            if self.verdicts[index] is None and row.quantity > 0:
                self.verdicts[index] = Rejected(why)

    def plan(self, numbers: Mapping[int, int], *, state: str = "", undo: bool = False) -> Plan:
        """Return the plan that writes these numbers, and what the rows are told when that is done."""
        delivered = Delivered(UNDO if undo else None)
        return Plan(
            verdicts=tuple(delivered if verdict is None else verdict for verdict in self.verdicts),
            right=tuple(not state and not self._differ({at: numbers.get(at) for at in own}) for own in self.places),
            numbers=numbers if self._differ(numbers) else {},
            state=state,
        )

    def _differ(self, numbers: Mapping[int, int | None]) -> bool:
        return any(number is not None and self.found.products[at].quantity != number for at, number in numbers.items())


def _capped(number: int | None) -> int | None:
    return None if number is None else max(0, min(number, MOST))
