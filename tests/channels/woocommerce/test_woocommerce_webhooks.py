"""WooCommerce's own facts, beyond what every kind must do."""

import pytest

from ingest.channels import woocommerce


def test_the_documented_vector_verifies() -> None:
    """Secret `hush`, the body and the signature come from a run of the vendor's algorithm, not from our code."""
    headers = {"x-wc-webhook-signature": "lq1rVsMeBJUZKzHDKfd9uPpuVWyVqry3/2iLkKfMTgw="}

    woocommerce.verify(headers, b'{"id":820982911946154508,"test":false}', ["hush"], 0)


@pytest.mark.parametrize(
    ("status", "qty"),
    [
        ("pending", 0),
        ("processing", 2),
        ("on-hold", 2),
        ("completed", 2),
        ("cancelled", 0),
        ("refunded", 0),
        ("failed", 0),
        ("trash", 0),
        ("wc-packed-by-a-plugin", 0),
    ],
)
def test_without_the_shops_own_book_the_status_decides(status: str, qty: int) -> None:
    """The same statuses in which the shop itself takes units from its stock count as sold."""
    at = "2026-11-21T10:00:00"
    items = [{"id": 1, "sku": "A", "product_id": 9, "quantity": 2}]
    order = {"id": 1, "status": status, "date_created_gmt": at, "date_modified_gmt": at, "line_items": items}

    assert [line.qty for line in woocommerce.read_order(order, 0).lines] == [qty]
