"""Our own requests against the stand-in, over HTTP: numbers arrive and nothing else moves, listings go off and on."""

import json
from collections.abc import AsyncIterator, Generator, Sequence
from dataclasses import replace
from typing import Any

import pytest
from aiohttp import ClientSession
from aiohttp.test_utils import TestServer

from compose.fakes.account import Account as Stand
from compose.fakes.account import Secrets
from compose.fakes.etsy_stock import Stock
from compose.fakes.server import ACCOUNT, application
from ingest.channels.etsy_receipt import read_order
from publishers.channels import etsy as kind
from publishers.channels import etsy_grant
from publishers.delivery import Delivery
from publishers.grant import Denied, Token
from publishers.kind import Seen, Swept
from publishers.push import (
    TOKEN,
    Account,
    Answer,
    ChannelDown,
    Credentials,
    Delivered,
    Rejected,
    Request,
    Response,
    Row,
    Shows,
    Throttled,
)
from schemas.channel_records import Listing
from schemas.settings import Channel, Kind

RECEIPTS = "/v3/application/shops/12345678/receipts"
KEYS = {"API_KEY": "key", "SHARED_SECRET": "hush", "REFRESH_TOKEN": "refresh"}
UNDO = "state=active"
Talk = Generator[Request, Response, Any]


class Shop:
    """One account of the stand-in, conversations as a publisher holds them, and a clock that the test moves."""

    def __init__(self, session: ClientSession, server: TestServer, delivery: Delivery, now: list[int]) -> None:
        """Begin without a token."""
        self.session, self.server, self.delivery, self.now = session, server, delivery, now
        self.base = str(server.make_url("")).rstrip("/")
        self.stand: Stand = server.app[ACCOUNT]
        self.us = Account(alias="12345678")
        self.secrets = dict(KEYS)
        self.listings: dict[str, Listing] = {}
        self.made: list[str] = []
        self.step_ms = 200

    @property
    def stock(self) -> Stock:
        """Return what the merchant's own hand may move."""
        found: Stock = self.stand.more["stock"]
        return found

    async def control(self, word: str, **wish: Any) -> dict[str, Any]:
        """Drive the stand-in."""
        async with self.session.post(f"{self.base}/_control/{word}", json=wish) as answer:
            assert answer.status == 200, await answer.text()
            found: dict[str, Any] = await answer.json()
            return found

    async def catalogue(self, **quantities: int) -> None:
        """Load one listing with these products; one alone has no variations."""
        products = [{"sku": sku, "quantity": number, "parent": "P"} for sku, number in quantities.items()]
        told = await self.control("catalogue", products=products)
        for one in told["listings"]:
            ids = {"listing": str(one["ids"]["listing_id"]), "product": str(one["ids"]["product_id"])}
            self.listings[one["sku"]] = Listing(channel="e", listing_id=ids["product"], sku=one["sku"], ids=ids)

    async def grant(self, **secrets: str) -> Any:
        """Buy a token."""
        channel = Channel(name="e", kind=Kind.ETSY, since=0, base_url=self.base)
        request = etsy_grant.request(channel, {**self.secrets, **secrets})
        found = etsy_grant.read(await self.delivery.send(request, {}, 5_000))
        if isinstance(found, Token):
            self.secrets[TOKEN] = found.value
        return found

    async def send(self, request: Request) -> Response:
        """Make one request; each takes its time."""
        self.now[0] += request.after_ms + self.step_ms
        self.made.append(request.method)
        return await self.delivery.send(request, kind.headers(self.secrets), 5_000)

    async def hold(self, talk: Talk) -> Any:
        """Hold a conversation to its end."""
        request = next(talk)
        while True:
            try:
                request = talk.send(await self.send(request))
            except StopIteration as end:
                return end.value

    def rows(self, quantities: dict[str, int], **more: Any) -> list[Row]:
        """Make the rows that tell these numbers."""
        return [
            Row(sku=sku, listing=self.listings[sku], quantity=number, version=1, **more)
            for sku, number in quantities.items()
        ]

    async def tell(self, quantities: dict[str, int], **more: Any) -> Answer:
        """Tell numbers by SKU."""
        self.made.clear()
        answer: Answer = await self.hold(kind.tell(self.rows(quantities, **more), self.us, "r"))
        return answer

    async def read(self, *skus: str, **more: Any) -> list[Any]:
        """Ask what these SKUs show."""
        answer = await self.hold(kind.read(self.rows(dict.fromkeys(skus, 0), **more), self.us))
        return [one.quantity if isinstance(one, Shows) else one for one in answer.verdicts]

    async def sweep(self) -> dict[str, Seen]:
        """Read all back, by the SKU at Etsy."""
        swept: Swept = await self.hold(kind.sweep(self.us, [*self.listings.values()]))
        assert swept.err == ""
        return {one.sku: one for one in swept.seen}

    @property
    def shoppers_see(self) -> dict[str, int]:
        """Return the numbers on sale by SKU."""
        return {one.sku: one.level for one in self.stand.shop.listings.values()}

    @property
    def number(self) -> int:
        """Return the Etsy listing's id."""
        return int(next(iter(self.listings.values())).ids["listing"])


