"""Our Shopify adapter and the stand-in over HTTP: the vendor's rules as the stand-in has them, not as we think."""

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from compose.fakes.shopify_bulk import AT_ONCE
from publishers.push import (
    Again,
    ChannelDown,
    Credentials,
    Delivered,
    Rejected,
    Retry,
    Row,
    Shows,
    Stale,
    Throttled,
)
from tests.channels.standin import Standin, opened

UNDO = "inventory_policy=CONTINUE"
MANY = 2_000
"""More known listings than are read page by page."""


@pytest.fixture
async def shop() -> AsyncIterator[Standin]:
    """A shop with four SKUs: one that does not sell on at 0, two variants of a product that do, one without stock."""
    async with opened("shopify") as one:
        await one.catalogue(
            {"sku": "TEE", "quantity": 5},
            {"sku": "CAP-S", "quantity": 2, "parent": "cap", "oversells": "CONTINUE"},
            {"sku": "CAP-L", "quantity": 3, "parent": "cap", "oversells": "CONTINUE"},
            {"sku": "GIFT", "quantity": 9, "managed": False},
        )
        yield one


async def test_numbers_are_told_and_read_back(shop: Standin) -> None:
    """From what we believe; the read-back shows them."""
    assert await shop.tell(shop.row("TEE", 4, expected=5), shop.row("CAP-S", 1, expected=2)) == (Delivered(),) * 2
    shown = await shop.read(shop.row("TEE", 0), shop.row("CAP-S", 0))
    assert [verdict.quantity for verdict in shown if isinstance(verdict, Shows)] == [4, 1]
    assert all(isinstance(verdict, Shows) and verdict.at > 0 for verdict in shown)
    assert shop.tally("TEE") == {"tells": 1, "repeats": 0}


async def test_a_stale_row_is_named_and_the_others_are_told_again_without_it(shop: Standin) -> None:
    """All or nothing: nothing was written."""
    rows = (shop.row("TEE", 4, expected=5), shop.row("CAP-S", 1, expected=7))
    assert await shop.tell(*rows) == (Again(), Stale())
    assert (shop.level("TEE"), shop.level("CAP-S")) == (5, 2)


async def test_the_same_call_again_has_no_second_effect_and_is_counted_as_a_repeat(shop: Standin) -> None:
    """The key is the call's: a sale between the two stands."""
    assert await shop.tell(shop.row("TEE", 4, expected=5)) == (Delivered(),)
    await shop.control("sell", {"sku": "TEE", "qty": 1})
    assert await shop.tell(shop.row("TEE", 4, expected=5)) == (Delivered(),)
    assert shop.level("TEE") == 3
    assert shop.tally("TEE") == {"tells": 2, "repeats": 1}


def stops(shop: Standin, *skus: str) -> tuple[Row, ...]:
    """Make the rows that stop SKUs whose 0 and whose way back are on record."""
    return tuple(shop.row(sku, 0, expected=0, paused=True, undo=UNDO) for sku in skus)


async def test_a_paused_variant_that_sells_on_is_stopped_and_goes_on_after_the_pause(shop: Standin) -> None:
    """0 would not be enough: shoppers could buy below it.  The way back is known before anything is changed."""
    assert await shop.tell(shop.row("CAP-S", 0, expected=2, paused=True)) == (Delivered(UNDO, partly=True),)
    assert (shop.level("CAP-S"), shop.oversells("CAP-S")) == (0, "CONTINUE")
    assert await shop.tell(*stops(shop, "CAP-S"), call="r2") == (Delivered(UNDO),)
    assert (await shop.control("sell", {"sku": "CAP-S", "qty": 1}))["result"] == "sold_out"
    assert (shop.oversells("CAP-S"), shop.oversells("CAP-L")) == ("", "CONTINUE")
    assert await shop.tell(shop.row("CAP-S", 6, expected=0, undo=UNDO), call="r3") == (Delivered(),)
    assert (shop.level("CAP-S"), shop.oversells("CAP-S")) == (6, "CONTINUE")
    assert shop.tally("CAP-S") == {"tells": 2, "repeats": 0}


