"""Shopify's own facts, beyond what every kind must do."""

from typing import Any

from ingest.channels import shopify


def test_the_documented_vector_verifies() -> None:
    """Secret `hush`, the body and the signature come from a run of the vendor's algorithm, not from our code."""
    headers = {"x-shopify-hmac-sha256": "lq1rVsMeBJUZKzHDKfd9uPpuVWyVqry3/2iLkKfMTgw="}

    shopify.verify(headers, b'{"id":820982911946154508,"test":false}', ["hush"], 0)


def test_the_body_is_verified_as_it_came(desk: Any) -> None:
    """Escapes that a JSON library would write otherwise are part of what is signed."""
    body = b'{ "id":1,"note":"a\\/b \\u0026 c" }'

    shopify.verify(desk.sign("shopify", body, "hush"), body, ["hush"], 0)


def test_a_trigger_in_the_future_counts_as_receipt() -> None:
    """The header is not signed, so nobody can use it to outrank later news."""
    assert shopify.seen_at({"x-shopify-triggered-at": "2126-01-01T00:00:00Z"}, 1_000) == 1_000
    assert shopify.seen_at({"x-shopify-triggered-at": "yesterday"}, 1_000) == 1_000
    assert shopify.seen_at({"x-shopify-triggered-at": "1970-01-01T00:00:00.5Z"}, 1_000) == 500


def test_returns_beyond_the_quantity_leave_nothing() -> None:
    """A line never holds less than nothing, whatever the refunds add up to."""
    at = "2026-11-21T10:00:00Z"
    items = [{"id": 1, "sku": "A", "quantity": 1}]
    back = [{"refund_line_items": [{"line_item_id": 1, "quantity": 2, "restock_type": "return"}]}]
    order = {"id": 1, "created_at": at, "updated_at": at, "line_items": items, "refunds": back}

    assert [line.qty for line in shopify.read_order(order, 0).lines] == [0]