@pytest.fixture
async def shop() -> AsyncIterator[Shop]:
    """Return an account with one listing of two variations, and a token."""
    now = [1_795_255_200_000]
    secrets = Secrets(webhook="whsec_aHVzaA==", token="key:hush:refresh")
    app = application(kind="etsy", name="etsy", secrets=secrets, clock=lambda: now[0])
    server = TestServer(app)
    await server.start_server()
    async with server, ClientSession() as session, Delivery(str(server.make_url(""))) as delivery:
        found = Shop(session, server, delivery, now)
        await found.catalogue(RED=9, BLUE=4)
        assert isinstance(await found.grant(), Token)
        yield found


async def test_numbers_arrive_and_nothing_else_moves(shop: Shop) -> None:
    """Prices, values and settings stand as they stood; only ids are new, and the next tell finds its products."""
    one = {**shop.stock.sheets.groups()[shop.number][0].ids}
    for red, blue in ((5, 6), (3, 6), (3, 0)):
        answer = await shop.tell({"RED": red, "BLUE": blue})
        assert (answer.verdicts, shop.made) == ((Delivered(), Delivered()), ["GET", "PUT"])
        assert shop.shoppers_see == {"RED": red, "BLUE": blue}
    products = shop.stock.sheets.groups()[shop.number]
    assert products[0].ids != one
    pages = [shop.stock.sheets.sheet(product, varied=True) for product in products]
    assert [(page.price["amount"], page.values[0]["values"], page.readiness) for page in pages] == [
        (1950, ["RED"], 1),
        (1950, ["BLUE"], 1),
    ]
    assert (await shop.tell({"RED": 3, "BLUE": 0})).verdicts == (Delivered(), Delivered())
    assert shop.made == ["GET"]
    tallies = [dict(shop.stand.shop.tallies[product.key]) for product in products]
    assert tallies == [{"tells": 2, "repeats": 0}, {"tells": 2, "repeats": 0}]


async def test_a_product_without_a_sku_stays_mapped_through_every_update(shop: Shop) -> None:
    """Its number and its values' ids are others each time; orders, tells and read-backs go on finding it."""
    wish = [{"sku": "", "quantity": 5, "parent": "NAMELESS"} for _ in range(2)]
    made = (await shop.control("catalogue", products=wish))["listings"]
    name, keys = str(made[0]["ids"]["listing_id"]), [one["listing"] for one in made]
    for sku, key in zip(("ONE", "TWO"), keys, strict=True):
        ids = {"listing": name, "variation": f"514=Kind {key}"}
        shop.listings[sku] = Listing(channel="e", listing_id=f"{name}/{ids['variation']}", sku=sku, ids=ids)
    numbers, values = set[str](), set[int]()
    for one, two in ((4, 5), (4, 7), (0, 7), (3, 3)):
        assert (await shop.tell({"ONE": one, "TWO": two})).verdicts == (Delivered(), Delivered())
        assert [shop.stand.shop.listings[key].level for key in keys] == [one, two]
        sold = await shop.control("sell", listing=keys[1], qty=1)
        answer = await shop.send(Request(method="GET", path=f"{RECEIPTS}/{sold['order_id']}", body=b""))
        receipt = json.loads(answer.body)
        (line,) = read_order(receipt, 0).lines
        assert (line.sku, line.listing_id) == ("", shop.listings["TWO"].listing_id)
        numbers |= set(line.others)
        values |= {one for value in receipt["transactions"][0]["product_data"] for one in value["value_ids"]}
    assert (len(numbers), len(values)) == (4, 4)
    assert await shop.read("ONE", "TWO") == [3, 2]
    swept: Swept = await shop.hold(kind.sweep(shop.us, [*shop.listings.values()]))
    seen = {one.key: one.quantity for one in swept.seen}
    assert [seen[shop.listings[sku].listing_id] for sku in ("ONE", "TWO")] == [3, 2]
    assert len(seen) == 4


