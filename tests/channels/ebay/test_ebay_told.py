"""eBay's publisher side against its stand-in, over real HTTP and with bought tokens."""

from collections.abc import AsyncIterator, Generator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any, TypeVar

import pytest
from aiohttp import ClientSession
from aiohttp.test_utils import BaseTestServer, TestServer

from compose.fakes.account import Account as Books
from compose.fakes.account import Secrets as FakeSecrets
from compose.fakes.server import ACCOUNT, application
from publishers.channels import GRANTS, KINDS, ebay
from publishers.credentials import Access
from publishers.delivery import Delivery
from publishers.kind import Swept
from publishers.push import Account, Answer, Delivered, Rejected, Request, Response, Row, Shows, Throttled
from schemas.channel_records import Listing
from schemas.config import Secrets
from schemas.settings import Channel, Kind

End = TypeVar("End", Answer, Swept)
ENVIRON = {
    "LASTUNIT_EBAY_CLIENT_ID": "app",
    "LASTUNIT_EBAY_CLIENT_SECRET": "cert",
    "LASTUNIT_EBAY_REFRESH_TOKEN": "v^1.1#refresh",
}


@dataclass
class Seller:
    """An account at the stand-in, and what talks to it."""

    books: Books
    access: Access
    session: ClientSession
    server: BaseTestServer
    rows: list[Row]

    async def control(self, word: str, **wish: Any) -> Any:
        """Drive the stand-in."""
        async with self.session.post(self.server.make_url(f"/_control/{word}"), json=wish) as answer:
            assert answer.status == 200, await answer.text()
            return await answer.json()

    async def hold(self, conversation: Generator[Request, Response, End]) -> End:
        """Hold a conversation over HTTP."""
        request = next(conversation)
        while True:
            response = await self.access.send(request, 10_000)
            try:
                request = conversation.send(response)
            except StopIteration as end:
                ended: End = end.value
                return ended

    async def tell(self, *numbers: int) -> Sequence[object]:
        """Tell the first listings these numbers."""
        told = [
            Row(sku=r.sku, listing=r.listing, quantity=n, version=1) for r, n in zip(self.rows, numbers, strict=False)
        ]
        return (await self.hold(ebay.tell(told, Account(), "r1"))).verdicts

    def shown(self) -> list[int]:
        """Return what shoppers see of each listing."""
        return [self.books.shop.listings[row.listing.listing_id].level for row in self.rows]


@asynccontextmanager
async def seller(skus: int = 3, **options: Any) -> AsyncIterator[Seller]:
    """Open an account with a variation group, a single listing, and so on, as discovery would map them."""
    secrets = FakeSecrets(webhook="w", token="app:cert")
    app = application(kind="ebay", name="ebay", secrets=secrets, **options)
    async with TestServer(app) as server, ClientSession() as session:
        url = str(server.make_url("/")).rstrip("/")
        channel = Channel(name="ebay", kind=Kind.EBAY, since=0, base_url=url)
        async with Delivery(url) as delivery:
            access = Access(channel, ebay, GRANTS["ebay"], Secrets(ENVIRON), delivery)
            found = Seller(app[ACCOUNT], access, session, server, [])
            products = [{"sku": f"E{n}", "quantity": 20, **({"parent": "G"} if n < 2 else {})} for n in range(skus)]
            for one in (await found.control("catalogue", products=products))["listings"]:
                ids = {"listing": str(one["ids"]["listing"]), "offer": str(one["ids"]["offer"])}
                listing = Listing(
                    channel="ebay",
                    listing_id=one["listing"],
                    sku=one["sku"].replace("E", "S"),
                    ids={**ids, "inventory_item": one["sku"]},
                )
                found.rows.append(Row(sku=listing.sku, listing=listing, quantity=0, version=1))
            yield found


async def test_levels_arrive_and_are_read_back() -> None:
    """Up, down and 0, for variations and for a single listing; read back by row and as a whole."""
    assert KINDS["ebay"] is ebay
    async with seller() as shop:
        for numbers in ((5, 0, 7), (9, 3, 0), (0, 4, 11)):
            assert await shop.tell(*numbers) == (Delivered(),) * 3
            assert shop.shown() == [*numbers]
        found = (await shop.hold(ebay.read(shop.rows, Account()))).verdicts
        assert [one.quantity for one in found if isinstance(one, Shows)] == [0, 4, 11]
        assert all(isinstance(one, Shows) and one.at > 0 for one in found)
        swept = await shop.hold(ebay.sweep(Account(), []))
        by_key = {one.key: one.quantity for one in swept.seen}
        assert [by_key[ebay.key(row.listing)] for row in shop.rows] == [0, 4, 11]
        assert (swept.err, shop.books.counts["tokens"]) == ("", 1)


async def test_a_full_call_and_a_long_account_pass() -> None:
    """25 items in a call; 401 items in three pages."""
    async with seller(401) as shop:
        assert await shop.tell(*range(25)) == (Delivered(),) * 25
        assert shop.shown()[:25] == [*range(25)]
        assert len((await shop.hold(ebay.sweep(Account(), []))).seen) == 401


