"""WooCommerce's orders as the poll reads them."""

import operator
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from aiohttp import web

from compose.fakes import times, woo_views
from compose.fakes.account import Account
from compose.fakes.books import Order
from compose.fakes.shopify_bodies import number
from compose.fakes.woo_paging import Query, WooError, answer, page, words

Bound = tuple[str, Callable[[int, int], bool], int]
KEYS: Mapping[str, Callable[[Order], tuple[Any, ...]]] = {
    "date": lambda order: (order.created_at // 1000, order.number),
    "id": lambda order: (str(number(order.order_id)).zfill(20),),
    "modified": lambda order: (order.updated_at // 1000, order.number),
}
BOUNDS: Mapping[str, tuple[str, Callable[[int, int], bool]]] = {
    "modified_after": ("updated_at", operator.gt),
    "modified_before": ("updated_at", operator.lt),
    "after": ("created_at", operator.gt),
    "before": ("created_at", operator.lt),
}
"""WordPress date queries are exclusive and compare whole seconds: an order of the bound's second is left out."""


class Orders:
    """The order endpoints of one account."""

    def __init__(self, account: Account) -> None:
        """Serve this account's shop."""
        self.account = account

    async def list(self, request: web.Request) -> web.Response:
        """`GET orders` with the vendor's parameters; unknown ones are ignored, as there."""
        query = request.query
        key = KEYS.get(query.get("orderby", "date"))
        if key is None:
            raise WooError("rest_invalid_param", "Invalid parameter(s): orderby", 400)
        limits = bounds(query)
        rows = [order for order in self.account.shop.orders.values() if wanted(order, query, limits)]
        rows.sort(key=key, reverse=query.get("order", "desc") != "asc")
        some, headers = page(rows, query)
        return answer([woo_views.order(order) for order in some], headers=headers)

    async def one(self, request: web.Request) -> web.Response:
        """`GET orders/{id}`."""
        return answer(woo_views.order(self.find(request)))

    async def refunds(self, request: web.Request) -> web.Response:
        """`GET orders/{id}/refunds`, newest first."""
        return answer([woo_views.refund(one) for one in reversed(woo_views.refunds(self.find(request)))])

    def find(self, request: web.Request) -> Order:
        """Find the order of the path. Raises WooError."""
        order = self.account.shop.orders.get(request.match_info["id"])
        if order is None:
            raise WooError("woocommerce_rest_shop_order_invalid_id", "Invalid ID.", 404)
        return order


def wanted(order: Order, query: Query, limits: Sequence[Bound]) -> bool:
    """Tell whether an order passes the filters of a list call."""
    states = [state for state in words(query, "status") if state != "any"]
    include, exclude = words(query, "include"), words(query, "exclude")
    return (
        (not states or woo_views.status(order) in states)
        and (not include or order.order_id in include)
        and order.order_id not in exclude
        and all(compare(getattr(order, name) // 1000, bound) for name, compare, bound in limits)
    )


def bounds(query: Query) -> list[Bound]:
    """Read the date filters; without `dates_are_gmt` a bound without offset is in the shop's own zone."""
    utc = query.get("dates_are_gmt", "false") in ("true", "1")
    try:
        return [
            (name, compare, times.parse(query[word], utc=utc) // 1000)
            for word, (name, compare) in BOUNDS.items()
            if word in query
        ]
    except ValueError as error:
        raise WooError("rest_invalid_param", "Invalid parameter(s): date", 400) from error