async def test_two_skus_of_a_listing_lose_nothing_one_after_the_other_and_a_number_at_once(shop: Shop) -> None:
    """Each call writes the whole set as it read it: that is why a listing is in one call at most."""
    await shop.tell({"RED": 7})
    await shop.tell({"BLUE": 2})
    assert shop.shoppers_see == {"RED": 7, "BLUE": 2}
    red, blue = (kind.tell(shop.rows(one), shop.us, "r") for one in ({"RED": 1}, {"BLUE": 1}))
    asked = [await shop.send(next(talk)) for talk in (red, blue)]
    writes = [talk.send(response) for talk, response in zip((red, blue), asked, strict=True)]
    for write in writes:
        await shop.send(write)
    assert shop.shoppers_see == {"RED": 7, "BLUE": 1}
    assert kind.SERIAL


async def test_a_listing_without_stock_goes_off_and_comes_back(shop: Shop) -> None:
    """Etsy refuses a set of zeros; what is switched off sells nothing, and what was left over in it does not return."""
    assert (await shop.tell({"RED": 0, "BLUE": 0})).verdicts == (Delivered(UNDO), Delivered(UNDO))
    assert (shop.made, shop.shoppers_see) == (["GET", "PATCH"], {"RED": 0, "BLUE": 0})
    assert (await shop.control("sell", sku="RED", qty=1))["result"] == "sold_out"
    assert await shop.read("RED", "BLUE", undo=UNDO) == [0, 0]
    assert (await shop.tell({"RED": 0}, undo=UNDO)).verdicts == (Delivered(UNDO),)
    assert (await shop.tell({"RED": 3}, undo=UNDO, expected=0)).verdicts == (Delivered(),)
    assert (shop.made, shop.shoppers_see) == (["GET", "PUT", "PATCH"], {"RED": 3, "BLUE": 0})
    assert (await shop.control("sell", sku="RED", qty=1))["result"] == "sold"
    assert shop.stand.counts["renewals"] == 0


async def test_what_a_person_switched_off_stays_off(shop: Shop) -> None:
    """Its numbers are kept right all the same, so that it shows the right ones on the day it is on again."""
    shop.stock.switch(shop.number, "inactive")
    answer = await shop.tell({"RED": 2, "BLUE": 1}, expected=None)
    assert (answer.verdicts, shop.made) == ((Delivered(), Delivered()), ["GET", "PUT"])
    assert (shop.shoppers_see, await shop.read("RED", "BLUE")) == ({"RED": 0, "BLUE": 0}, [2, 1])
    assert (await shop.tell({"RED": 0, "BLUE": 0})).verdicts == (Delivered(), Delivered())
    assert shop.shoppers_see == {"RED": 0, "BLUE": 0}
    assert (await shop.tell({"RED": 2, "BLUE": 1})).verdicts == (Delivered(), Delivered())
    shop.stock.switch(shop.number, "active")
    assert shop.shoppers_see == {"RED": 2, "BLUE": 1}


async def test_what_has_sold_out_is_renewed_where_the_fee_is_allowed(shop: Shop) -> None:
    """Once, with our numbers and not with the 1 that a renewal brings; a 0 renews nothing."""
    shop.us = replace(shop.us, renew_sold_out=True)
    await shop.tell({"RED": 0, "BLUE": 1})
    await shop.control("sell", sku="BLUE", qty=1)
    assert (await shop.tell({"RED": 0, "BLUE": 0})).verdicts == (Delivered(), Delivered())
    assert shop.stand.counts["renewals"] == 0
    assert (await shop.tell({"BLUE": 5}, expected=0)).verdicts == (Delivered(),)
    assert (shop.made, shop.shoppers_see) == (["GET", "PATCH", "PUT"], {"RED": 0, "BLUE": 5})
    assert (await shop.tell({"BLUE": 4})).verdicts == (Delivered(),)
    assert shop.stand.counts["renewals"] == 1


