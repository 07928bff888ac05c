"""What is done to an order after its sale beside edits, refunds and cancels. Pure; times are integer ms and given.

Shops whose orders are rows that staff and plug-ins rewrite (WooCommerce, an ERP) let a line leave its order or change
its product; every shop changes an order's time of change without touching what it holds (archive, a note, a tag).
"""

from compose.fakes.books import Change, ChangeKind, Reason
from compose.fakes.shop import Shop


def touch(shop: Shop, at: int, order_id: str) -> Change:
    """Change an order and nothing that it holds. Raises Unknown."""
    order = shop.order(order_id)
    order.touch(at)
    return Change(kind=ChangeKind.UPDATED, order=order, at=at)


def swap(shop: Shop, at: int, order_id: str, line_id: str, listing: str) -> Change:
    """Make a line one of another product: the old one's units return to stock, as many of the new one leave it.

    Raises Unknown, and ValueError for a line that gave back some of its units: a shop asks for a new line then.
    """
    order, to = shop.order(order_id), shop.listing(listing)
    line = order.line(line_id)
    if line.removed:
        message = f"line {line_id} of order {order_id} has refunds or edits"
        raise ValueError(message)
    was, line.listing = line.listing, to
    order.left[line_id, was.sku] = None
    order.left.pop((line_id, to.sku), None)
    for listed, units in ((was, -line.current), (to, line.current)):
        listed.committed += units
        shop.move(at, listed, -units, Reason.EDIT, order_id=order_id, line_id=line_id)
    order.touch(at)
    return Change(kind=ChangeKind.UPDATED, order=order, at=at)


def remove(shop: Shop, at: int, order_id: str, line_id: str) -> Change:
    """Delete a line from its order; what it still held returns to stock. Raises Unknown."""
    order = shop.order(order_id)
    line = order.line(line_id)
    del order.lines[line_id]
    order.left[line_id, line.listing.sku] = None
    line.listing.committed -= line.current
    shop.move(at, line.listing, line.held, Reason.RESTOCK, order_id=order_id, line_id=line_id)
    order.touch(at)
    return Change(kind=ChangeKind.UPDATED, order=order, at=at)
