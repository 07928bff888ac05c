"""Etsy's listings as they are discovered: products of listings, page by page."""

from typing import Any
from urllib.parse import parse_qs, urlsplit

import orjson
import pytest

from ingest.channels import etsy_listings
from ingest.channels.etsy_listings import State
from ingest.discover.kind import Found, Listed
from ingest.imports.rules import RULES
from ingest.poll.kind import Answer, Denied, Instead, Later
from schemas.settings import Channel, Kind

SHOP = Channel(name="acme", kind=Kind.ETSY, since=0, base_url="https://api.etsy.example", alias="12345678")


def ok(rows: object, **headers: str) -> Answer:
    return Answer(status=200, headers=headers, body=orjson.dumps({"count": 1, "results": rows}))


def row(number: int, *products: tuple[int, str | None], **other: Any) -> dict[str, Any]:
    shown = [{"product_id": product, "sku": sku, "is_deleted": False} for product, sku in products]
    return {"listing_id": number, "listing_type": "physical", "inventory": {"products": shown}, **other}


def asked(state: State) -> dict[str, str]:
    url = etsy_listings.request(SHOP, ("k", "s", "t"), state).url
    return {name: value[0] for name, value in parse_qs(urlsplit(url).query).items()}


def listed(verdict: object) -> Listed[State]:
    assert isinstance(verdict, Listed)
    return verdict


def test_every_product_of_a_listing_is_a_listing_of_ours() -> None:
    """Its id is the product's, as an order's line names it; the SKU is as given; an import takes what comes out."""
    read = listed(
        etsy_listings.read(State(), ok([row(900, (7001, "TEE-M"), (7002, " tee m")), row(901, (7003, None))]))
    )
    assert read.found == (
        Found(listing_id="7001", sku="TEE-M", ids={"listing": "900", "product": "7001"}),
        Found(listing_id="7002", sku=" tee m", ids={"listing": "900", "product": "7002"}),
        Found(listing_id="7003", sku="", ids={"listing": "901", "product": "7003"}),
    )
    assert [RULES[Kind.ETSY].faults(one.listing_id, one.sku, one.ids) for one in read.found] == [[], [], []]
    assert RULES[Kind.ETSY].faults("900", "TEE-M", {"listing": "900", "product": "7001"}) != []


def test_a_product_is_named_by_its_variation_because_its_number_changes() -> None:
    """What an import takes; its number of today is told beside it, for what was mapped by it."""
    sizes = [{"property_id": 100, "value_ids": [7], "values": [word]} for word in ("M", "L")]
    rows = [row(900, (7001, "TEE-M"), (7002, None)), row(901, (7003, None))]
    for product, size in zip(rows[0]["inventory"]["products"], sizes, strict=True):
        product["property_values"] = [size]
    rows[1]["inventory"]["products"][0]["property_values"] = []
    read = listed(etsy_listings.read(State(), ok(rows)))
    assert [(one.listing_id, one.sku, one.number) for one in read.found] == [
        ("900/100=M", "TEE-M", "7001"),
        ("900/100=L", "", "7002"),
        ("901/-", "", "7003"),
    ]
    assert read.found[0].ids == {"listing": "900", "variation": "100=M"}
    assert [RULES[Kind.ETSY].faults(one.listing_id, one.sku, one.ids) for one in read.found] == [[], [], []]
    assert RULES[Kind.ETSY].faults("900", "TEE-M", read.found[0].ids) == [
        "listing_id must be: product, or listing/variation"
    ]
    assert RULES[Kind.ETSY].faults("7001", "TEE-M", {**read.found[0].ids, "product": "7001"}) == []


