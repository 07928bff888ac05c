"""
Shopify's own way of pausing: a variant whose inventory policy is CONTINUE sells on at 0, so it becomes DENY.  Pure.

Facts: shopify.dev `api/admin-graphql/2026-10/enums/ProductVariantInventoryPolicy` and `mutations/
productVariantsBulkUpdate` (one product a call, scope `write_products`; with `allowPartialUpdates` a bad variant, named
by `field`, does not fail the others).  The policy says nothing of an item that is not tracked: that one always sells.

Before CONTINUE becomes DENY it must be on record that it was CONTINUE: the first call finds it, the second changes it.
"""

from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from publishers.channels.shopify_answers import unreadable
from publishers.channels.shopify_asking import asked
from publishers.channels.shopify_cost import UNREADABLE, hints
from publishers.channels.shopify_graphql import COST, graphql
from publishers.push import (
    TELL,
    Account,
    ChannelDown,
    Credentials,
    Delivered,
    Hint,
    Rejected,
    Request,
    Response,
    Retry,
    Row,
    Verdict,
)

UNDO = "inventory_policy=CONTINUE"
CONTINUE, DENY = "CONTINUE", "DENY"
MOST = 250
"""Most variants in a call."""
TRACK = "variants"
"""How the `field` of a variant's error begins; its index follows."""
SCOPES = "ACCESS_DENIED"

POLICIES = """query Policies($ids: [ID!]!) {
  nodes(ids: $ids) { ... on ProductVariant { id inventoryPolicy inventoryItem { tracked } product { id } } }
}"""
CHANGE = """mutation Policy($product: ID!, $variants: [ProductVariantsBulkInput!]!) {
  productVariantsBulkUpdate(productId: $product, variants: $variants, allowPartialUpdates: true) {
    productVariants { id }
    userErrors { field message code }
  }
}"""

Judged = dict[str, Verdict]
"""Verdicts by variant."""


@dataclass(slots=True)
class Said:
    """What the answers said of the points: the first one (its cost is what a tell costs) and the last one."""

    first: tuple[Hint, ...] = ()
    last: tuple[Hint, ...] = ()

    def hints(self) -> tuple[Hint, ...]:
        """Return what is to be learnt: what was left at first is no longer so."""
        return (*(replace(hint, left=None) for hint in self.first), *self.last) if self.last else self.first


def settle(rows: Sequence[Row], account: Account, said: Said) -> Generator[Request, Response, list[Verdict]]:
    """Let rows whose number is told sell on at 0 or not, as each one asks; returns their verdicts."""
    request = graphql(POLICIES, {"ids": [_variant(row) for row in rows]}, account, TELL, COST)
    opened, _ = yield from asked(request, harmless=False)
    said.last = hints(opened.cost, TELL, costs=False)
    if opened.verdict is not None:
        return [_failed(opened.verdict)] * len(rows)
    try:
        verdicts, products = _plan(rows, opened.data["nodes"])
    except UNREADABLE as error:
        return [unreadable(error)] * len(rows)
    for product, variants in products.items():
        for first in range(0, len(variants), MOST):
            verdicts |= yield from _change(product, variants[first : first + MOST], account, said)
    return [verdicts[_variant(row)] for row in rows]


def _variant(row: Row) -> str:
    return f"gid://shopify/ProductVariant/{row.listing.ids['variant']}"


def _plan(rows: Sequence[Row], nodes: Sequence[Any]) -> tuple[Judged, dict[str, list[dict[str, str]]]]:
    """Return the verdicts of rows that need no change, and the changes of the others by product."""
    verdicts, products = Judged(), dict[str, list[dict[str, str]]]()
    for row, node in zip(rows, nodes, strict=True):
        name, wanted = _variant(row), DENY if row.paused else CONTINUE
        if not node:
            verdicts[name] = Delivered()
        elif row.paused and node["inventoryItem"]["tracked"] is False:
            verdicts[name] = Rejected("UNTRACKED: the shop does not track this item's stock, so it sells on at 0")
        elif node["inventoryPolicy"] == wanted:
            verdicts[name] = Delivered(row.undo if row.paused else None)
        elif row.paused and row.undo != UNDO:
            verdicts[name] = Delivered(UNDO, partly=True)
        else:
            products.setdefault(str(node["product"]["id"]), []).append({"id": name, "inventoryPolicy": wanted})
    return verdicts, products


def _change(
    product: str, variants: list[dict[str, str]], account: Account, said: Said
) -> Generator[Request, Response, Judged]:
    request = graphql(CHANGE, {"product": product, "variants": variants}, account, TELL, COST)
    opened, _ = yield from asked(request, harmless=False)
    said.last = hints(opened.cost, TELL, costs=False)
    if opened.verdict is not None:
        return {one["id"]: _failed(opened.verdict) for one in variants}
    try:
        refused = _refused(opened.data["productVariantsBulkUpdate"]["userErrors"], len(variants))
    except UNREADABLE as error:
        return {one["id"]: unreadable(error) for one in variants}
    return {one["id"]: refused.get(number) or _changed(one) for number, one in enumerate(variants)}


def _changed(variant: Mapping[str, str]) -> Verdict:
    return Delivered(UNDO if variant["inventoryPolicy"] == DENY else None)


def _refused(errors: Sequence[Any], variants: int) -> dict[int, Verdict]:
    """Return the verdicts of refused variants by index; an error that names none refuses all."""
    found = dict[int, Verdict]()
    for error in errors:
        verdict = Rejected(f"{error.get('code')}: the policy is not changed: {error.get('message')!s:.200}")
        field = [str(part) for part in error.get("field") or ()]
        named = field[:1] == [TRACK] and len(field) > 1 and field[1].isdecimal() and int(field[1]) < variants
        found |= {int(field[1]): verdict} if named else dict.fromkeys(range(variants), verdict)
    return found


def _failed(verdict: Verdict) -> Verdict:
    """Return what it means for a row that its number is told and its policy is not."""
    reason = str(getattr(verdict, "reason", "throttled again and again"))
    words = f"the number is told, the inventory policy is not: {reason}"
    if isinstance(verdict, Credentials):
        return Rejected(f"{words} (scope write_products)") if reason.startswith(SCOPES) else verdict
    return ChannelDown(words, unsure=True) if isinstance(verdict, ChannelDown) else Retry(words, unsure=True)
