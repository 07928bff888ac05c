"""
One Shopify order from GraphQL nodes into the shape of a webhook's body, also where it comes in pieces.

The pieces of a long order are its lines (pages of 100), its refunds' ids (a list without pages, 250 at most) and each
refund's lines.  When the order changes between two pieces it is dropped: its new time of change comes later, and with
it the order.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ingest import fields
from ingest.fields import Object
from ingest.poll.kind import Order
from ingest.webhook import NotUnderstood

LINES_MAX, REFUNDS_MAX, RETURNS_MAX = 50, 20, 20
"""What a page of orders shows of each order."""
PIECE = 100
"""What a piece of a long order holds."""
REFUNDS_ALL = 250

ORDER = "id createdAt updatedAt cancelledAt test"
_MORE = "pageInfo { hasNextPage endCursor }"
_LINE = "id sku quantity isGiftCard fulfillmentService { handle } variant { id inventoryItem { tracked } }"
LINE = f"nodes {{ {_LINE} }} {_MORE}"
RETURNED = f"nodes {{ quantity restockType lineItem {{ id }} }} {_MORE}"
LINES = f"lineItems(first: {LINES_MAX}) {{ {LINE} }}"
REFUNDS = f"refunds(first: {REFUNDS_MAX}) {{ id refundLineItems(first: {RETURNS_MAX}) {{ {RETURNED} }} }}"

QUERY_LINES = f"""query Lines($id: ID!, $after: String) {{
  order(id: $id) {{
    {ORDER} lineItems(first: {PIECE}, after: $after) {{ {LINE} }} refunds(first: {REFUNDS_ALL}) {{ id }} }} }}"""
QUERY_RETURNED = f"""query Returned($id: ID!, $after: String) {{
  node(id: $id) {{ ... on Refund {{ id refundLineItems(first: {PIECE}, after: $after) {{ {RETURNED} }} }} }} }}"""

Node = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """
    What has been read of a long order.

    `head` holds the order's own fields; `after` is the cursor within what is read now: the lines while `lines_done` is
    false, then the lines of the first of `refunds`.
    """

    head: Object
    lines: tuple[Node, ...] = ()
    returned: tuple[Node, ...] = ()
    refunds: tuple[str, ...] = ()
    after: str | None = None
    lines_done: bool = False


def overflows(node: Any) -> bool:
    """Say whether an order's node shows less than the order holds; raises `NotUnderstood` for no order."""
    refunds = _nodes(node, "refunds")
    return (
        _more(node, "lineItems") is not None
        or len(refunds) >= REFUNDS_MAX
        or any(_more(refund, "refundLineItems") is not None for refund in refunds)
    )


def lines(node: Node) -> Sequence[Node]:
    """Return the lines that an order's node shows."""
    return _connection(node, "lineItems")


def refunds(node: Node) -> Sequence[Node]:
    """Return the refunded lines that an order's node shows, of all its refunds."""
    return [row for refund in _nodes(node, "refunds") for row in _connection(refund, "refundLineItems")]


def order(head: Node, some_lines: Sequence[Node], returned: Sequence[Node]) -> Order:
    """Build the order in the shape of a webhook's body; raises `NotUnderstood`."""
    number, modified = _number(head), fields.instant(head.get("updatedAt"), "updatedAt")
    body = {
        "id": number,
        "created_at": head.get("createdAt"),
        "updated_at": head.get("updatedAt"),
        "test": head.get("test"),
        "line_items": [_line(row) for row in some_lines],
        "refunds": [{"refund_line_items": [_returned(row) for row in returned]}],
    }
    return Order(number=number, modified=modified, body=body)


def query(order_id: str, part: Part | None) -> tuple[str, dict[str, str | None]]:
    """Return the query for the next piece of a long order."""
    if part is None or not part.lines_done:
        return QUERY_LINES, {"id": order_id, "after": part.after if part else None}
    return QUERY_RETURNED, {"id": part.refunds[0], "after": part.after}


