"""What a stand-in tells an oracle about itself. Pure: everything comes from the account's books."""

from dataclasses import asdict
from typing import Any

from compose.fakes.account import Account
from compose.fakes.books import Line, Listing, Movement, Order, Reason
from compose.fakes.shop import MERCHANT

Report = dict[str, Any]


def listing(one: Listing) -> Report:
    """Tell a listing with the vendor's ids, for a listings file."""
    return {
        "sku": one.sku,
        "listing": one.key,
        "ids": dict(one.ids),
        "level": one.level,
        "managed": one.managed,
        "oversells": one.oversells,
    }


def line(order: Order, one: Line) -> Report:
    """Tell an order line: `qty` is what it holds now, `ordered` what it asked for; times in ms."""
    return {
        "order_id": order.order_id,
        "line_id": one.line_id,
        "sku": one.listing.sku,
        "listing": one.listing.key,
        "ordered": one.ordered,
        "qty": one.held,
        "cancelled": order.cancelled_at is not None,
        "created_at": order.created_at,
        "updated_at": order.updated_at,
        "occurred_at": one.occurred_at,
        "seq": one.number,
    }


def movement(one: Movement) -> Report:
    """Tell a movement of a level."""
    return asdict(one)


def pushes(account: Account, since: int) -> Report:
    """Tell the stock writes after a movement; `quantity` is the level that was set."""
    journal = account.shop.journal
    writes = [
        {"seq": one.seq, "at": one.at, "sku": one.sku, "listing": one.listing, "quantity": one.level, "call": one.call}
        for one in journal[since:]
        if one.reason is Reason.WRITE and one.call != MERCHANT
    ]
    return {"pushes": writes, "last": len(journal)}


def deliveries(account: Account, since: int) -> Report:
    """Tell the webhook attempts after a number."""
    attempts = account.sender.attempts
    return {"deliveries": [asdict(one) for one in attempts[since:]], "last": len(attempts)}


def faults(account: Account) -> Report:
    """Tell the faults in force."""
    return {**asdict(account.faults), "outage_scope": sorted(account.faults.outage_scope)}


def state(account: Account, since: int) -> Report:
    """Tell everything: the orders' lines as they were sold, levels, movements, counts, refusals, oversold units."""
    shop, sender = account.shop, account.sender
    lines = [line(order, one) for order in shop.orders.values() for one in order.lines.values()]
    lines.sort(key=lambda row: row["seq"])
    return {
        "name": account.name,
        "now": account.clock(),
        "lines": lines,
        "levels": {one.sku: one.level for one in shop.listings.values()},
        "listings": [listing(one) for one in shop.listings.values()],
        "journal": [movement(one) for one in shop.journal[since:]],
        "last": len(shop.journal),
        "sold_out": [{"listing": one.listing, "qty": one.quantity, "line_id": one.line_id} for one in shop.sold_out],
        "oversold": shop.oversold,
        "tallies": shop.tallies,
        "calls": dict(account.counts),
        "webhooks": {**sender.counts, "attempts": len(sender.attempts), "pending": sender.pending},
        "subscriptions": [asdict(one) for one in sender.subscriptions.values()],
        "faults": faults(account),
    }
