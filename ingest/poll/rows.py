"""A page's rows, each turned into an order by itself: one that cannot be read holds up none of the others."""

from collections.abc import Callable, Sequence
from typing import Any

from ingest import fields
from ingest.poll.kind import Order
from ingest.webhook import NotUnderstood, Refused, unreadable


def orders_of(
    rows: Sequence[Any], read: Callable[[Any], Order | None], number: str, what: str = "order"
) -> tuple[tuple[Order, ...], tuple[Refused, ...]]:
    """
    Return the orders of a page, and a refusal for each row that is none.

    Args:
        rows: what stands in the page, of whatever type.
        read: returns a row's order, None for one to pass over; raises `NotUnderstood`.
        number: where an order's number stands, to name what could not be read.
        what: the channel's word for an order.

    """
    orders, refused = list[Order](), list[Refused]()
    for row in rows:
        try:
            order = read(row)
        except NotUnderstood as error:
            refused.append(unreadable(f"{what}: {error}", fields.ident_if_any(row, number)))
            continue
        if order is not None:
            orders.append(order)
    return tuple(orders), tuple(refused)
