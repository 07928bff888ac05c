"""What comes in from the topics, whatever it holds."""

from typing import Any

import pytest

from publishers.intake import Intake
from publishers.reader import Item
from publishers.work import Call
from schemas.channel_records import Listing
from schemas.topics import LISTING


@pytest.mark.parametrize("kind", ["shopify", "woocommerce"])
def test_a_listing_without_the_ids_that_its_channel_is_told_by_ends_no_life(bench_of: Any, kind: str) -> None:
    """It is left out, as a record that cannot be read is; the others are told."""
    bench = bench_of(kind, {"A": 5})
    intake = Intake(bench.controller, "shop", lambda _: None)
    odd = Listing(channel="shop", listing_id="9", sku="A", ids={"item": "9"})
    intake.take(Item(LISTING, 0, b"shop|9", 0, odd), bench.now)
    intake.take(Item(LISTING, 0, b"shop|\xff", 1, odd), bench.now)
    assert set(bench.controller.book.listings["A"]) == {"A"}
    bench.level("A", 4)
    while isinstance(call := bench.plan(), Call):
        bench.answer(call)
    assert bench.shop.numbers["A"] == 4
    assert bench.now > 0