async def test_a_variant_that_does_not_sell_on_keeps_its_policy(shop: Standin) -> None:
    """Only what was done is undone."""
    assert await shop.tell(shop.row("TEE", 0, expected=5, paused=True)) == (Delivered(),)
    assert shop.account.counts["policies"] == 0


async def test_the_way_back_is_handed_on_as_long_as_the_pause_stands(shop: Standin) -> None:
    """A paused SKU that is told again has DENY already, which does not mean that it always had."""
    for call in ("r1", "r2"):
        await shop.tell(*stops(shop, "CAP-S"), call=call)
    again = await shop.tell(shop.row("CAP-S", 0, expected=2, paused=True, undo=UNDO), call="r3")
    assert again == (Delivered(UNDO),)


async def test_variants_of_a_product_are_stopped_in_one_call_and_a_bad_one_does_not_fail_the_others(
    shop: Standin,
) -> None:
    """The error names the variant by its index."""
    key = shop.account.shop.by_sku["CAP-L"].key
    gone = {1: lambda: shop.account.shop.listings.pop(key)}
    verdicts = await shop.tell(*stops(shop, "TEE", "CAP-S", "CAP-L"), meanwhile=gone)
    assert verdicts[:2] == (Delivered(UNDO), Delivered(UNDO))
    assert isinstance(verdicts[2], Rejected)
    assert "PRODUCT_VARIANT_DOES_NOT_EXIST" in verdicts[2].reason
    assert len(shop.requests) == 2


async def test_an_item_without_stock_keeping_is_found_by_the_read_back_and_by_the_pause(shop: Standin) -> None:
    """Its number says nothing to shoppers, so nobody is told that it does."""
    (verdict,) = await shop.read(shop.row("GIFT", 0))
    assert isinstance(verdict, Rejected)
    assert "does not track" in verdict.reason
    (paused,) = await shop.tell(shop.row("GIFT", 0, expected=9, paused=True))
    assert isinstance(paused, Rejected)
    assert "sells on" in paused.reason


async def test_a_throttled_call_says_when_to_come_again(shop: Standin) -> None:
    """Inside a 200; the stand-in counts it for the listing."""
    await shop.control("faults", {"throttle_s": 5})
    (verdict,) = await shop.tell(shop.row("TEE", 4, expected=5))
    assert isinstance(verdict, Throttled)
    assert shop.tally("TEE") == {"throttles": 1}


async def test_a_throttled_policy_is_waited_for_and_not_forgotten(shop: Standin) -> None:
    """The call goes on when the points are back."""
    weather = {0: shop.weather(throttle_s=0.02), 2: shop.weather(throttle_s=0.02)}
    assert await shop.tell(*stops(shop, "CAP-S"), meanwhile=weather) == (Delivered(UNDO),)
    assert [request.throttled for request in shop.requests] == [False, True, False, True]
    assert shop.oversells("CAP-S") == ""


async def test_a_policy_whose_change_is_not_answered_can_be_changed_by_a_later_call(shop: Standin) -> None:
    """It finds DENY, and the way back is on record."""
    (verdict,) = await shop.tell(*stops(shop, "CAP-S"), meanwhile={1: shop.weather(lost_answers=1)})
    assert isinstance(verdict, ChannelDown)
    assert verdict.unsure
    assert await shop.tell(*stops(shop, "CAP-S"), call="r2") == (Delivered(UNDO),)


@pytest.mark.parametrize("known", [1, MANY])
async def test_a_sweep_shows_the_whole_shop(shop: Standin, known: int) -> None:
    """Page by page, or by a bulk operation's file: mapped or not, and who sells on at 0."""
    swept = await shop.sweep(known)
    assert not swept.err
    shown = {one.sku: (one.quantity, one.oversells) for one in swept.seen}
    assert shown == {"TEE": (5, False), "CAP-S": (2, True), "CAP-L": (3, True), "GIFT": (None, False)}
    keys = {shop.kind.key(listing) for listing in shop.listings.values()}
    assert {one.key for one in swept.seen} == keys
    assert all(one.at > 0 for one in swept.seen)