async def test_what_has_sold_out_is_renewed_by_a_person(shop: Shop) -> None:
    """Renewing costs a fee; a person renews, and the next tell passes."""
    await shop.tell({"RED": 1, "BLUE": 0})
    await shop.control("sell", sku="RED", qty=1)
    (verdict,) = (await shop.tell({"RED": 5})).verdicts
    assert isinstance(verdict, Rejected)
    assert "fee" in verdict.reason
    (verdict,) = (await shop.tell({"RED": 5}, expected=1)).verdicts
    assert isinstance(verdict, Shows)
    assert (verdict.quantity, shop.made) == (0, ["GET"])
    assert (await shop.tell({"RED": 0})).verdicts == (Delivered(),)
    assert shop.stand.counts["renewals"] == 0
    await shop.control("level", sku="RED", qty=1)
    assert (await shop.tell({"RED": 5})).verdicts == (Delivered(),)
    assert shop.shoppers_see["RED"] == 5


async def test_a_sale_that_nobody_told_us_of_is_not_given_back(shop: Shop) -> None:
    """What is read before the write is compared with what we believe; the others of the listing are told."""
    await shop.control("sell", sku="RED", qty=2)
    red, blue = (
        (await shop.tell({"RED": 8}, expected=9)).verdicts[0],
        (await shop.tell({"BLUE": 3}, expected=4)).verdicts[0],
    )
    assert isinstance(red, Shows)
    assert (red.quantity, blue) == (7, Delivered())
    assert shop.shoppers_see == {"RED": 7, "BLUE": 3}
    assert (await shop.tell({"RED": 6}, expected=7)).verdicts == (Delivered(),)


async def test_a_product_that_a_person_deleted_is_rejected_alone(shop: Shop) -> None:
    """The others go on; the ceiling of 999 holds."""
    await shop.catalogue(GREEN=1)
    gone = shop.stand.shop.listing("BLUE")
    shop.stock.sheets.delete(gone, shop.now[0], "merchant")
    verdicts = (await shop.tell({"RED": 5_000, "BLUE": 3, "GREEN": 2})).verdicts
    assert [type(one).__name__ for one in verdicts] == ["Delivered", "Rejected", "Delivered"]
    assert shop.shoppers_see == {"RED": 999, "GREEN": 2}


async def test_a_write_whose_answer_is_lost_is_looked_up(shop: Shop) -> None:
    """Of a set of numbers the next call reads what became of it; of a switch this call asks at once."""
    shop.stand.faults.lost_answers = 1
    (verdict,) = (await shop.tell({"RED": 5}, expected=9)).verdicts
    assert isinstance(verdict, ChannelDown)
    assert (verdict.unsure, shop.stand.counts["writes"]) == (True, 1)
    assert (await shop.tell({"RED": 5}, expected=9, unanswered=5)).verdicts == (Delivered(),)
    assert shop.made == ["GET"]
    shop.stand.faults.lost_answers = 1
    assert (await shop.tell({"RED": 0, "BLUE": 0})).verdicts == (Delivered(UNDO), Delivered(UNDO))
    assert shop.made == ["GET", "PATCH", "GET"]


async def test_a_switch_that_nobody_heard_of_is_ours(shop: Shop) -> None:
    """A publisher died between the switch and its record: the next one knows it by the 0 without an answer."""
    talk = kind.tell(shop.rows({"RED": 0, "BLUE": 0}), shop.us, "r")
    switch = talk.send(await shop.send(next(talk)))
    await shop.send(switch)
    talk.close()
    assert (await shop.tell({"RED": 0}, expected=9, unanswered=0)).verdicts == (Delivered(UNDO),)
    assert (await shop.tell({"RED": 4}, expected=9, unanswered=0)).verdicts == (Delivered(),)
    assert shop.shoppers_see == {"RED": 4, "BLUE": 0}


async def test_the_budget_is_heard_and_its_end_too(shop: Shop) -> None:
    """Each answer says what is left for all; a call too many waits as it is told, and nothing is done."""
    answer = await shop.tell({"RED": 5})
    assert [(hint.per_ms, hint.limit, hint.left) for hint in answer.hints] == [
        (1_000, 10, 8),
        (86_400_000, 10_000, 9_998),
    ]
    shop.step_ms = 0
    verdicts = [(await shop.tell({"RED": number})).verdicts[0] for number in range(10, 20)]
    assert [one for one in verdicts if not isinstance(one, Delivered)] == [Throttled(1_000)] * 6
    assert shop.shoppers_see["RED"] == 13
    assert shop.stand.shop.tallies[shop.stand.shop.listing("RED").key]["throttles"] == 6


