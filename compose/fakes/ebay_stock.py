"""A stand-in eBay's numbers: of the inventory item and of each offer; a listing shows the smaller one.

Facts: "bulk updates" in eBay's selling guide; "listing management" (250 revisions of a listing in a calendar day); a
day begins at midnight in California, daylight saving left out.  UNCONFIRMED: how the 251st revision is refused, and
that each offer of a call is a revision of its listing.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson

from compose.fakes.account import Account
from compose.fakes.books import Listing
from compose.fakes.ebay_access import EbayError

REVISIONS = 250
CALLS_A_DAY = 2_000_000
DAY_MS, PACIFIC_MS = 86_400_000, 8 * 3_600_000
Entry = dict[str, Any]
Wish = Mapping[str, Any]


@dataclass(slots=True, kw_only=True)
class Stock:
    """
    What one account remembers of its listings' numbers.

    `above` is by how much the item's and the offer's number are above what the listing shows, the smaller of them.
    Without the out-of-stock option no listing takes a 0.  `revised` and `calls` count in the day `day`.
    """

    out_of_stock: bool = True
    revisions: int = REVISIONS
    calls_a_day: int = CALLS_A_DAY
    day: int = 0
    calls: int = 0
    revised: Counter[int] = field(default_factory=Counter)
    above: dict[str, tuple[int, int]] = field(default_factory=dict)
    items: dict[str, list[Listing]] = field(default_factory=dict)
    known: int = -1

    def today(self, now: int) -> None:
        """Begin to count anew where another day has begun."""
        day = (now - PACIFIC_MS) // DAY_MS
        if day != self.day:
            self.day, self.calls = day, 0
            self.revised.clear()


def stock(account: Account) -> Stock:
    """Find the account's numbers; the first question sets them up."""
    if "ebay_stock" not in account.more:
        account.more["ebay_stock"] = Stock()
    found: Stock = account.more["ebay_stock"]
    return found


def of(account: Account, sku: str) -> Sequence[Listing]:
    """Return the listings of an inventory item."""
    own, listings = stock(account), account.shop.listings
    if own.known != len(listings):
        own.known, own.items = len(listings), {}
        for one in listings.values():
            own.items.setdefault(one.sku, []).append(one)
    return own.items.get(sku, ())


def numbers(account: Account, one: Listing) -> tuple[int, int]:
    """Return a listing's number at its item and at its offer."""
    item, offer = stock(account).above.get(one.key, (0, 0))
    return max(0, one.level + item), max(0, one.level + offer)


def counted(account: Account) -> None:
    """Count a call of the API's day. Raises EbayError when it is used up."""
    own = stock(account)
    own.today(account.clock())
    own.calls += 1
    if own.calls > own.calls_a_day:
        words = "Too many requests. The request limit has been reached for the resource."
        raise EbayError(2001, words, 429, "ACCESS")


def settings(account: Account, wish: Wish) -> None:
    """Take `{out_of_stock?, revisions?, calls_a_day?}`, and `{offer_at}` to set offers by themselves, by SKU."""
    own = stock(account)
    for name in ("out_of_stock", "revisions", "calls_a_day"):
        if name in wish:
            setattr(own, name, type(getattr(own, name))(wish[name]))
    for sku, number in wish.get("offer_at", {}).items():
        for one in of(account, sku):
            put(account, one, numbers(account, one)[0], int(number), "merchant")


def named(body: bytes) -> list[str]:
    """Return the SKUs that a body names, for the count of what was too fast."""
    told = orjson.loads(body or b"{}")
    rows = told.get("requests", []) if isinstance(told, dict) else []
    return [row["sku"] for row in rows if isinstance(row, dict) and isinstance(row.get("sku"), str)]


def item(account: Account, one: Listing) -> Entry:
    """Show an inventory item; one of a group is a variation of a listing."""
    group = {"inventoryItemGroupKeys": [str(one.ids["group"])]} if one.ids["group"] else {}
    total = numbers(account, one)[0]
    return {"sku": one.sku, "availability": {"shipToLocationAvailability": {"quantity": total}}, **group}


def put(account: Account, one: Listing, item_at: int, offer_at: int, call: str) -> None:
    """Set both numbers of a listing."""
    shown = min(item_at, offer_at)
    account.shop.write(account.clock(), one, shown, call)
    stock(account).above[one.key] = (item_at - shown, offer_at - shown)


def refused(account: Account, one: Listing, total: int | None, offered: int | None) -> tuple[int, str] | None:
    """Return the error that setting a listing's numbers meets; else it has been revised once more."""
    own, listing = stock(account), one.ids["listing"]
    fault = account.faults.row_errors.get(one.key) or account.faults.row_errors.get(one.sku)
    if fault:
        code = fault["code"]
        return int(code) if code.isdecimal() else 25002, fault["message"]
    if not own.out_of_stock and 0 in (total, offered):
        return 25004, "Invalid quantity. The quantity must be a valid number greater than 0."
    own.today(account.clock())
    if own.revised[listing] >= own.revisions:
        account.counts["revisions_refused"] += 1
        account.shop.tally(one.key, "throttles")
        return 25002, "Any User error. The listing has been revised the maximum number of times for today."
    own.revised[listing] += 1
    return None
