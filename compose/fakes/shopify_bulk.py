"""
Shopify's bulk operations: a query over the whole shop, whose rows stand in a file later.  Pure; now in ms.

Shapes, costs and the words of the first refusal are those of recorded 2025-01 to 2026-04 answers; five may run at once
since 2026-01 (shopify.dev, bulk operations).  The file is read with a signed address and without a token.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson
from graphql import FieldNode, SelectionSetNode

from compose.fakes import shopify_views as views
from compose.fakes import times
from compose.fakes.account import Account
from compose.fakes.graphql_engine import SCHEMA, Call, Request, prepare, project
from compose.fakes.shopify_bodies import gid

AT_ONCE = 5
TAKES_MS = 300
"""How long an operation takes unless the control says otherwise; the vendor promises nothing."""
ENDED = frozenset({"COMPLETED", "FAILED", "CANCELED", "EXPIRED"})
Answer = dict[str, Any]


@dataclass(slots=True, kw_only=True)
class Operation:
    """One operation; its rows are read when it ends."""

    number: int
    query: str
    created: int
    takes_ms: int
    outcome: str
    rows: list[bytes] | None = None

    def status(self, now: int) -> str:
        """Tell how far it is."""
        if now >= self.created + self.takes_ms:
            return self.outcome
        return "CREATED" if now < self.created + self.takes_ms // 3 else "RUNNING"


@dataclass(slots=True, kw_only=True)
class Bulk:
    """The operations of one account; `outcome` and `takes_ms` hold for the next ones; `leaks` counts tokens sent."""

    account: Account
    origin: str = ""
    outcome: str = "COMPLETED"
    takes_ms: int = TAKES_MS
    leaks: int = 0
    operations: dict[int, Operation] = field(default_factory=dict)

    def run(self, call: Call) -> Answer:
        """Serve `bulkOperationRunQuery`."""
        now = self.account.clock()
        running = [one for one in self.operations.values() if one.status(now) not in ENDED]
        if len(running) >= AT_ONCE:
            message = f"A bulk query operation for this app and shop is already in progress: {_id(running[0])}."
            return _refused("OPERATION_IN_PROGRESS", message, None)
        wrong = _fault(call.args["query"])
        if wrong:
            return _refused("INVALID", f"Invalid bulk query: {wrong}", ["query"])
        made = Operation(
            number=7_700_000_000_000 + self.account.shop.number(),
            query=call.args["query"],
            created=now,
            takes_ms=self.takes_ms,
            outcome=self.outcome,
        )
        self.operations[made.number] = made
        return {"bulkOperation": self.view(made), "userErrors": []}

    def node(self, key: str) -> Answer | None:
        """Show an operation by the number in its id."""
        found = self.operations.get(int(key)) if key.isdigit() else None
        return None if found is None else self.view(found)

    def view(self, one: Operation) -> Answer:
        """Show an operation as it is now."""
        now = self.account.clock()
        status = one.status(now)
        rows = self._rows(one) if status in ENDED else []
        done, size = status == "COMPLETED", sum(map(len, rows))
        return {
            "__typename": "BulkOperation",
            "id": _id(one),
            "status": status,
            "errorCode": "INTERNAL_SERVER_ERROR" if status == "FAILED" else None,
            "createdAt": times.zulu(one.created),
            "completedAt": times.zulu(one.created + one.takes_ms) if done else None,
            "objectCount": str(len(rows)),
            "rootObjectCount": str(len(rows)),
            "fileSize": str(size) if done and rows else None,
            "url": f"{self.origin}/bulk/{one.number}?Signature=signed" if done and rows else None,
            "partialDataUrl": None,
            "query": one.query,
            "type": "QUERY",
        }

    def file(self, number: int) -> bytes | None:
        """Return an operation's file."""
        found = self.operations.get(number)
        return None if found is None else b"".join(self._rows(found))

    def _rows(self, one: Operation) -> list[bytes]:
        """Read the rows once."""
        if one.rows is None:
            prepared = prepare(one.query, {}, None)
            one.rows = _export(self.account, prepared) if isinstance(prepared, Request) else []
        return one.rows


def _refused(code: str, message: str, path: list[str] | None) -> Answer:
    return {"bulkOperation": None, "userErrors": [{"field": path, "message": message, "code": code}]}


def _id(one: Operation) -> str:
    return gid("BulkOperation", one.number)


def _fault(query: str) -> str:
    """Tell what is wrong with a query: it must be valid and ask for one connection that we know."""
    prepared = prepare(query, {}, None)
    if not isinstance(prepared, Request):
        return str(prepared[0]["message"])
    roots = [one for one in prepared.operation.selection_set.selections if isinstance(one, FieldNode)]
    if len(roots) != 1 or roots[0].name.value not in KINDS:
        return "queries must contain a single top-level query field that is a connection"
    return "" if _nodes(roots[0]) else "queries must select nodes"


def _nodes(root: FieldNode) -> SelectionSetNode | None:
    """Find what is selected of each node, under `edges` or without."""
    found: FieldNode | None = root
    for name in ("edges", "node"):
        below = found.selection_set.selections if found and found.selection_set else ()
        fields: Mapping[str, FieldNode] = {one.name.value: one for one in below if isinstance(one, FieldNode)}
        if "nodes" in fields:
            return fields["nodes"].selection_set
        found = fields.get(name)
    return found.selection_set if found else None


def _export(account: Account, request: Request) -> list[bytes]:
    """Write every node on a line, in the order of the ids."""
    (root,) = [one for one in request.operation.selection_set.selections if isinstance(one, FieldNode)]
    key, kind, view = KINDS[root.name.value]
    listings = sorted(account.shop.listings.values(), key=lambda one: one.ids[key])
    shown = (project(request, view(one), SCHEMA.type_map[kind], _nodes(root)) for one in listings)
    return [orjson.dumps(one).replace(b"/", b"\\/") + b"\n" for one in shown]


KINDS = {
    "inventoryItems": ("inventory_item_id", "InventoryItem", views.item),
    "productVariants": ("variant_id", "ProductVariant", views.variant),
}
