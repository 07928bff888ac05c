"""Our WooCommerce adapter and the stand-in over HTTP: the shop's rules as the stand-in has them, not as we think."""

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from publishers.push import ChannelDown, Credentials, Delivered, Rejected, Shows, Throttled
from tests.channels.standin import Standin, opened


@pytest.fixture
async def shop() -> AsyncIterator[Standin]:
    """A shop with two products, one of which sells on at 0, and two variations of another, and one without stock."""
    async with opened("woocommerce") as one:
        await one.catalogue(
            {"sku": "TEE", "quantity": 5},
            {"sku": "CAP", "quantity": 2, "oversells": "notify"},
            {"sku": "SOCK-S", "quantity": 3, "parent": "sock", "oversells": "yes"},
            {"sku": "SOCK-L", "quantity": 4, "parent": "sock"},
            {"sku": "GIFT", "quantity": 9, "managed": False},
        )
        yield one


async def test_numbers_are_told_and_read_back(shop: Standin) -> None:
    """Products in one call, a product's variations in another."""
    assert await shop.tell(shop.row("TEE", 4), shop.row("CAP", 1)) == (Delivered(),) * 2
    assert await shop.tell(shop.row("SOCK-S", 1), shop.row("SOCK-L", 2)) == (Delivered(),) * 2
    shown = await shop.read(shop.row("CAP", 0), shop.row("TEE", 0))
    assert [verdict.quantity for verdict in shown if isinstance(verdict, Shows)] == [1, 4]
    shown = await shop.read(shop.row("SOCK-L", 0), shop.row("SOCK-S", 0))
    assert [verdict.quantity for verdict in shown if isinstance(verdict, Shows)] == [2, 1]
    assert shop.tally("TEE") == {"tells": 1, "repeats": 0}


async def test_a_repeat_is_counted_by_the_shop(shop: Standin) -> None:
    """The same number with nothing in between; after a sale it is none."""
    for call in ("r1", "r2"):
        await shop.tell(shop.row("TEE", 4), call=call)
    await shop.control("sell", {"sku": "TEE", "qty": 1})
    await shop.tell(shop.row("TEE", 4), call="r3")
    assert shop.tally("TEE") == {"tells": 3, "repeats": 1}


async def test_a_bad_row_does_not_fail_the_others(shop: Standin) -> None:
    """Row by row, by position."""
    gone = replace(shop.row("CAP", 1), listing=replace(shop.listings["CAP"], ids={"product": "404"}))
    verdicts = await shop.tell(gone, shop.row("TEE", 4))
    assert isinstance(verdicts[0], Rejected)
    assert verdicts[1] == Delivered()


@pytest.mark.parametrize(("sku", "was", "back"), [("CAP", "notify", 6), ("SOCK-S", "yes", 1)])
async def test_a_paused_product_that_sells_on_is_stopped_and_goes_on_after_the_pause(
    shop: Standin, sku: str, was: str, back: int
) -> None:
    """0 would not be enough: shoppers could buy below it.  The way back is known before anything is changed."""
    undo = f"backorders={was}"
    assert await shop.tell(shop.row(sku, 0, paused=True)) == (Delivered(undo, partly=True),)
    assert (shop.level(sku), shop.oversells(sku)) == (0, was)
    stops = shop.row(sku, 0, expected=0, paused=True, undo=undo)
    for call in ("r2", "r3"):
        assert await shop.tell(stops, call=call) == (Delivered(undo),)
        assert (await shop.control("sell", {"sku": sku, "qty": 1}))["result"] == "sold_out"
    assert await shop.tell(shop.row(sku, back, undo=undo), call="r4") == (Delivered(),)
    assert (shop.level(sku), shop.oversells(sku)) == (back, was)
    assert shop.tally(sku) == {"tells": 2, "repeats": 0}


