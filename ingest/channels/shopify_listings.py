"""
Shopify's listings: every product variant, in the order of its id.

Facts: GraphQL Admin API 2026-04 to 2026-10, `productVariants` (scope `read_products`; the inventory item wants
`read_inventory`).  A cursor names the last variant by its id, so that nothing is skipped when variants come or go.
An order's line names the variant; stock belongs to the variant's inventory item.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from ingest import fields
from ingest.channels import shopify_calls as calls
from ingest.discover.kind import Found, Listed
from ingest.poll.kind import Answer, Denied, Instead, Later, Request
from ingest.webhook import NotUnderstood
from schemas.settings import Channel, Window

LIMIT = (Window(calls=1, per_ms=1_000, burst=2),)
"""A page costs about 30 points; the Standard plan restores 100 a second, of which pushes and orders need the most."""
WHOLE = True
SECRETS = ("ACCESS_TOKEN",)
SCOPE = "read_products or read_inventory"
PER_PAGE = 250
"""The API's own maximum."""
QUERY = """query Listings($first: Int!, $after: String) {
  productVariants(first: $first, after: $after) {
    nodes { id sku inventoryItem { id tracked } } pageInfo { hasNextPage endCursor } } }"""


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """Where a reading stands: `size` variants from the cursor `after` on; `row` is how many came before."""

    after: str | None = None
    size: int = PER_PAGE
    row: int = 0


def start() -> State:
    """Begin at the lowest id."""
    return State()


def request(channel: Channel, secrets: Sequence[str], state: State) -> Request:
    """Return the call for one page."""
    return calls.call(channel, secrets, QUERY, {"first": state.size, "after": state.after})


def read(state: State, answer: Answer) -> Listed[State] | Later | Instead[State] | Denied:
    """Return what the answer means."""
    value = calls.envelope(answer, SCOPE)
    if value is None:
        if state.size == 1:
            return Later(why="the channel finds one variant too costly")
        return Instead(next=replace(state, size=max(1, state.size // 2)))
    if isinstance(value, Later | Denied):
        return value
    page = calls.page(value["data"], "productVariants")
    if page is None or (page[1] is not None and page[1] == state.after):
        return Later(why="the answer holds no page of variants")
    nodes, cursor = page
    found, unread = _variants(nodes, state.row)
    following = None if cursor is None else replace(state, after=cursor, row=state.row + len(nodes))
    return Listed(found=found, unread=unread, next=following, pause_ms=calls.pause(value))


def _variants(nodes: Sequence[Any], row: int) -> tuple[tuple[Found, ...], tuple[str, ...]]:
    found, unread = list[Found](), list[str]()
    for number, node in enumerate(nodes, row + 1):
        try:
            found.append(_variant(node))
        except NotUnderstood as error:
            unread.append(f"variant {number}: {error}")
    return tuple(found), tuple(unread)


def _variant(node: Any) -> Found:
    if not isinstance(node, dict):
        raise fields.wrong("node", "an object", node)
    item = node.get("inventoryItem")
    if not isinstance(item, dict):
        raise fields.wrong("inventoryItem", "an object", item)
    variant = _number(node)
    ids = {"variant": variant, "inventory_item": _number(item)}
    return Found(listing_id=variant, sku=fields.text(node, "sku"), ids=ids, tracked=item.get("tracked") is True)


def _number(node: fields.Object) -> str:
    """Return the number at the end of `gid://shopify/ProductVariant/1`."""
    return fields.ident(node, "id").rpartition("/")[2]
