"""Amazon's reads: `searchOrders`, `getOrder`, `searchListingsItems` and `getListingsItem`."""

from collections.abc import Mapping
from typing import Any
from uuid import uuid4

from aiohttp import web

from compose.fakes import amazon_stock, amazon_views, times
from compose.fakes.account import Account
from compose.fakes.amazon_api import SpError, answer, denied, invalid
from compose.fakes.amazon_desk import MARKETPLACE, desk
from compose.fakes.books import Listing

Query = Mapping[str, str]
CONTINUED = "paginationToken"
LISTINGS_MAX = 1_000
"""Results of a listings search that can be reached at all."""
IDENTIFIERS_MAX = 20


class Reads:
    """The reads of one account."""

    def __init__(self, account: Account) -> None:
        """Read this account's shop."""
        self.account = account

    async def search(self, request: web.Request) -> web.Response:
        """`searchOrders`: a page of at most 100, in no promised order; a token wants the same parameters again."""
        own, query = desk(self.account), dict(request.query)
        given = {name: value for name, value in query.items() if name != CONTINUED}
        size = number(query, "maxResultsPerPage", 100, 100)
        if CONTINUED in query:
            bound, rest = own.pages.pop(query[CONTINUED], ({}, []))
            if {name: value for name, value in bound.items() if name != "before"} != given:
                raise invalid("Invalid paginationToken.")
            before = int(bound["before"])
        else:
            before, rest = self.window(given)
        body: dict[str, Any] = {"orders": [self.shown(order_id) for order_id in rest[:size]]}
        if len(rest) > size:
            token = uuid4().hex
            own.pages[token] = ({**given, "before": str(before)}, rest[size:])
            body["pagination"] = {"nextToken": token}
        return answer({**body, "lastUpdatedBefore": times.zulu(before)})

    def window(self, query: Query) -> tuple[int, list[str]]:
        """Find the orders of a new search, newest first, and where its window ends (ms). Raises SpError."""
        latest = (self.account.clock() - desk(self.account).search_delay_ms) // 1000 * 1000
        if "lastUpdatedAfter" not in query or {"createdAfter", "createdBefore"} & query.keys():
            raise invalid("Exactly one of createdAfter and lastUpdatedAfter; this stand-in knows the latter.")
        after = moment(query, "lastUpdatedAfter")
        before = moment(query, "lastUpdatedBefore") if "lastUpdatedBefore" in query else latest
        if before > latest or ("lastUpdatedBefore" in query and before < after):
            raise invalid("lastUpdatedBefore must be after lastUpdatedAfter, and two minutes in the past.")
        wanted = query.get("marketplaceIds", MARKETPLACE).split(",")
        parties = query.get("fulfilledBy", "MERCHANT,AMAZON").split(",")
        orders = self.account.shop.orders.values() if "MERCHANT" in parties else ()
        found = {one.order_id: one.updated_at for one in orders}
        if "AMAZON" in parties:
            found |= {order_id: times.parse(one["lastUpdatedTime"]) for order_id, one in desk(self.account).afn.items()}
        inside = [order_id for order_id, at in found.items() if after <= at // 1000 * 1000 <= before]
        return before, inside[::-1] if MARKETPLACE in wanted else []

    async def one(self, request: web.Request) -> web.Response:
        """`getOrder`: any order of the account, whoever fulfils it."""
        return answer({"order": self.shown(request.match_info["id"])})

    def shown(self, order_id: str) -> dict[str, Any]:
        """Show an order. Raises SpError 404."""
        own = desk(self.account)
        if order_id in own.afn:
            return own.afn[order_id]
        if order_id not in self.account.shop.orders:
            raise SpError(404, "NotFound", "The resource specified does not exist.")
        return amazon_views.order(own, self.account.shop.orders[order_id])

    async def listings(self, request: web.Request) -> web.Response:
        """`searchListingsItems`, by creation or by identifiers; only the first 1,000 results can be reached."""
        query = self.listings_query(request)
        since = moment(query, "createdAfter") if "createdAfter" in query else 0
        rows = [one for one in self.account.shop.listings.values() if one.moved_at // 1000 * 1000 >= since]
        if "identifiers" in query:
            asked = identifiers(query)
            rows = [one for one in rows if one.sku in asked]
        rows.sort(key=lambda one: (one.moved_at, one.key), reverse=query.get("sortOrder", "DESC") != "ASC")
        at, size = number(query, "pageToken", 0, LISTINGS_MAX), number(query, "pageSize", 10, 20)
        shown = [self.item(one, query) for one in rows[at : at + size]]
        body: dict[str, Any] = {"numberOfResults": len(rows), "items": shown}
        if at + size < min(len(rows), LISTINGS_MAX):
            body["pagination"] = {"nextToken": str(at + size)}
        return answer(body)

    async def listing(self, request: web.Request) -> web.Response:
        """`getListingsItem`."""
        query = self.listings_query(request)
        found = self.account.shop.listings.get(request.match_info["sku"])
        if found is None:
            words = f"SKU '{request.match_info['sku']}' not found in marketplace {MARKETPLACE}"
            raise SpError(404, "NOT_FOUND", words)
        return answer(self.item(found, query))

    def listings_query(self, request: web.Request) -> Query:
        """Check whose listings are asked for, and where. Raises SpError."""
        if request.match_info["seller"] != desk(self.account).seller_id:
            raise denied("")
        if "marketplaceIds" not in request.query:
            raise invalid("marketplaceIds is required.")
        return request.query

    def item(self, one: Listing, query: Query) -> dict[str, Any]:
        """Show of a listing what is asked for."""
        included = query.get("includedData", "summaries").split(",")
        shown = {**item(one), "attributes": amazon_stock.attributes(self.account, one)}
        return {"sku": one.sku, **{name: shown[name] for name in included if name in shown}}


def identifiers(query: Query) -> set[str]:
    """Read the SKUs that are asked for: a comma parts them, even where it is one's own. Raises SpError."""
    asked = query["identifiers"].split(",")
    if query.get("identifiersType") != "SKU":
        raise invalid("identifiersType is required; this stand-in knows SKU.")
    if len(asked) > IDENTIFIERS_MAX:
        raise SpError(400, "InvalidInput", "Too many 'identifiers' provided.")
    # Amazon looks for the whole as well, so that a SKU with a comma can be asked for by itself.
    return {*asked, query["identifiers"]}


def item(one: Listing) -> dict[str, Any]:
    """Show a listing with its summary and its availability."""
    created = times.zulu(one.moved_at)
    summary = {
        "marketplaceId": MARKETPLACE,
        "asin": amazon_views.asin(one.sku),
        "productType": "PRODUCT",
        "status": ["BUYABLE"],
        "createdDate": created,
        "lastUpdatedDate": created,
    }
    code = "DEFAULT" if one.managed else "AMAZON_NA"
    available = [{"fulfillmentChannelCode": code, "quantity": max(0, one.level)}]
    return {"sku": one.sku, "summaries": [summary], "fulfillmentAvailability": available}


def moment(query: Query, name: str) -> int:
    """Read a time into ms. Raises SpError."""
    try:
        return times.parse(query[name])
    except ValueError as error:
        raise invalid(f"{name} is no ISO 8601 time.") from error


def number(query: Query, name: str, default: int, high: int) -> int:
    """Read a whole number in its range. Raises SpError."""
    text = query.get(name, str(default))
    if not text.isdigit() or int(text) > high:
        raise invalid(f"{name} must be at most {high}.")
    return int(text)