async def test_all_that_a_shop_shows_is_read_in_pages(shop: Shop) -> None:
    """What is on sale, mapped or not, and what we know of the rest; by our keys, though Etsy's ids are new ones."""
    await shop.tell({"RED": 5})
    many = [{"sku": f"M{number}", "quantity": number + 1} for number in range(230)]
    await shop.control("catalogue", products=[*many, {"sku": "GONE", "quantity": 0}])
    known = shop.listings["RED"]
    gone = shop.stand.shop.listing("GONE")
    shop.listings["GONE"] = replace(
        known, listing_id=gone.key, sku="GONE", ids={"listing": str(gone.ids["listing_id"]), "product": gone.key}
    )
    shop.listings["LOST"] = replace(known, listing_id="1", sku="LOST", ids={"listing": "1", "product": "1"})
    shop.made.clear()
    found = await shop.sweep()
    assert len(shop.made) == 5  # three pages; which of the others there are; and their inventory
    assert {sku: found[sku].quantity for sku in ("RED", "BLUE", "M0", "M229", "GONE")} == {
        "RED": 5,
        "BLUE": 4,
        "M0": 1,
        "M229": 230,
        "GONE": 0,
    }
    assert len(found) == 233
    assert [found[sku].key == kind.key(shop.listings[sku]) for sku in ("RED", "BLUE", "GONE")] == [True] * 3
    shop.stock.switch(shop.number, "inactive")
    found = await shop.sweep()
    assert [(found[sku].off, found[sku].quantity) for sku in ("RED", "BLUE")] == [(True, 5), (True, 4)]


async def test_several_listings_are_read_at_once(shop: Shop) -> None:
    """One that is gone spoils no other."""
    await shop.control("catalogue", products=[{"sku": "CUP", "quantity": 7}])
    cup = shop.stand.shop.listing("CUP")
    known = shop.listings["RED"]
    ids = {"listing": str(cup.ids["listing_id"]), "product": str(cup.ids["product_id"])}
    shop.listings["CUP"] = replace(known, listing_id=ids["product"], sku="CUP", ids=ids)
    shop.listings["LOST"] = replace(known, listing_id="1", sku="LOST", ids={"listing": "1", "product": "1"})
    shop.made.clear()
    red, lost, cup_shows = await shop.read("RED", "LOST", "CUP")
    assert (red, type(lost).__name__, cup_shows, shop.made) == (9, "Rejected", 7, ["GET", "GET"])
    shop.stock.switch(shop.number, "inactive")
    assert await shop.read("RED", "CUP", undo=UNDO) == [0, 7]


async def test_who_we_are_is_asked_each_time(shop: Shop) -> None:
    """A wrong secret and an old token are credentials; a refresh token that was ended buys none."""
    shop.now[0] += 3_600_000
    assert [type(one) for one in (await shop.tell({"RED": 5})).verdicts] == [Credentials]
    first = await shop.grant()
    again = await shop.grant(REFRESH_TOKEN=first.successor)
    assert isinstance(again, Token)
    assert isinstance(await shop.grant(), Token)  # one that was used stays good, as users of Etsy saw it
    assert isinstance(await shop.grant(REFRESH_TOKEN="another"), Denied)
    shop.secrets["SHARED_SECRET"] = "wrong"
    (verdict,) = (await shop.tell({"RED": 5})).verdicts
    assert isinstance(verdict, Credentials)
    assert "wrong" not in verdict.reason


@pytest.mark.parametrize("words", [["RED", "BLUE"], ["BLUE"]])
async def test_one_number_for_all_variations_is_a_clear_refusal(shop: Shop, words: Sequence[str]) -> None:
    """Where the quantity does not vary, products of different SKUs cannot have levels of their own."""
    shop.stock.sheets.settings[shop.number] = {"quantity_on_property": [], "sku_on_property": [514]}
    await shop.control("level", sku="BLUE", qty=9)
    verdicts = (await shop.tell({sku: 5 + at for at, sku in enumerate(words)})).verdicts
    assert ["one number" in one.reason for one in verdicts if isinstance(one, Rejected)] == [True] * len(words)
    assert (shop.made, shop.shoppers_see) == (["GET"], {"RED": 9, "BLUE": 9})
