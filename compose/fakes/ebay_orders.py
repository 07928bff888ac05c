"""A stand-in eBay's orders: `getOrders` with its filter and its pages by offset, and `getOrder`.

Facts: Fulfillment API 1.20.  Sorted by creation, whatever the filter: eBay promises no other order, and a reader that
needs one should notice.
"""

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from aiohttp import web

from compose.fakes import times
from compose.fakes.account import Account
from compose.fakes.books import Line, Order
from compose.fakes.ebay_access import EbayError, answer, page

PER_PAGE, PER_PAGE_MAX, IDS_MAX = 50, 200, 50
PATH = "/sell/fulfillment/v1/order"
AHEAD_MS = 1_000
"""Clocks that differ by less are the same clock."""
_SPAN = re.compile(r"(lastmodifieddate|creationdate):\[([^\].]+\.[0-9]{3}Z)\.\.([^\]]*)\]")
_MOMENT = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{3}Z")


class Orders:
    """The order endpoints of one account."""

    def __init__(self, account: Account) -> None:
        """Serve this account's shop."""
        self.account = account

    async def many(self, request: web.Request) -> web.Response:
        """`GET order`: by ids, all else ignored then, or by a span of time."""
        query = request.query
        if "orderIds" in query:
            rows = self._named(query["orderIds"].split(","))
            return answer(_page(rows, 0, len(rows), len(rows)))
        limit, skip = page(query, "limit", PER_PAGE, 1, PER_PAGE_MAX), page(query, "offset", 0, 0, 10**9)
        rows = self._spanned(query.get("filter", ""))
        return answer(_page(rows[skip : skip + limit], skip, limit, len(rows)))

    async def one(self, request: web.Request) -> web.Response:
        """`GET order/{id}`."""
        found = self.account.shop.orders.get(request.match_info["id"])
        if found is None:
            raise EbayError(32100, f"Invalid order ID: {request.match_info['id']}", 404)
        return answer(order(found, self.account.name))

    def _named(self, ids: Sequence[str]) -> list[dict[str, Any]]:
        if len(ids) > IDS_MAX:
            raise EbayError(30900, f"Exceeded maximum number of order IDs (the current limit is {IDS_MAX})", 400)
        lost = [number for number in ids if number not in self.account.shop.orders]
        if lost:
            raise EbayError(32100, f"Invalid order ID: {lost[0]}", 400)
        return [order(self.account.shop.orders[number], self.account.name) for number in ids]

    def _spanned(self, text: str) -> list[dict[str, Any]]:
        found = _SPAN.fullmatch(text)
        if text and not found:
            raise EbayError(30800, f"Invalid filter value {text}", 400)
        name, begin, end = found.groups() if found else ("creationdate", zulu(0), "")
        low, high = self._moment(begin), self._moment(end) if end else None
        if high is not None and high < low:
            raise EbayError(30840, "Start date should be before end date", 400)
        rows = sorted(self.account.shop.orders.values(), key=lambda one: (one.created_at, one.number))
        when = [one.updated_at if name == "lastmodifieddate" else one.created_at for one in rows]
        kept = [one for one, at in zip(rows, when, strict=True) if low <= at and (high is None or at <= high)]
        return [order(one, self.account.name) for one in kept]

    def _moment(self, text: str) -> int:
        if not _MOMENT.fullmatch(text):
            raise EbayError(30810, "Invalid date format", 400)
        at = round(datetime.fromisoformat(text).timestamp() * 1000)
        if at > self.account.clock() + AHEAD_MS:
            raise EbayError(30850, "Start and end dates can't be in the future", 400)
        return at


def _page(rows: Sequence[Any], skip: int, limit: int, total: int) -> dict[str, Any]:
    more = {"next": f"{PATH}?limit={limit}&offset={skip + limit}"} if skip + limit < total else {}
    return {"href": PATH, "total": total, "limit": limit, "offset": skip, "orders": rows, **more}


def zulu(ms: int) -> str:
    """Write a time to the millisecond: `2026-11-21T10:00:00.123Z`."""
    return f"{times.seconds(ms).astimezone(UTC):%Y-%m-%dT%H:%M:%S}.{ms % 1000:03d}Z"


def order(source: Order, seller: str) -> dict[str, Any]:
    """Show an order as it is now: money aside, a cancellation is all that can happen to it."""
    gone = source.cancelled_at is not None
    cancelled = {"cancelledDate": zulu(source.cancelled_at)} if source.cancelled_at is not None else {}
    refunded = "FULLY_REFUNDED" if gone else "PARTIALLY_REFUNDED" if source.refunds else "PAID"
    return {
        "orderId": source.order_id,
        "legacyOrderId": source.order_id,
        "creationDate": zulu(source.created_at),
        "lastModifiedDate": zulu(source.updated_at),
        "orderFulfillmentStatus": "NOT_STARTED",
        "orderPaymentStatus": refunded,
        "sellerId": seller,
        "buyer": {"username": "a-buyer"},
        "cancelStatus": {
            "cancelState": "CANCELED" if gone else "NONE_REQUESTED",
            **cancelled,
            "cancelRequests": [],
        },
        "lineItems": [line(one) for one in source.lines.values()],
    }


def line(one: Line) -> dict[str, Any]:
    """Show a line: what was bought, which no refund changes."""
    ids = one.listing.ids
    variation = {"legacyVariationId": str(ids["variation"])} if ids["variation"] else {}
    return {
        "lineItemId": one.line_id,
        "legacyItemId": str(ids["listing"]),
        **variation,
        "sku": one.listing.sku,
        "title": f"A {one.listing.sku}",
        "quantity": one.ordered,
        "soldFormat": "FIXED_PRICE",
        "listingMarketplaceId": "EBAY_US",
        "lineItemFulfillmentStatus": "NOT_STARTED",
        "refunds": [],
    }
