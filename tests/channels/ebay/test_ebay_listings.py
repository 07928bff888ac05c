"""eBay's listings: items page by page, the offers of each, and what an import makes of them."""

from typing import Any
from urllib.parse import parse_qs, urlsplit

import orjson
import pytest

from ingest.channels import ebay_listings as ebay
from ingest.channels.ebay_order import listing_id
from ingest.discover.kind import Found, Listed
from ingest.imports.rules import RULES
from ingest.poll.kind import Answer, Denied, Later
from schemas.settings import Channel, Kind

SELLER = Channel(name="ebay", kind=Kind.EBAY, since=0, base_url="https://api.example")


def ok(value: object) -> Answer:
    return Answer(status=200, headers={}, body=orjson.dumps(value))


def item(sku: str, group: str = "") -> dict[str, Any]:
    return {"sku": sku, **({"inventoryItemGroupKeys": [group]} if group else {})}


def offer(number: int, listing: int | None) -> dict[str, Any]:
    told = {"listing": {"listingId": str(listing), "listingStatus": "ACTIVE"}} if listing else {}
    return {"offerId": str(number), "status": "PUBLISHED" if listing else "UNPUBLISHED", **told}


class Seller:
    """An account's inventory, which may change while it is read."""

    def __init__(self, items: list[dict[str, Any]], offers: dict[str, list[dict[str, Any]]]) -> None:
        self.items, self.offers, self.calls = items, offers, list[str]()

    def answer(self, state: ebay.State) -> Answer:
        """Answer the call of a state."""
        call = ebay.request(SELLER, ("token",), state)
        assert call.headers["authorization"] == "Bearer token"
        place = urlsplit(call.url)
        query = {name: value[0] for name, value in parse_qs(place.query).items()}
        self.calls.append(place.path.rpartition("/")[2])
        if self.calls[-1] == "offer":
            own = self.offers.get(query["sku"])
            return ok({"offers": own}) if own else Answer(status=404, headers={}, body=b'{"errors":[]}')
        size, number = int(query["limit"]), int(query["offset"])
        rows = self.items[number * size : (number + 1) * size]
        more = {"next": "x"} if (number + 1) * size < len(self.items) else {}
        return ok({"total": len(self.items), "inventoryItems": rows, **more})

    def read(self) -> tuple[list[Found], list[str]]:
        """Read everything."""
        state: ebay.State | None = ebay.start()
        found, unread = list[Found](), list[str]()
        while state is not None:
            listed = ebay.read(state, self.answer(state))
            assert isinstance(listed, Listed)
            found += listed.found
            unread += listed.unread
            state = listed.next
            assert len(self.calls) < 2_000
        return found, unread


def test_an_item_is_a_listing_for_each_offer_that_is_published() -> None:
    """By the listing's number; a variation by its SKU as well; a SKU that is only kept in stock is none."""
    offers = {"TEE": [offer(1, 110), offer(2, 111)], "CUP/red": [offer(3, 112)], "DRAFT": [offer(4, None)]}
    seller = Seller([item("TEE"), item("CUP/red", "CUPS"), item("DRAFT"), item("NONE")], offers)
    found, unread = seller.read()
    assert unread == []
    assert [(one.listing_id, one.sku, dict(one.ids)) for one in found] == [
        ("110", "TEE", {"listing": "110", "offer": "1", "inventory_item": "TEE"}),
        ("111", "TEE", {"listing": "111", "offer": "2", "inventory_item": "TEE"}),
        (
            "112/CUP/red",
            "CUP/red",
            {"listing": "112", "offer": "3", "variation": "CUP/red", "inventory_item": "CUP/red"},
        ),
    ]