def test_products_that_their_variation_does_not_tell_apart_are_named_by_their_numbers() -> None:
    """Nothing else tells them apart."""
    rows = [row(900, (7001, "A"), (7002, "B"), (7003, "C"))]
    for product, word in zip(rows[0]["inventory"]["products"], "MML", strict=True):
        product["property_values"] = [{"property_id": 100, "value_ids": [7], "values": [word]}]
    read = listed(etsy_listings.read(State(), ok(rows)))
    assert [one.listing_id for one in read.found] == ["7001", "7002", "900/100=L"]


def test_what_has_no_stock_is_not_tracked_and_what_is_deleted_is_left_out() -> None:
    """Downloads; products that a changed set of variations left behind."""
    gone = {"product_id": 7005, "sku": "OLD", "is_deleted": True}
    download = row(900, (7001, "PDF"), listing_type="download")
    rest = row(901, (7002, "TEE"))
    rest["inventory"]["products"].append(gone)
    read = listed(etsy_listings.read(State(), ok([download, rest])))
    assert [(one.sku, one.tracked) for one in read.found] == [("PDF", False), ("TEE", True)]


def test_a_listing_that_cannot_be_read_is_named_and_stops_no_other() -> None:
    """No inventory, products of the wrong shape, no id: a sentence each."""
    bare = {"listing_id": 902, "inventory": None}
    odd = {"listing_id": 903, "inventory": {"products": {}}}
    read = listed(etsy_listings.read(State(), ok([bare, odd, row(904, (7001, "TEE"))])))
    assert [one.sku for one in read.found] == ["TEE"]
    assert [sentence.split(":")[0] for sentence in read.unread] == ["listing 902", "listing 903"]


def test_states_are_read_one_after_the_other_in_pages_that_overlap() -> None:
    """On sale, sold out, switched off; a page begins with the listing that was read last."""
    assert asked(etsy_listings.start()) == {
        "state": "active",
        "sort_on": "created",
        "sort_order": "asc",
        "includes": "Inventory",
        "limit": "100",
        "offset": "0",
    }
    first = listed(etsy_listings.read(State(), ok([row(n, (n, "X")) for n in range(1, 101)])))
    assert first.next == State(offset=100, last="100")
    assert asked(first.next)["offset"] == "99"
    second = listed(etsy_listings.read(first.next, ok([row(100, (100, "X")), row(101, (101, "Y"))])))
    assert second.next == State(state=1)
    assert asked(second.next)["state"] == "sold_out"
    third = listed(etsy_listings.read(second.next, ok([])))
    assert third.next is not None
    assert asked(third.next)["state"] == "inactive"
    assert listed(etsy_listings.read(third.next, ok([]))).next is None


def test_a_list_that_moved_is_read_again_and_not_for_ever() -> None:
    """The listing that was read last has left its place: from the beginning of this state, five times at most."""
    moved = ok([row(101, (101, "Y"))])
    again = etsy_listings.read(State(state=1, offset=100, last="100"), moved)
    assert again == Instead(next=State(state=1, anew=1))
    assert isinstance(etsy_listings.read(State(state=1, offset=100, last="100", anew=5), moved), Later)


@pytest.mark.parametrize(
    ("answer", "verdict"),
    [
        (Answer(status=401, headers={}, body=b""), Denied),
        (Answer(status=403, headers={}, body=b""), Denied),
        (Answer(status=429, headers={"retry-after": "1"}, body=b""), Later),
        (Answer(status=200, headers={}, body=b"<html>"), Later),
        (Answer(status=200, headers={}, body=b"[]"), Later),
        (ok(None), Later),
        (ok([1]), Later),
    ],
)
def test_what_is_no_list_of_listings_is_refused_or_asked_for_again(answer: Answer, verdict: type) -> None:
    """Nothing raises."""
    assert isinstance(etsy_listings.read(State(), answer), verdict)


def test_discovery_keeps_to_the_budget_too() -> None:
    """The day's calls are the app's, whoever asks."""
    read = etsy_listings.read(State(), ok([], **{"x-limit-per-day": "10000", "x-remaining-today": "1000"}))
    assert listed(read).pause_ms == 60_000
