"""Every kind's captured conversations, with answers that went wrong in one place."""

import json
import random
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import orjson
import pytest

from publishers.channels import KINDS
from publishers.kind import Kind, Swept
from publishers.push import Account, Answer, Response, Row, Shows
from schemas.channel_records import Listing
from tests.channels import conftest
from tests.channels.conftest import response
from tests.channels.test_hostile_answers import ODD, held

HERE = Path(__file__).parent
IDS = {
    "variant": "11",
    "inventory_item": "1000",
    "product": "7000",
    "listing": "900",
}
UNITS = frozenset({"quantity", "stock_quantity"})
NEVER_READ = (0, 1)
"""What is shown without a number that could be read: what is off, or sold out; and 1 is how one writes 1.5 and True."""
EACH = 12
"""How often each conversation is spoiled."""


def rows(name: str, case: dict[str, Any]) -> Sequence[Row]:
    """Make the rows of a file, each a listing of its own."""
    shared = {one: case[one] for one in ("paused", "undo", "unanswered") if one in case}
    made = []
    for n in range(case["rows"]):
        ids = {key: value if key == "listing" else str(int(value) + n) for key, value in IDS.items()}
        if name in ("amazon", "ebay"):
            ids = {"offer": str(9_000 + n), "inventory_item": f"E{n}"} if name == "ebay" else {}
        if name == "woocommerce":
            ids = {"product": str(101 + n)}  # as in its files: else no row is shown
        listing = Listing(channel="c", listing_id=ids.get("product", f"S{n}"), sku=f"S{n}", ids=ids)
        made.append(Row(sku=f"S{n}", listing=listing, quantity=5 + n, version=1, expected=case.get("told"), **shared))
    return made


def numbered(value: Any, odd: Any) -> Any:
    """Put something odd in the place of every number of units."""
    if isinstance(value, list):
        return [numbered(one, odd) for one in value]
    if not isinstance(value, dict):
        return value
    return {key: odd if key in UNITS else numbered(one, odd) for key, one in value.items()}


@pytest.mark.parametrize("odd", ODD, ids=lambda odd: repr(odd)[:20])
@pytest.mark.parametrize("name", sorted(KINDS))
def test_a_number_of_units_that_is_none_is_not_believed(name: str, odd: Any) -> None:
    """However it is written, and whatever else the answer says: a record has no place for it."""
    account = Account(alias="1", api_version="2026-10", location="gid://shopify/Location/1", marketplaces=("M",))
    seen = 0
    for path in sorted((HERE / name / "pushes").glob("read*.json")):
        case = json.loads(path.read_text(encoding="utf-8"))
        given = [response(one) for one in case.get("responses") or [case["response"]]]
        talk, answers = KINDS[name].read(rows(name, case), account), []
        for one in given:
            try:
                body = orjson.dumps(numbered(orjson.loads(one.body), odd))
            except orjson.JSONDecodeError:
                body = one.body
            answers.append(replace(one, body=body))
        _, ended = conftest.talk(talk, answers)
        shown = [one.quantity for one in ended.verdicts if isinstance(one, Shows)]
        fits = type(odd) is int and abs(odd) <= 10**9
        assert all(type(one) is int and abs(one) <= 10**9 and (fits or one in NEVER_READ) for one in shown), path
        seen += 1
    assert seen > 1


@pytest.mark.parametrize("name", sorted(KINDS))
def test_whatever_is_answered_every_row_has_a_verdict_that_fits_into_a_record(name: str) -> None:
    """No conversation raises, goes on for ever, or believes a number that no channel has; limits are learnt or not."""
    kind: Kind = KINDS[name]
    dice = random.Random(6)
    account = Account(alias="1", api_version="2026-10", location="gid://shopify/Location/1", marketplaces=("M",))
    for path in sorted((HERE / name / "pushes").glob("*.json")):
        case = json.loads(path.read_text(encoding="utf-8"))
        answers = [response(one) for one in case.get("responses") or [case["response"]]]
        told = rows(name, case)
        for _ in range(EACH):
            talk = kind.read(told, account) if case.get("reads") else kind.tell(told, account, "r1")
            ended = held(talk, answers, dice.randrange(len(answers)), dice)
            assert isinstance(ended, Answer), path
            assert len(ended.verdicts) == len(told), path
            shown = [one.quantity for one in ended.verdicts if isinstance(one, Shows)]
            assert all(type(one) is int and abs(one) <= 10**9 for one in shown), (path, shown)
            assert all(hint.bucket in kind.LIMITS for hint in ended.hints), path


def test_a_shopify_shop_that_found_items_and_names_no_file_of_them_is_not_empty() -> None:
    """Else every listing of ours would be missing there."""
    listing = Listing(channel="c", listing_id="1", sku="S", ids={"variant": "1", "inventory_item": "2"})
    for count, err in (("3", True), ("0", False), (0, False), (None, False)):
        talk = KINDS["shopify"].sweep(Account(api_version="2026-10", location="L"), [listing] * 2_000)
        run = {"bulkOperationRunQuery": {"bulkOperation": {"id": "B", "status": "CREATED"}, "userErrors": []}}
        look = {"node": {"id": "B", "status": "COMPLETED", "objectCount": count, "fileSize": None, "url": None}}
        said = [Response(status=200, body=orjson.dumps({"data": data})) for data in (run, look)]
        _, ended = conftest.talk(talk, said)
        assert isinstance(ended, Swept)
        assert (bool(ended.err), ended.seen) == (err, ())
