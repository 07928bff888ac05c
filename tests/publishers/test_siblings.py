"""A SKU with several listings at one channel, of which one is refused."""

from collections.abc import Callable
from typing import Any

import orjson

from publishers.push import Response
from publishers.work import Call
from schemas.words import Status


def refuses(place: int) -> Response:
    """Return Shopify's answer that names one row as bad: nothing of the call was done."""
    error = {"field": ["input", "quantities", str(place), "inventoryItemId"], "code": "INVALID_INVENTORY_ITEM"}
    return Response(status=200, body=orjson.dumps({"data": {"inventorySetQuantities": {"userErrors": [error]}}}))


def works(bench: Any, calls: int) -> None:
    """Make as many calls as come; one that tells the listing "gone" is refused for it."""
    for _ in range(calls):
        step = bench.plan()
        if not isinstance(step, Call):
            bench.now += step
            continue
        names = [row.listing.listing_id for row in step.rows]
        bench.answer(step, refuses(names.index("gone")) if "gone" in names and not step.reads else None)


def test_a_refused_listing_does_not_keep_the_other_listing_of_its_sku_from_being_told(
    bench_of: Callable[..., Any],
) -> None:
    """The other one is told by a call of its own, at every level; one letter is open in the end, and calls end."""
    bench = bench_of()
    bench.listing("A", "gone")
    bench.listing("A", "good")
    for quantity in (5, 3, 1):
        bench.level("A", quantity)
        works(bench, 40)
        assert bench.shop.numbers["good"] == quantity
        assert bench.record("A").status is Status.DEAD
        calls = len(bench.log())
        works(bench, 20)
        assert len(bench.log()) == calls, "what is refused is not told again and again"
        closed = {one.resolves for one in bench.letters()}
        assert len([one for one in bench.letters() if not one.resolves and one.dead_letter_id not in closed]) == 1
