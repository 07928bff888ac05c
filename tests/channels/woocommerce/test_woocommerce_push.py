"""How WooCommerce is told levels, and what its answers mean: each file in `pushes/` is one answer."""

from collections.abc import Callable
from pathlib import Path

import orjson
import pytest

from publishers.channels import woocommerce as kind
from publishers.kind import Kind
from publishers.push import Account, Row
from schemas.channel_records import Listing

PUSHES = sorted((Path(__file__).parent / "pushes").glob("*.json"))
Judges = Callable[[Kind, Callable[[int], list[Row]], Path], None]
ACCOUNT = Account()


def listing(number: int) -> Listing:
    """Make a listing of a simple product."""
    name = str(101 + number)
    return Listing(channel="w", listing_id=name, sku=f"S{number}", ids={"product": name})


def variation(name: str, parent: str) -> Listing:
    """Make a listing of a variation."""
    return Listing(channel="w", listing_id=name, sku="V", ids={"product": parent, "variation": name})


def rows(count: int) -> list[Row]:
    """Make rows, each with a number of its own."""
    return [Row(sku=f"S{n}", listing=listing(n), quantity=5 + n, version=1, expected=9 + n) for n in range(count)]


@pytest.mark.parametrize("path", PUSHES, ids=lambda path: path.stem)
def test_every_answer_gets_its_verdicts(path: Path, judges: Judges) -> None:
    """Row by row, with what the answer says of the budget."""
    judges(kind, rows, path)


def test_products_are_set_in_a_batch_with_their_stock_managed() -> None:
    """Without `manage_stock` the number would be ignored."""
    request = next(kind.tell(rows(2), ACCOUNT, "r1"))
    assert (request.method, request.path) == ("POST", "/wp-json/wc/v3/products/batch")
    assert orjson.loads(request.body) == {
        "update": [
            {"id": 101, "manage_stock": True, "stock_quantity": 5},
            {"id": 102, "manage_stock": True, "stock_quantity": 6},
        ]
    }


def test_variations_go_to_their_own_parent() -> None:
    """One parent a call; a variation and a product never share one."""
    row = Row(sku="V", listing=variation("555", "90"), quantity=3, version=1)
    request = next(kind.tell([row], ACCOUNT, "r1"))
    assert request.path == "/wp-json/wc/v3/products/90/variations/batch"
    assert orjson.loads(request.body) == {"update": [{"id": 555, "manage_stock": True, "stock_quantity": 3}]}
    groups = [
        kind.group(one) for one in (listing(1), variation("555", "90"), variation("556", "90"), variation("7", "91"))
    ]
    assert groups == ["", "90", "90", "91"]


def test_variation_zero_is_a_simple_product() -> None:
    """WooCommerce's own order lines write `variation_id` 0 for a product without variations."""
    row = Row(sku="V", listing=variation("0", "90"), quantity=3, version=1)
    assert kind.group(row.listing) == ""
    assert orjson.loads(next(kind.tell([row], ACCOUNT, "r1")).body)["update"][0]["id"] == 90


def test_the_key_goes_as_basic_authorisation() -> None:
    """Base64 of key and secret; batches have 100 objects at most, and the ladder is the documented one."""
    assert kind.headers({"CONSUMER_KEY": "ck_1", "CONSUMER_SECRET": "cs_1"}) == {"Authorization": "Basic Y2tfMTpjc18x"}
    assert (kind.BATCH, kind.READ_BATCH, kind.LANES) == (100, 100, 2)
    assert kind.LADDER == (30_000, 120_000, 600_000, 3_600_000)
