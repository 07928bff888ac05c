"""A newer processor on an older one's tables: rows that were once written are decided upon for ever."""

from pathlib import Path

import orjson
import pytest

from processor.stock import Decided, Position, Settings, decide
from processor.store import View
from processor.store_memory import Memory
from schemas.ids import line_key
from schemas.records import OrderConfirmed
from schemas.words import Policy

EXAMPLES = Path(__file__).parents[2] / "schemas" / "examples"
LEVELS = sorted((EXAMPLES / "stock.level" / "v1").glob("*.json"))
LINES = sorted((EXAMPLES / "order.outcome" / "v1").glob("*.json"))
SETTINGS = Settings(default_policy=Policy.REJECT, policies={}, since={}, horizon_ms=10**15)
NOW = 1_900_000_000_000


def view(rows: list[Path]) -> View:
    """Return tables that hold exactly these rows, byte for byte."""
    store = Memory()
    for path in rows:
        raw, row = path.read_bytes(), orjson.loads(path.read_bytes())
        if "orderId" in row:
            store.lines[line_key(row["orderId"], row["sku"])] = raw
        else:
            store.levels[row["sku"].encode()] = raw
    return View(store)


def order(sku: str, order_id: str, qty: int, revision: int) -> OrderConfirmed:
    """Return an order line that is newer than any example."""
    return OrderConfirmed(
        sku=sku, listing_sku=sku, qty=qty, channel="shop", order_id=order_id, revision=revision, seen_at=NOW,
        ordered_at=NOW, received_at=NOW,
    )  # fmt: skip


@pytest.mark.parametrize("path", LEVELS, ids=lambda path: path.stem)
def test_a_level_that_an_older_processor_wrote_is_decided_upon(path: Path) -> None:
    """A new order for a unit is decided by its quantity and raises its version by one, or waits."""
    row = orjson.loads(path.read_bytes())
    verdict = decide(order(row["sku"], "shop_new_1", 1, 1), Position("T", 1), NOW, view([path]), SETTINGS)
    assert isinstance(verdict, Decided)
    own = verdict.outcomes[0]
    if row["quantity"]:
        assert (own.result, own.new_qty, own.version) == ("accepted", row["quantity"] - 1, row["version"] + 1)
    else:
        assert own.shortfall == 1


@pytest.mark.parametrize("path", LINES, ids=lambda path: path.stem)
def test_a_line_that_an_older_processor_wrote_is_not_counted_twice(path: Path) -> None:
    """The same state again, seen later, takes nothing."""
    row = orjson.loads(path.read_bytes())
    if row["orderId"].startswith("adj_"):
        return
    again = order(row["sku"], row["orderId"], row["qty"], row["revision"] + 1)
    verdict = decide(again, Position("T", 1), NOW, view([path]), SETTINGS)
    assert isinstance(verdict, Decided)
    assert (verdict.outcomes[0].result, verdict.outcomes[0].delta) == ("unchanged", 0)
