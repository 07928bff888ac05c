"""Shopify's `inventorySetQuantities`, with the rules that the schema does not show. Pure; now in ms.

All or nothing over at most 250 rows; compare-and-set per row; one idempotency key, one effect. Codes, messages and
field paths are those of recorded 2026-04 answers; only the wording of the stale and the reason message is ours.
"""

import hashlib
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson

from compose.fakes import times
from compose.fakes.account import Account
from compose.fakes.books import Listing
from compose.fakes.graphql_engine import Call, Refused
from compose.fakes.shopify_bodies import LOCATION_ID, gid
from compose.fakes.shopify_views import item, location

MAX_ROWS = 250
MAX_QUANTITY = 1_000_000_000
KEY_KEPT_MS = 24 * 3600 * 1000
NAMES = ("available", "on_hand")
REASONS = frozenset(
    {
        "correction",
        "cycle_count_available",
        "damaged",
        "movement_canceled",
        "movement_created",
        "movement_received",
        "movement_updated",
        "other",
        "promotion",
        "quality_control",
        "received",
        "reservation_created",
        "reservation_deleted",
        "reservation_updated",
        "restock",
        "safety_stock",
        "shrinkage",
    }
)
MESSAGES = {
    "CHANGE_FROM_QUANTITY_STALE": "The changeFromQuantity does not match the persisted quantity.",
    "IDEMPOTENCY_KEY_PARAMETER_MISMATCH": (
        "The same idempotency key cannot be used with different operation parameters."
    ),
    "INVALID_INVENTORY_ITEM": "The specified inventory item could not be found.",
    "INVALID_LOCATION": "The specified location could not be found.",
    "INVALID_NAME": "The quantity name must be either 'available' or 'on_hand'.",
    "INVALID_QUANTITY_NEGATIVE": "The quantity can't be negative.",
    "INVALID_QUANTITY_TOO_HIGH": "The quantity can't be higher than 1,000,000,000.",
    "INVALID_QUANTITY_TOO_LOW": "The quantity can't be lower than -1,000,000,000.",
    "INVALID_REASON": "The specified reason is invalid.",
    "INVALID_REFERENCE_DOCUMENT": "The specified reference document is invalid. It must be a URI.",
    "NO_DUPLICATE_INVENTORY_ITEM_ID_GROUP_ID_PAIR": "The combination of inventoryItemId and locationId must be unique.",
}
Error = dict[str, Any]
Row = Mapping[str, Any]


def user_error(code: str, *path: str, message: str | None = None) -> Error:
    """Write one `userErrors` entry."""
    return {"field": ["input", *path] if path else None, "message": message or MESSAGES.get(code, code), "code": code}


