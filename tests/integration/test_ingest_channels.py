"""
Webhooks of the stand-in channels into the web service: what ingest says a line holds is what the channel says.

The stand-ins are written from the vendors' facts and know nothing of ingest; their own books are the oracle.
"""

import sys
from typing import Any

import pytest

from schemas.config import load
from tests.conftest import StandInOf
from tests.integration.outside import books, control, records

SECRETS = {"shopify": "hush", "woocommerce": "hush", "generic": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"}


class Shop:
    """A stand-in account, driven by its control endpoint."""

    def __init__(self, address: str) -> None:
        self.url = f"http://{address}"

    def tell(self, what: str, **wish: Any) -> dict[str, Any]:
        """Make something happen in the shop."""
        told: dict[str, Any] = control(self.url, what, **wish)
        return told

    def state(self) -> dict[str, Any]:
        """Return the shop's own books."""
        told: dict[str, Any] = books(self.url)
        return told


@pytest.mark.parametrize("kind", sorted(SECRETS))
def test_what_ingest_says_a_line_holds_is_what_the_channel_says(
    kind: str, config_file: Any, stand_in: StandInOf, service: Any, eventually: Any
) -> None:
    """Sales, duplicates, cancels and refunds with and without restock: the newest record of each line is the truth."""
    path = config_file([{"name": "acme", "kind": kind, "since": 1}])
    env = {"LASTUNIT_ACME_WEBHOOK_SECRETS": SECRETS[kind], "LASTUNIT_STOCK_TOKENS": "t"}
    web = service("ingest", sys.executable, "-m", "ingest", "serve", "--config", str(path), env=env)
    shop = Shop(stand_in(kind, "acme", webhook=SECRETS[kind], token="ck_1:cs_1").address)
    shop.tell("catalogue", products=[{"sku": sku, "quantity": 100} for sku in ("TEE", "größe 44", "MUG")])
    active = shop.tell("webhook", url=f"http://{web.address}/webhooks/acme/order", time_scale=0.001)
    assert active["active"]

    _shop_for_a_while(shop)

    def told_everything() -> bool:
        webhooks = shop.state()["webhooks"]
        return bool(webhooks["attempts"] > 0 and webhooks["pending"] == 0)

    eventually(told_everything)
    books = {f"acme_{row['order_id']}_{row['line_id']}": row for row in shop.state()["lines"]}
    assert len(books) == 9

    def agreed() -> bool:
        found = newest(path)
        return {key: (sku, qty) for key, (sku, qty) in found.items()} == {
            key: (row["sku"], row["qty"]) for key, row in books.items()
        }

    eventually(agreed)


def _shop_for_a_while(shop: Shop) -> None:
    basket = [{"sku": "TEE", "qty": 3}, {"sku": "größe 44", "qty": 2}]
    orders = [shop.tell("sell", lines=basket, duplicate=number % 2 == 0) for number in range(4)]
    shop.tell("sell", sku="MUG", qty=5)
    shop.tell("cancel", order_id=orders[0]["order_id"], restock=True)
    shop.tell("cancel", order_id=orders[1]["order_id"], restock=False)
    lines = [line["line_id"] for line in orders[2]["lines"]]
    shop.tell("refund", order_id=orders[2]["order_id"], lines=[{"line_id": lines[0], "qty": 1}])
    back = {"lines": [{"line_id": lines[1], "qty": 1}], "restock_type": "no_restock"}
    shop.tell("refund", order_id=orders[2]["order_id"], **back)


def newest(path: Any) -> dict[str, tuple[str, int]]:
    """Return the SKU and units of the newest record of each line, by the contract's rule."""
    best: dict[str, dict[str, Any]] = {}
    for record in records(load(path), "order.confirmed"):
        known = best.get(record["orderId"])
        if known is None or _age(record) > _age(known):
            best[record["orderId"]] = record
    return {key: (record["sku"], record["qty"]) for key, record in best.items()}


def _age(record: dict[str, Any]) -> tuple[int, int]:
    return record["revision"], record["seenAt"]