def test_what_is_discovered_is_what_an_import_takes_and_an_order_names() -> None:
    """One name for a listing, whoever speaks of it; our SKU may differ from eBay's."""
    found, _ = Seller([item("TEE"), item("CUP", "G")], {"TEE": [offer(1, 110)], "CUP": [offer(2, 111)]}).read()
    for one in found:
        assert RULES[Kind.EBAY].faults(one.listing_id, "OUR-OWN-SKU", one.ids) == []
    plain = {"legacyItemId": "110", "sku": "TEE"}
    variation = {"legacyItemId": "111", "legacyVariationId": "410103456789", "sku": "CUP"}
    assert [one.listing_id for one in found] == [listing_id(plain), listing_id(variation)]


def test_several_pages_are_read_to_their_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pages are counted, not items; each item's offers are one call."""
    monkeypatch.setattr(ebay, "PER_PAGE", 2)
    skus = [f"S{number}" for number in range(5)]
    seller = Seller([item(sku) for sku in skus], {sku: [offer(at, 110 + at)] for at, sku in enumerate(skus)})
    found, unread = seller.read()
    assert ([one.sku for one in found], unread) == (skus, [])
    assert (seller.calls.count("inventory_item"), seller.calls.count("offer")) == (3, 5)


def test_items_that_come_or_go_meanwhile_make_no_other_be_skipped(monkeypatch: pytest.MonkeyPatch) -> None:
    """Another number of items than at the beginning: read again; one that is met twice counts once."""
    monkeypatch.setattr(ebay, "PER_PAGE", 2)
    skus = [f"S{number}" for number in range(6)]
    seller = Seller([item(sku) for sku in skus], {sku: [offer(at, 110 + at)] for at, sku in enumerate(skus)})
    state: ebay.State | None = ebay.start()
    found, step = set[str](), 0
    while state is not None:
        listed = ebay.read(state, seller.answer(state))
        assert isinstance(listed, Listed)
        found |= {one.sku for one in listed.found}
        state, step = listed.next, step + 1
        if step == 2:
            del seller.items[0]
    assert found >= set(skus[1:])


def test_a_shop_that_never_holds_still_is_read_all_the_same_and_it_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    """After three beginnings what is there is taken, with a word that something may be missing."""
    monkeypatch.setattr(ebay, "PER_PAGE", 1)
    seller = Seller([item(f"S{number}") for number in range(4)], {})
    state: ebay.State | None = ebay.start()
    unread = list[str]()
    while state is not None:
        listed = ebay.read(state, seller.answer(state))
        assert isinstance(listed, Listed)
        unread += listed.unread
        seller.items.append(item(f"S{len(seller.items)}")) if len(seller.items) < 12 else None
        state = listed.next
        assert len(seller.calls) < 200
    assert unread
    assert all("changed while they were read" in one for one in unread)


def test_a_row_that_cannot_be_read_is_named_and_hides_no_other() -> None:
    """Items without a SKU, offers without an id: a sentence each, without their content."""
    seller = Seller([{"sku": ""}, 7, item("TEE")], {"TEE": [{"listing": {"listingId": "1"}}, 5, offer(2, 110)]})  # type: ignore[list-item] # what eBay must not send
    found, unread = seller.read()
    assert [one.listing_id for one in found] == ["110"]
    assert unread == [
        "inventory item 1: sku: want an id, got str",
        "inventory item 2: item: want an object, got int",
        "an offer of one item: offerId: want an id, got NoneType",
        "an offer of one item: offer: want an object, got int",
    ]


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b'{"inventoryItems": 7}', b"\xff"])
def test_an_answer_of_another_shape_is_asked_for_again(body: bytes) -> None:
    """By our own back-off; nothing raises."""
    assert isinstance(ebay.read(ebay.start(), Answer(status=200, headers={}, body=body)), Later)


@pytest.mark.parametrize(
    ("status", "meaning"), [(401, Denied), (403, Denied), (404, Later), (429, Later), (500, Later)]
)
def test_what_else_may_be_answered(status: int, meaning: type) -> None:
    """A missing API is no empty inventory."""
    assert isinstance(ebay.read(ebay.start(), Answer(status=status, headers={}, body=b"")), meaning)