async def test_one_bad_row_fails_alone() -> None:
    """An item that eBay does not have, and one that the control endpoint refuses."""
    async with seller() as shop:
        lost = Listing(channel="ebay", listing_id="9", sku="S9", ids={"listing": "9", "inventory_item": "E9"})
        shop.rows.insert(1, Row(sku="S9", listing=lost, quantity=0, version=1))
        verdicts = await shop.tell(1, 2, 3, 4)
        assert [type(one) for one in verdicts] == [Delivered, Rejected, Delivered, Delivered]
        await shop.control("faults", row_errors={"E2": {"code": "25013", "message": "Invalid group."}})
        verdicts = await shop.tell(5, 5, 5, 5)
        assert [type(one) for one in verdicts] == [Delivered, Rejected, Delivered, Rejected]


async def test_a_wrong_offer_says_so() -> None:
    """It belongs to another item: nothing is set for it."""
    async with seller() as shop:
        one, two = shop.rows[0].listing, shop.rows[2].listing
        ids = {**one.ids, "offer": two.ids["offer"]}
        wrong = Listing(channel="ebay", listing_id=one.listing_id, sku=one.sku, ids=ids)
        shop.rows[0] = Row(sku="S0", listing=wrong, quantity=0, version=1)
        (verdict,) = await shop.tell(1)
        assert isinstance(verdict, Rejected)
        assert "25713" in verdict.reason
        assert shop.shown()[2] == 20


async def test_the_251st_revision_waits_for_another_day() -> None:
    """The row is tried again later, and the others of the call are told."""
    async with seller() as shop:
        await shop.control("ebay", revisions=2)
        assert await shop.tell(1, 2, 3) == (Delivered(),) * 3
        verdicts = await shop.tell(4, 5, 6)
        assert [type(one).__name__ for one in verdicts] == ["Retry", "Retry", "Delivered"]
        assert shop.shown() == [1, 2, 6]


async def test_a_0_that_ebay_refuses_names_the_option_that_it_wants() -> None:
    """The letter says what a person has to do."""
    async with seller() as shop:
        await shop.control("ebay", out_of_stock=False)
        (verdict,) = await shop.tell(0)
        assert isinstance(verdict, Rejected)
        assert "out-of-stock option" in verdict.reason


async def test_a_used_up_day_throttles() -> None:
    """No row is blamed."""
    async with seller() as shop:
        await shop.control("ebay", calls_a_day=0)
        assert await shop.tell(1, 2) == (Throttled(60_000),) * 2


async def test_a_token_that_ends_before_its_time_is_replaced_once() -> None:
    """The stand-in forgets what it granted; the call is made again with a new one, and nobody notices."""
    now = [1_000_000]
    async with seller(clock=lambda: now[0]) as shop:
        await shop.tell(1)
        now[0] += 7_200_000
        assert await shop.tell(2) == (Delivered(),)
        assert (shop.books.counts["tokens"], shop.shown()[0]) == (2, 2)


async def test_a_missing_scope_stops_the_channel() -> None:
    """The seller has not granted it: eBay's 403 is no fault of a row."""
    body = b'{"errors":[{"errorId":1100,"domain":"ACCESS","category":"REQUEST","message":"Access denied"}]}'
    conversation = ebay.sweep(Account(), [])
    next(conversation)
    with pytest.raises(StopIteration) as end:
        conversation.send(Response(status=403, body=body))
    assert end.value.value.credentials


async def test_a_listing_that_is_retired_on_one_site_takes_nothing_from_the_other() -> None:
    """Both are offers of one inventory item: the retired one's 0 is its own, and the item keeps its number."""
    async with seller(1) as shop:
        (one,) = (await shop.control("catalogue", products=[{"sku": "E0", "quantity": 20}]))["listings"]
        ids = {"listing": str(one["ids"]["listing"]), "offer": str(one["ids"]["offer"]), "inventory_item": "E0"}
        other = Listing(channel="ebay", listing_id=one["listing"], sku="S0", ids=ids, retired=True)
        shop.rows.append(Row(sku="S0", listing=other, quantity=0, version=1, shared=True))
        assert await shop.hold(ebay.tell(shop.rows[1:], Account(), "r")) == Answer(verdicts=(Delivered(),))
        assert shop.shown() == [20, 0]
        sold = Row(sku="S0", listing=shop.rows[0].listing, quantity=7, version=2)
        assert await shop.hold(ebay.tell([sold], Account(), "r")) == Answer(verdicts=(Delivered(),))
        assert shop.shown() == [7, 0]


async def test_a_listing_that_is_retired_with_nothing_beside_it_is_told_at_both_levels() -> None:
    """Then what is read back is its own."""
    async with seller(1) as shop:
        alone = Row(sku="S0", listing=replace(shop.rows[0].listing, retired=True), quantity=0, version=1)
        assert await shop.hold(ebay.tell([alone], Account(), "r")) == Answer(verdicts=(Delivered(),))
        (seen,) = (await shop.hold(ebay.sweep(Account(), []))).seen
        assert (shop.shown(), seen.quantity) == ([0], 0)