async def test_a_product_that_does_not_sell_on_is_told_0_and_nothing_else(shop: Standin) -> None:
    """Only what was done is undone."""
    verdicts = await shop.tell(shop.row("TEE", 0, paused=True), shop.row("CAP", 0, paused=True))
    assert verdicts == (Delivered(), Delivered("backorders=notify", partly=True))
    assert len(shop.requests) == 2


async def test_a_pause_that_is_not_answered_can_be_told_by_a_later_call(shop: Standin) -> None:
    """It finds "no", and the way back is on record."""
    stops = shop.row("CAP", 0, expected=0, paused=True, undo="backorders=notify")
    (verdict,) = await shop.tell(stops, meanwhile={1: shop.weather(lost_answers=1)})
    assert isinstance(verdict, ChannelDown)
    assert verdict.unsure
    assert await shop.tell(stops, call="r2") == (Delivered("backorders=notify"),)


@pytest.mark.parametrize(("sku", "was"), [("CAP", "notify"), ("SOCK-S", "yes")])
async def test_a_product_that_no_list_shows_is_paused_as_well(shop: Standin, sku: str, was: str) -> None:
    """A plugin for several languages hides it: what is not seen is told its 0, and what it did before is kept."""
    await shop.control("faults", {"unlisted": [sku]})
    undo = f"backorders={was}"
    assert await shop.tell(shop.row(sku, 0, expected=0, paused=True)) == (Delivered(undo, partly=True),)
    assert (shop.level(sku), shop.oversells(sku)) == (0, was)
    assert await shop.tell(shop.row(sku, 0, expected=0, paused=True, undo=undo), call="r2") == (Delivered(undo),)
    assert shop.oversells(sku) == ""
    assert await shop.tell(shop.row(sku, 6, undo=undo), call="r3") == (Delivered(),)
    assert (shop.level(sku), shop.oversells(sku)) == (6, was)


async def test_a_product_that_no_list_shows_and_that_does_not_sell_on_is_paused_by_its_0(shop: Standin) -> None:
    """The answer to the number says so."""
    await shop.control("faults", {"unlisted": ["TEE"]})
    assert await shop.tell(shop.row("TEE", 0, expected=0, paused=True)) == (Delivered(),)
    assert shop.level("TEE") == 0


async def test_a_product_that_no_list_shows_is_read_by_its_own_address(shop: Standin) -> None:
    """And one that is not there is found missing."""
    await shop.control("faults", {"unlisted": ["CAP", "SOCK-S"]})
    gone = replace(shop.row("CAP", 1), listing=replace(shop.listings["CAP"], ids={"product": "404"}))
    shown = await shop.read(shop.row("CAP", 0), shop.row("TEE", 0), gone)
    assert [verdict.quantity for verdict in shown if isinstance(verdict, Shows)] == [2, 5]
    assert isinstance(shown[2], Rejected)
    (variation,) = await shop.read(shop.row("SOCK-S", 0))
    assert isinstance(variation, Shows)
    assert variation.quantity == 3


async def test_backorders_that_somebody_changes_during_a_pause_come_back_as_they_were_last(shop: Standin) -> None:
    """What is put back is on record first, again."""
    stops = shop.row("SOCK-S", 0, expected=0, paused=True, undo="backorders=notify")
    assert await shop.tell(stops) == (Delivered("backorders=yes", partly=True),)
    assert shop.oversells("SOCK-S") == "yes"


async def test_a_pause_that_cannot_be_asked_for_has_done_nothing(shop: Standin) -> None:
    """Where the question is not answered, nothing is told."""
    (verdict,) = await shop.tell(shop.row("CAP", 0, paused=True), meanwhile={0: shop.weather(outage_s=60)})
    assert isinstance(verdict, ChannelDown)
    assert not verdict.unsure
    assert shop.level("CAP") == 2


