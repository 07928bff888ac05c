"""Names that are made of parts: order ids, line keys and listing keys."""

import re

_RESERVED = re.compile(r"[%_|\x00-\x20\x7f]")


def _escape(part: str) -> str:
    if part.isalnum():  # most ids are numbers: nothing of that is reserved
        return part
    return _RESERVED.sub(lambda found: f"%{ord(found[0]):02X}", part)


def order_id(channel: str, order: str, line: str) -> str:
    """
    Return `{channel}_{order}_{line}`, the name of an order line everywhere.

    `%`, `_`, `|`, blanks and control characters inside `order` and `line` are percent-encoded, so that the parts can
    be told apart again and no two lines share a name.
    """
    return f"{channel}_{_escape(order)}_{_escape(line)}"


def adjustment_order_id(adjustment_id: str) -> str:
    """Return the order id under which an adjustment's one decision stands: `adj_{adjustmentId}`."""
    return f"adj_{_escape(adjustment_id)}"


def order_prefix(channel: str, order: str) -> str:
    """Return what the ids of all lines of one order begin with."""
    return f"{channel}_{_escape(order)}_"


def line_key(order_id: str, sku: str) -> bytes:
    """Return the key of `order.outcome`: `orderId|sku` (the first `|` is the separator)."""
    return f"{order_id}|{sku}".encode()


def listing_key(channel: str, listing_id: str) -> bytes:
    """Return the key of `listing`: `channel|listingId`."""
    return f"{channel}|{listing_id}".encode()
