"""How WooCommerce is told levels, and what its answers mean: each file in `pushes/` is one answer."""

import json
from pathlib import Path
from typing import Any

import orjson
import pytest

from publishers.channels import woocommerce as kind
from publishers.push import NAMES, Account, ChannelDown, Response, Retry, Row, Shows, Throttled, Verdict
from schemas.channel_records import Listing

PUSHES = sorted((Path(__file__).parent / "pushes").glob("*.json"))
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


def word(verdict: Verdict) -> str:
    """Write a verdict as the files do."""
    name = NAMES[type(verdict)]
    match verdict:
        case Throttled(after_ms):
            return f"{name} {after_ms}"
        case Shows(quantity):
            return f"shows {quantity}"
        case Retry(unsure=True) | ChannelDown(unsure=True):
            return f"{name}_unsure"
    return name


def response(given: dict[str, Any]) -> Response:
    """Make the response of a file."""
    body = given["text"].encode() if "text" in given else orjson.dumps(given.get("body"))
    return Response(
        status=given["status"],
        headers=given.get("headers", {}),
        body=body,
        err=given.get("err", ""),
        unsent=given.get("unsent", False),
    )


@pytest.mark.parametrize("path", PUSHES, ids=lambda path: path.stem)
def test_every_answer_gets_its_verdicts(path: Path) -> None:
    """Row by row, with what the answer says of the budget."""
    case = json.loads(path.read_text(encoding="utf-8"))
    told = rows(case["rows"])
    back = kind.READ_BACK
    classify = back.classify if case.get("reads") and back is not None else kind.classify
    answer = classify(told, response(case["response"]))
    assert [word(verdict) for verdict in answer.verdicts] == case["verdicts"]
    assert (answer.available, answer.cost) == (case.get("available"), case.get("cost"))
    reasons = [verdict.reason for verdict in answer.verdicts if hasattr(verdict, "reason")]
    assert all(reasons)


def test_products_are_set_in_a_batch_with_their_stock_managed() -> None:
    """Without `manage_stock` the number would be ignored."""
    request = kind.request(rows(2), ACCOUNT, "r1")
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
    request = kind.request([row], ACCOUNT, "r1")
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
    assert orjson.loads(kind.request([row], ACCOUNT, "r1").body)["update"][0]["id"] == 90


def test_the_key_goes_as_basic_authorisation() -> None:
    """Base64 of key and secret; batches have 100 objects at most, and the ladder is the documented one."""
    assert kind.headers({"CONSUMER_KEY": "ck_1", "CONSUMER_SECRET": "cs_1"}) == {"Authorization": "Basic Y2tfMTpjc18x"}
    assert kind.BATCH == 100
    assert kind.LADDER == (30_000, 120_000, 600_000, 3_600_000)