@dataclass(slots=True, kw_only=True)
class Inventory:
    """The mutation's memory: time, fingerprint and answer by idempotency key, oldest first."""

    account: Account
    answers: dict[str, tuple[int, str, dict[str, Any]]] = field(default_factory=dict)

    def set_quantities(self, call: Call) -> dict[str, Any]:
        """Serve the mutation. Raises Refused for what the vendor answers with a top-level error."""
        if call.idempotency_key is None:
            message = "The @idempotent directive is required for this mutation but was not provided."
            raise Refused(message, "BAD_REQUEST")
        wish = call.args["input"]
        rows: list[Row] = wish["quantities"]
        if any("changeFromQuantity" not in row for row in rows):
            message = "InventoryQuantityInput must include the following argument: changeFromQuantity."
            raise Refused(message, "INVALID_FIELD_ARGUMENTS")
        if len(rows) > MAX_ROWS:
            message = f"The input array size of {len(rows)} is greater than the maximum allowed of {MAX_ROWS}."
            raise Refused(message, "MAX_INPUT_SIZE_EXCEEDED")
        return self._once(call.idempotency_key, wish)

    def _once(self, key: str, wish: Row) -> dict[str, Any]:
        """Answer a known key as before, and refuse it for another request."""
        now = self.account.clock()
        while self.answers and next(iter(self.answers.values()))[0] < now - KEY_KEPT_MS:
            del self.answers[next(iter(self.answers))]
        print_of = hashlib.sha256(orjson.dumps(wish, option=orjson.OPT_SORT_KEYS)).hexdigest()
        known = self.answers.get(key)
        if known is None:
            self.answers[key] = (now, print_of, self._apply(now, key, wish))
        elif known[1] != print_of:
            return refusal([user_error("IDEMPOTENCY_KEY_PARAMETER_MISMATCH")])
        else:
            self._replayed(wish)
        return self.answers[key][2]

    def _replayed(self, wish: Row) -> None:
        """Count a call that was made before: for its rows it is a repeat without effect."""
        self.account.counts["idempotent_replays"] += 1
        for row in wish["quantities"]:
            listing = self._listing(row)
            if listing is not None:
                self.account.shop.tally(listing.key, "tells")
                self.account.shop.tally(listing.key, "repeats")

    def throttled(self, wish: Any) -> None:
        """Count a call that was refused as too fast, for its rows."""
        for row in wish.get("quantities", ()) if isinstance(wish, dict) else ():
            listing = self._listing(row)
            if listing is not None:
                self.account.shop.tally(listing.key, "throttles")

    def _apply(self, now: int, key: str, wish: Row) -> dict[str, Any]:
        """Check all rows, then write all or none."""
        errors = [*head_errors(wish), *self._row_errors(wish)]
        if errors:
            self.account.counts.update(error["code"] for error in errors)
            return refusal(errors)
        changes: list[dict[str, Any]] = []
        for row in wish["quantities"]:
            listing = self._listing(row)
            if listing is not None:
                level = row["quantity"] - (listing.committed if wish["name"] == "on_hand" else 0)
                moved = self.account.shop.write(now, listing, level, key)
                changes.extend(change(name, moved.delta, listing) for name in NAMES if moved.delta)
        group = {
            "id": gid("InventoryAdjustmentGroup", self.account.shop.number()),
            "createdAt": times.zulu(now),
            "reason": wish["reason"],
            "referenceDocumentUri": wish.get("referenceDocumentUri"),
            "changes": changes,
        }
        return {"inventoryAdjustmentGroup": group if changes else None, "userErrors": []}

    def _listing(self, row: Row) -> Listing | None:
        """Find the listing of a row by its inventory item."""
        wanted = row["inventoryItemId"].removeprefix(gid("InventoryItem", ""))
        return self.account.shop.listings.get(wanted)

    def _row_errors(self, wish: Row) -> Iterator[Error]:
        """List what is wrong with each row, in the order of the rows."""
        pairs = Counter((row["inventoryItemId"], row["locationId"]) for row in wish["quantities"])
        for place, row in enumerate(wish["quantities"]):
            path = ("quantities", str(place))
            listing = self._listing(row)
            if listing is None:
                yield user_error("INVALID_INVENTORY_ITEM", *path, "inventoryItemId")
            if row["locationId"] != gid("Location", LOCATION_ID):
                yield user_error("INVALID_LOCATION", *path, "locationId")
            if pairs[row["inventoryItemId"], row["locationId"]] > 1:
                yield user_error("NO_DUPLICATE_INVENTORY_ITEM_ID_GROUP_ID_PAIR", *path, "locationId")
            bound = quantity_error(wish["name"], row["quantity"])
            if bound:
                yield user_error(bound, *path, "quantity")
            if listing is not None:
                yield from self._listing_errors(wish["name"], row, listing, path)

    def _listing_errors(self, name: str, row: Row, listing: Listing, path: tuple[str, ...]) -> Iterator[Error]:
        """Compare a row with the number that stands, and apply the control's refusals."""
        wished = self.account.faults.row_errors
        fault = wished.get(listing.key) or wished.get(listing.sku)
        if fault:
            yield user_error(fault["code"], *path, "inventoryItemId", message=fault["message"])
        stands = listing.level + (listing.committed if name == "on_hand" else 0)
        if row["changeFromQuantity"] not in (None, stands):
            yield user_error("CHANGE_FROM_QUANTITY_STALE", *path, "changeFromQuantity")


def refusal(errors: list[Error]) -> dict[str, Any]:
    """Answer that nothing was written."""
    return {"inventoryAdjustmentGroup": None, "userErrors": errors}


def head_errors(wish: Row) -> Iterator[Error]:
    """List what is wrong with the request before its rows."""
    if wish["name"] not in NAMES:
        yield user_error("INVALID_NAME", "name")
    if wish["reason"] not in REASONS:
        yield user_error("INVALID_REASON", "reason")
    uri = wish.get("referenceDocumentUri")
    if uri is not None and "://" not in uri:
        yield user_error("INVALID_REFERENCE_DOCUMENT", "referenceDocumentUri")


def quantity_error(name: str, quantity: int) -> str | None:
    """Tell the code of a quantity out of bounds: `available` may be negative, `on_hand` may not."""
    if quantity > MAX_QUANTITY:
        return "INVALID_QUANTITY_TOO_HIGH"
    if name == "on_hand" and quantity < 0:
        return "INVALID_QUANTITY_NEGATIVE"
    return "INVALID_QUANTITY_TOO_LOW" if quantity < -MAX_QUANTITY else None


def change(name: str, delta: int, listing: Listing) -> dict[str, Any]:
    """Write one change; `quantityAfterChange` comes back null, as recorded."""
    return {
        "name": name,
        "delta": delta,
        "quantityAfterChange": None,
        "ledgerDocumentUri": None,
        "item": item(listing),
        "location": location(),
    }