async def test_a_product_without_stock_keeping_is_switched_on_by_the_first_number(shop: Standin) -> None:
    """Until then it has none, and says so."""
    (verdict,) = await shop.read(shop.row("GIFT", 0))
    assert isinstance(verdict, Rejected)
    assert await shop.tell(shop.row("GIFT", 7)) == (Delivered(),)
    (shown,) = await shop.read(shop.row("GIFT", 0))
    assert isinstance(shown, Shows)
    assert shown.quantity == 7


async def test_a_storm_is_obeyed_and_counted_for_its_listings(shop: Standin) -> None:
    """The wait is the one that `Retry-After` names."""
    await shop.control("faults", {"throttle_s": 5})
    assert await shop.tell(shop.row("TEE", 4)) == (Throttled(1_000),)
    assert shop.tally("TEE") == {"throttles": 1}


async def test_a_sweep_shows_products_and_variations(shop: Standin) -> None:
    """Mapped or not; a variable product is no listing itself."""
    swept = await shop.sweep()
    shown = {one.sku: (one.quantity, one.oversells) for one in swept.seen}
    assert shown == {
        "TEE": (5, False),
        "CAP": (2, True),
        "SOCK-S": (3, True),
        "SOCK-L": (4, False),
        "GIFT": (None, False),
    }
    assert {one.key for one in swept.seen} == {shop.kind.key(one) for one in shop.listings.values()}
    assert not swept.err


async def test_a_sweep_waits_where_the_shop_asks_for_it(shop: Standin) -> None:
    """And then goes on with the same page."""
    reading = shop.kind.sweep(shop.ours, [])
    swept = await shop.hold(reading, {0: shop.weather(throttle_s=0.5)})
    assert len(swept.seen) == 5
    assert [(request.after_ms, request.throttled) for request in shop.requests[:2]] == [(0, False), (1_000, True)]


async def test_a_sweep_of_a_shop_before_10_3_reads_each_products_variations(shop: Standin) -> None:
    """There is no list of all variations."""
    reading = shop.kind.sweep(shop.ours, [])
    swept = await shop.hold(reading, {1: lambda: shop.account.faults.statuses.append(404)})
    assert {one.sku for one in swept.seen} == {"TEE", "CAP", "SOCK-S", "SOCK-L", "GIFT"}
    assert any(request.path.startswith("/wp-json/wc/v3/products/900001/variations?") for request in shop.requests)


async def test_a_sweep_skips_nothing_when_products_go_while_it_reads(shop: Standin) -> None:
    """Pages overlap by a row; where they do not, the page before is read again."""
    await shop.catalogue(*({"sku": f"P{number}", "quantity": number} for number in range(250)))
    keys = [shop.account.shop.by_sku[f"P{number}"].key for number in range(3)]

    def gone() -> None:
        for key in keys:
            del shop.account.shop.listings[key]

    swept = await shop.hold(shop.kind.sweep(shop.ours, []), {1: gone})
    assert {one.sku for one in swept.seen} >= {f"P{number}" for number in range(3, 250)}
    assert len({one.key for one in swept.seen}) == len(swept.seen)


async def test_a_sweep_that_is_never_answered_shows_nothing(shop: Standin) -> None:
    """It is an error, not an empty shop."""
    swept = await shop.hold(shop.kind.sweep(shop.ours, []), {0: shop.weather(outage_s=3_600)})
    assert (swept.seen, swept.err, swept.credentials) == ((), "HTTP 503", False)


async def test_a_wrong_key_stops_and_is_not_shown(shop: Standin) -> None:
    """For a tell, a read-back and a sweep alike."""
    shop.account.secrets = replace(shop.account.secrets, token="ck_x:cs_x")
    (told,), (read,) = await shop.tell(shop.row("TEE", 4)), await shop.read(shop.row("TEE", 4))
    assert isinstance(told, Credentials)
    assert isinstance(read, Credentials)
    swept = await shop.sweep()
    assert swept.credentials
    assert "cs_secret" not in swept.err + told.reason + read.reason
