"""
Amazon's numbers: what is accepted is applied later, and not in the order in which it came. Pure; times are given in ms.

Source: amzn/selling-partner-api-models `listingsItems_2021-08-01.json` (ACCEPTED means accepted for processing; the
attribute `fulfillment_availability` is what was submitted, `fulfillmentAvailability` what is on sale); discussion #109
of selling-partner-api-samples (a patch and a feed are not ordered with each other); #2395 of selling-partner-api-docs
(`replace` wipes the handling time).
"""

import heapq
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from compose.fakes.account import Account
from compose.fakes.books import Listing, Reason

OURS = "DEFAULT"
APPLY_DELAY_MS = 1_000
HANDLING_DAYS = 3
PATH = "/attributes/fulfillment_availability"
OPERATIONS = ("add", "replace", "merge", "delete")
Issue = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Number:
    """What a submission sets; with `replaces` the rest of the attribute is gone."""

    quantity: int
    replaces: bool = False


@dataclass(order=True, frozen=True, slots=True)
class Change:
    """A number that was taken and is applied at `due` (ms); `call` names the patch or the feed."""

    due: int
    place: int
    sku: str = field(compare=False)
    number: Number = field(compare=False)
    call: str = field(compare=False)


@dataclass(slots=True, kw_only=True)
class Stock:
    """
    What one account remembers of its listings' numbers.

    So many `drops` of the next patches are taken and never applied. `submitted` and `handling` are the two halves of
    the attribute. `open` is a heap, `expected` counts by listing the numbers in it.
    """

    delay_ms: int = APPLY_DELAY_MS
    drops: int = 0
    open: list[Change] = field(default_factory=list)
    expected: dict[str, Counter[int]] = field(default_factory=dict)
    submitted: dict[str, int] = field(default_factory=dict)
    handling: dict[str, int | None] = field(default_factory=dict)
    last: dict[str, int] = field(default_factory=dict)


def stock(account: Account) -> Stock:
    """Find the account's numbers; the first question sets them up."""
    if "amazon_stock" not in account.more:
        account.more["amazon_stock"] = Stock()
    found: Stock = account.more["amazon_stock"]
    return found


def told(account: Account, sku: str, quantity: int) -> None:
    """Count a tell; a repeat tells the number of the last tell again while it is shown or about to be."""
    own, listing = stock(account), account.shop.listings.get(sku)
    coming = own.expected.get(sku, Counter())[quantity] > 0
    there = listing is not None and listing.level == quantity
    account.shop.tally(sku, "tells")
    account.shop.tally(sku, "repeats", int(own.last.get(sku) == quantity and (coming or there)))
    own.last[sku] = quantity


def accept(account: Account, sku: str, number: Number, due: int, call: str) -> None:
    """Take a number; it is applied at `due`."""
    own = stock(account)
    heapq.heappush(own.open, Change(due, account.shop.number(), sku, number, call))
    own.expected.setdefault(sku, Counter())[number.quantity] += 1


def apply(account: Account, now: int) -> None:
    """Apply what is due, each at its own time: an old number lands on a newer one when it comes later."""
    own = stock(account)
    while own.open and own.open[0].due <= now:
        change = heapq.heappop(own.open)
        own.expected[change.sku][change.number.quantity] -= 1
        listing = account.shop.listings.get(change.sku)
        # What is submitted for no listing, or for Amazon's own stock, is accepted and comes to nothing.
        if listing is not None and listing.managed:
            _land(account, listing, change)


def _land(account: Account, listing: Listing, change: Change) -> None:
    own, quantity = stock(account), change.number.quantity
    account.shop.move(change.due, listing, quantity - listing.level, Reason.WRITE, call=change.call)
    own.submitted[listing.key] = quantity
    if change.number.replaces:
        own.handling[listing.key] = None


def wanted(body: Mapping[str, Any]) -> Number | Issue:
    """Return the number that a submission's patches set, or what is wrong with it."""
    if not isinstance(body.get("productType"), str) or not body["productType"]:
        return issue("4000004", "'productType' is required but not supplied.")
    patches = body.get("patches")
    if not isinstance(patches, list) or not patches:
        return issue("BAD_REQUEST", "Invalid parameters provided.")
    for patch in patches:
        if not isinstance(patch, dict) or patch.get("op") not in OPERATIONS or patch.get("path") != PATH:
            return issue("90000900", "The attributes are invalid.")
    return _value(patches[0].get("value"), replaces=patches[0]["op"] in ("add", "replace"))


def _value(value: object, *, replaces: bool) -> Number | Issue:
    rows = value if isinstance(value, list) else []
    if len(rows) != 1 or not isinstance(rows[0], dict) or rows[0].get("fulfillment_channel_code") != OURS:
        words = "The field 'fulfillment_channel_code' for the attribute 'fulfillment_availability' does not have enough"
        return issue("99022", f"{words} values. The required minimum is '1' value(s).")
    quantity = rows[0].get("quantity")
    if type(quantity) is not int or quantity < 0:
        return issue("90244", "The value for 'quantity' is invalid.")
    return Number(quantity=quantity, replaces=replaces)


def issue(code: str, message: str) -> Issue:
    """Return an error as Amazon lists it."""
    return {"code": code, "message": message, "severity": "ERROR"}


def attributes(account: Account, listing: Listing) -> dict[str, Any]:
    """Show the attribute as it was submitted: sales do not lower it."""
    own = stock(account)
    row: dict[str, Any] = {"fulfillment_channel_code": OURS, "quantity": own.submitted.get(listing.key, listing.level)}
    days = own.handling.get(listing.key, HANDLING_DAYS)
    return {"fulfillment_availability": [row if days is None else {**row, "lead_time_to_ship_max_days": days}]}