def take(part: Part | None, data: Object, order_id: str) -> tuple[Part | None, Order | None]:
    """
    Add a piece; returns the part to go on with, or None and the order where it is whole.

    Both are None where the order is gone or has changed meanwhile.  Raises `NotUnderstood`.
    """
    node = data.get("order") if part is None or not part.lines_done else data.get("node")
    if node is None:
        return None, None
    if not isinstance(node, dict):
        raise fields.wrong(order_id, "an object", node)
    part = _take_returned(part, node) if part is not None and part.lines_done else _take_lines(part, node)
    if part is None:
        return None, None
    if part.lines_done and not part.refunds:
        return None, order(part.head, part.lines, part.returned)
    return part, None


def _take_lines(part: Part | None, node: Node) -> Part | None:
    head = {name: node.get(name) for name in ORDER.split()}
    if part is not None and part.head != head:
        return None
    have = part.lines if part else ()
    after = _more(node, "lineItems")
    ids = tuple(_text(refund, "id") for refund in _nodes(node, "refunds"))
    if len(ids) >= REFUNDS_ALL:
        raise NotUnderstood(f"refunds: {len(ids)} or more")
    return Part(
        head=head, lines=(*have, *_connection(node, "lineItems")), refunds=ids, after=after, lines_done=after is None
    )


def _take_returned(part: Part, node: Node) -> Part:
    rows, after = _connection(node, "refundLineItems"), _more(node, "refundLineItems")
    rest = part.refunds if after is not None else part.refunds[1:]
    return replace(part, returned=(*part.returned, *rows), refunds=rest, after=after)


def _line(row: Node) -> dict[str, Any]:
    """Write a line as a webhook does."""
    service, variant = row.get("fulfillmentService"), row.get("variant")
    item = variant.get("inventoryItem") if isinstance(variant, dict) else None
    untracked = isinstance(item, dict) and item.get("tracked") is False
    return {
        "id": _number(row),
        "variant_inventory_management": None if untracked else "shopify",
        "sku": row.get("sku"),
        "quantity": row.get("quantity"),
        "gift_card": row.get("isGiftCard"),
        "fulfillment_service": service.get("handle") if isinstance(service, dict) else None,
        "variant_id": _number(variant) if isinstance(variant, dict) else None,
    }


def _returned(row: Node) -> dict[str, Any]:
    kind = row.get("restockType")
    line = row.get("lineItem")
    return {
        "line_item_id": _number(line) if isinstance(line, dict) else None,
        "quantity": row.get("quantity"),
        "restock_type": kind.lower() if isinstance(kind, str) else kind,
    }


def named(number: str) -> str:
    """Return an order's id as the API has it."""
    return f"gid://shopify/Order/{number}"


def order_id(node: Node) -> str:
    """Return the id of an order's node; raises `NotUnderstood` where it is no order's."""
    return named(_number(node))


def number_of(node: Any) -> str:
    """Return the number in a node's id, "" where there is none."""
    try:
        return _number(node) if isinstance(node, dict) else ""
    except NotUnderstood:
        return ""


def _number(node: Node) -> str:
    """Return the number at the end of `gid://shopify/Order/123`, the id that webhooks use."""
    number = _text(node, "id").rpartition("/")[2].partition("?")[0]
    if not (number.isascii() and number.isdigit()):
        raise fields.wrong("id", "a gid", number)
    return number


def _text(node: Node, name: str) -> str:
    value = node.get(name)
    if not isinstance(value, str):
        raise fields.wrong(name, "text", value)
    return value


def _nodes(node: Any, name: str) -> list[Node]:
    value = node.get(name) if isinstance(node, dict) else None
    if not isinstance(value, list) or not all(isinstance(row, dict) for row in value):
        raise fields.wrong(name, "a list of objects", value)
    return value


def _connection(node: Node, name: str) -> list[Node]:
    return _nodes(node.get(name), "nodes")


def _more(node: Node, name: str) -> str | None:
    """Return the cursor behind a connection's last node where there is more, else None; raises `NotUnderstood`."""
    connection = node.get(name)
    info = connection.get("pageInfo") if isinstance(connection, dict) else None
    if not isinstance(info, dict):
        raise fields.wrong(f"{name}.pageInfo", "an object", info)
    return _text(info, "endCursor") if info.get("hasNextPage") is True else None
