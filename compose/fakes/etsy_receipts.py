"""Etsy's receipts as the poll reads them."""

import zlib
from collections.abc import Callable, Mapping
from typing import Any

from aiohttp import web

from compose.fakes import etsy_views
from compose.fakes.account import Account
from compose.fakes.books import Order
from compose.fakes.etsy_access import EtsyError, answer, integer, word
from compose.fakes.etsy_sheets import Sheets

EARLIEST = 946_684_800
"""The year 2000: times before it are refused."""
MAX_LIMIT = 100
ORDERS: Mapping[str, bool] = {
    "asc": False,
    "ascending": False,
    "up": False,
    "desc": True,
    "descending": True,
    "down": True,
}
BOOLEANS = frozenset({"", "true", "false"})
KEYS: Mapping[str, Callable[[Order], int]] = {
    "created": lambda order: order.created_at // 1000,
    "updated": lambda order: order.updated_at // 1000,
    "receipt_id": lambda order: int(order.order_id) if order.order_id.isdigit() else 0,
}


class Receipts:
    """The receipt endpoints of one account."""

    def __init__(self, account: Account, sheets: Sheets) -> None:
        """Serve this account's orders."""
        self.account, self.sheets = account, sheets

    async def list(self, request: web.Request) -> web.Response:
        """`GET receipts`, canceled ones too unless asked otherwise; within a second in no certain order."""
        query = request.query
        own(request)
        key = KEYS[word(query, "sort_on", "created", frozenset(KEYS))]
        backwards = ORDERS[word(query, "sort_order", "desc", frozenset(ORDERS))]
        limit = integer(query, "limit", 25, low=1, high=MAX_LIMIT)
        offset = integer(query, "offset", 0, low=0)
        rows = [order for order in self.account.shop.orders.values() if wanted(order, query)]
        rows.sort(key=lambda order: zlib.crc32(f"{offset}:{order.order_id}".encode()))
        rows.sort(key=key, reverse=backwards)
        groups = self.sheets.groups()
        shown = [etsy_views.receipt(order, self.sheets, groups) for order in rows[offset : offset + limit]]
        return answer({"count": len(rows), "results": shown})

    async def one(self, request: web.Request) -> web.Response:
        """`GET receipts/{id}`."""
        own(request)
        name = request.match_info["receipt"]
        if not name.isdigit() or int(name) < 1:
            raise EtsyError(400, "Invalid value for parameter receipt_id")
        order = self.account.shop.orders.get(name)
        if order is None:
            raise EtsyError(404, f"Could not find a Shop Receipt with receipt_id = {name}")
        return answer(etsy_views.receipt(order, self.sheets, self.sheets.groups()))


def own(request: web.Request) -> None:
    """Let the token's own shop pass. Raises EtsyError."""
    if request.match_info["shop"] != str(etsy_views.SHOP_ID):
        raise EtsyError(404, f"Could not find a Shop with shop_id = {request.match_info['shop']}")


def wanted(order: Order, query: Mapping[str, Any]) -> bool:
    """Tell whether a receipt passes the filters; bounds are inclusive. Raises EtsyError."""
    canceled = word(query, "was_canceled", "", BOOLEANS)
    paid = word(query, "was_paid", "", BOOLEANS)
    bounds = [
        (
            "created_at",
            integer(query, "min_created", 0, low=EARLIEST),
            integer(query, "max_created", 10**12, low=EARLIEST),
        ),
        (
            "updated_at",
            integer(query, "min_last_modified", 0, low=EARLIEST),
            integer(query, "max_last_modified", 10**12, low=EARLIEST),
        ),
    ]
    return (
        canceled in ("", str(order.cancelled_at is not None).lower())
        and paid != "false"
        and all(low <= getattr(order, name) // 1000 <= high for name, low, high in bounds)
    )
