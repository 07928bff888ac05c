"""
All that a Shopify shop shows at the account's location: pages of variants, or (large catalogues) a bulk operation.

Facts: shopify.dev `api/usage/bulk-operations/queries` and `api/admin-graphql/2026-10/mutations/bulkOperationRunQuery`
(an operation at a time per shop before 2026-01, five since; its JSONL file stands at `url` for a week, one line an
object); `productVariants` (250 a page, a cursor names the last variant).
"""

from collections.abc import Generator, Iterator, Sequence
from dataclasses import replace
from typing import Any

import orjson

from publishers.channels.shopify_answers import available
from publishers.channels.shopify_asking import asked
from publishers.channels.shopify_cost import UNREADABLE, hints
from publishers.channels.shopify_file import download
from publishers.channels.shopify_graphql import COST, graphql
from publishers.kind import Seen, Sweep, Swept
from publishers.push import (
    READ,
    Account,
    Credentials,
    Request,
    Response,
    Split,
    Verdict,
)
from schemas.channel_records import Listing

SMALL = 1_000
"""Up to so many known listings pages of variants cost less than a bulk operation's waiting."""
MOST = 2 * SMALL
"""A shop with more variants than these, mapped or not, is not read page by page to its end."""
PAGE = 250
PAGE_COST = 46
"""What a page of 250 variants with their levels asks for, by the factors of recorded answers."""
POLLS_MS = (1_000, 2_000, 3_000, 5_000)
"""The waits between looks at a bulk operation; the last one stays."""
PATIENCE = 180
"""Looks at a bulk operation before it is given up: 15 minutes."""
RUNNING = ("CREATED", "RUNNING")

VARIANT = """id sku inventoryPolicy inventoryItem { id tracked
      inventoryLevel(locationId: %s) { quantities(names: ["available"]) { name quantity } } }"""
VARIANTS = f"""query Variants($first: Int!, $after: String, $location: ID!) {{
  productVariants(first: $first, after: $after) {{
    nodes {{ {VARIANT % "$location"} }}
    pageInfo {{ hasNextPage endCursor }}
  }}
}}"""
EXPORT = f"{{ productVariants {{ edges {{ node {{ {VARIANT} }} }} }} }}"
RUN = """mutation Sweep($query: String!) {
  bulkOperationRunQuery(query: $query) { bulkOperation { id status } userErrors { field message code } }
}"""
LOOK = """query Operation($id: ID!) {
  node(id: $id) { ... on BulkOperation { id status errorCode objectCount fileSize url } }
}"""
Document = dict[str, Any]


def sweep(account: Account, listings: Sequence[Listing]) -> Sweep:
    """Ask for all that the shop shows, mapped or not."""
    try:
        return (yield from (_pages(account) if len(listings) <= SMALL else _bulk(account)))
    except UNREADABLE as error:
        return Swept(seen=(), err=f"unreadable answer: {error!r:.200}")


def refused(verdict: Verdict) -> Swept:
    """Return the end of a sweep that the shop does not answer."""
    reason = str(getattr(verdict, "reason", "throttled again and again"))
    return Swept(seen=(), err=reason, credentials=isinstance(verdict, Credentials))


def _pages(account: Account) -> Sweep:
    seen, after, size = list[Seen](), None, PAGE
    while len(seen) < MOST:
        variables = {"first": size, "after": after, "location": account.location}
        opened, at = yield from asked(graphql(VARIANTS, variables, account, READ, PAGE_COST))
        if isinstance(opened.verdict, Split) and size > 1:
            size //= 2
            continue
        if opened.verdict is not None:
            return refused(opened.verdict)
        page, told = opened.data["productVariants"], hints(opened.cost, READ, costs=False)
        seen += [_seen(node, at) for node in page["nodes"]]
        if not page["pageInfo"]["hasNextPage"]:
            return Swept(seen=tuple(seen), hints=told)
        if page["pageInfo"]["endCursor"] in (None, after) or not page["nodes"]:
            return Swept(seen=(), err="a page of variants leads nowhere", hints=told)
        after = page["pageInfo"]["endCursor"]
    return (yield from _bulk(account))


def _seen(variant: Any, at: int) -> Seen:
    item = variant["inventoryItem"]
    tracked, level = item["tracked"] is not False, item.get("inventoryLevel")
    return Seen(
        key=str(item["id"]).rpartition("/")[2],
        quantity=available(level) if tracked and level else None,
        at=at,
        sku=str(variant.get("sku") or "")[:255],
        oversells=tracked and variant.get("inventoryPolicy") == "CONTINUE",
    )


def _bulk(account: Account) -> Sweep:
    query = EXPORT % orjson.dumps(account.location).decode()
    opened, begun = yield from asked(graphql(RUN, {"query": query}, account, READ, COST), harmless=False)
    if opened.verdict is not None:
        return refused(opened.verdict)
    run, told = opened.data["bulkOperationRunQuery"], hints(opened.cost, READ, costs=False)
    if run["userErrors"]:
        error = run["userErrors"][0]
        return Swept(seen=(), err=f"{error.get('code')}: {error.get('message')!s:.200}", hints=told)
    finished = yield from _finished(account, str(run["bulkOperation"]["id"]))
    if isinstance(finished, Swept):
        return finished
    if not finished.get("url") and str(finished.get("objectCount") or 0) != "0":
        return Swept(seen=(), err=f"{finished.get('objectCount')!s:.40} objects are in no file")
    body = yield from download(str(finished.get("url") or ""), finished.get("fileSize"))
    if isinstance(body, str):
        return Swept(seen=(), err=body)
    return Swept(seen=tuple(_lines(body, begun)))


def _finished(account: Account, operation: str) -> Generator[Request, Response, Document | Swept]:
    """Look at a bulk operation until it has ended."""
    for look in range(PATIENCE):
        wait = POLLS_MS[min(look, len(POLLS_MS) - 1)]
        opened, _ = yield from asked(replace(graphql(LOOK, {"id": operation}, account, READ, 1), after_ms=wait))
        if opened.verdict is not None:
            return refused(opened.verdict)
        node: Document | None = opened.data["node"]
        if node is None:
            return Swept(seen=(), err="the bulk operation is gone")
        if node["status"] == "COMPLETED":
            return node
        if node["status"] not in RUNNING:
            return Swept(seen=(), err=f"the bulk operation ended {node['status']}: {node.get('errorCode')}")
    return Swept(seen=(), err="the bulk operation does not end")


def _lines(body: bytes, at: int) -> Iterator[Seen]:
    for line in body.splitlines():
        if line.strip():
            yield _seen(orjson.loads(line), at)