async def test_no_token_goes_to_the_file_store(shop: Standin) -> None:
    """Its address is signed, and it is somebody else's."""
    await shop.sweep(MANY)
    assert await shop.control("bulk", {}) == {"leaks": 0, "operations": 1}
    assert shop.requests[-1].url.endswith("Signature=signed")


@pytest.mark.parametrize("outcome", ["FAILED", "CANCELED", "EXPIRED"])
async def test_a_bulk_operation_that_fails_shows_nothing_and_says_so(shop: Standin, outcome: str) -> None:
    """A part of a shop is no shop."""
    await shop.control("bulk", {"outcome": outcome})
    swept = await shop.sweep(MANY)
    assert swept.seen == ()
    assert outcome in swept.err


async def test_too_many_bulk_operations_at_once_are_told(shop: Standin) -> None:
    """Other apps of ours run them too."""
    await shop.control("bulk", {"takes_ms": 3_600_000})
    for _ in range(AT_ONCE):
        await shop.send(next(shop.kind.sweep(shop.ours, [*shop.listings.values()] * MANY)))
    assert "OPERATION_IN_PROGRESS" in (await shop.sweep(MANY)).err


async def test_a_bulk_operation_that_never_ends_is_given_up(shop: Standin) -> None:
    """After a quarter of an hour."""
    await shop.control("bulk", {"takes_ms": 36_000_000})
    began = shop.clock.now
    assert "does not end" in (await shop.sweep(MANY)).err
    assert 600_000 < shop.clock.now - began < 1_200_000


async def test_an_empty_shop_has_no_file(shop: Standin) -> None:
    """Without an object there is no address."""
    shop.account.shop.listings.clear()
    swept = await shop.sweep(MANY)
    assert (swept.seen, swept.err) == ((), "")


async def test_a_wrong_token_stops_and_is_not_shown(shop: Standin) -> None:
    """For a tell, a read-back and a sweep alike."""
    shop.account.secrets = replace(shop.account.secrets, token="another")
    (told,), (read,) = await shop.tell(shop.row("TEE", 4, expected=5)), await shop.read(shop.row("TEE", 4))
    assert isinstance(told, Credentials)
    assert isinstance(read, Credentials)
    swept = await shop.sweep()
    assert swept.credentials
    assert "ck_key" not in swept.err + told.reason + read.reason


async def test_a_file_is_read_in_parts(shop: Standin, monkeypatch: pytest.MonkeyPatch) -> None:
    """No answer is large, and what the shop says of the file's size holds."""
    monkeypatch.setattr("publishers.channels.shopify_file.PART", 100)
    swept = await shop.sweep(MANY)
    assert len(swept.seen) == 4
    parts = [request.headers["Range"] for request in shop.requests if request.url]
    assert parts[0] == "bytes=0-99"
    assert len(parts) > 5


async def test_a_policy_that_is_throttled_for_good_is_told_as_a_failure(shop: Standin) -> None:
    """The number is there, the pause is not: it is tried again after a read-back."""
    weather = {1: shop.weather(throttle_s=3_600)}
    (verdict,) = await shop.tell(shop.row("CAP-S", 0, expected=2, paused=True), meanwhile=weather)
    assert isinstance(verdict, Retry)
    assert verdict.unsure


async def test_a_policy_that_the_channel_does_not_answer_for_is_told_as_a_channel_that_is_down(shop: Standin) -> None:
    """A pause is in force only when the channel has said so."""
    weather = {1: shop.weather(outage_s=3_600)}
    (verdict,) = await shop.tell(shop.row("CAP-S", 0, expected=2, paused=True), meanwhile=weather)
    assert isinstance(verdict, ChannelDown)
    assert verdict.unsure
