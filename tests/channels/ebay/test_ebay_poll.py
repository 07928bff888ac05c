"""eBay's order poll: the calls, the answers, and that no order is skipped however eBay sorts."""

import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.channels import ebay_grant
from ingest.channels import ebay_poll as ebay
from ingest.poll.kind import Answer, Denied, Instead, Later, Page, Token
from ingest.webhook import NotUnderstood
from schemas.settings import Channel, Kind

POLLS = Path(__file__).parent / "polls"
SELLER = Channel(name="ebay", kind=Kind.EBAY, since=0, base_url="https://api.example")
T0 = 1_795_255_200_000
"""2026-11-21T10:00:00Z"""


def ok(value: object) -> Answer:
    return Answer(status=200, headers={}, body=orjson.dumps(value))


def status(code: int, body: bytes = b"") -> Answer:
    return Answer(status=code, headers={}, body=body)


def page(verdict: object) -> Page[ebay.State]:
    assert isinstance(verdict, Page)
    return verdict


def asked(state: ebay.State) -> dict[str, str]:
    url = ebay.request(SELLER, ("token",), state).url
    assert url.startswith("https://api.example/sell/fulfillment/v1/order?")
    return {name: value[0] for name, value in parse_qs(urlsplit(url).query).items()}


def captured(name: str) -> Page[ebay.State]:
    return page(ebay.read(ebay.start(T0), Answer(status=200, headers={}, body=(POLLS / name).read_bytes())))


def row(number: int, at: int, **more: Any) -> dict[str, Any]:
    shown = ebay._zulu(at)
    return {"orderId": f"13-{number}", "creationDate": shown, "lastModifiedDate": shown, "lineItems": [], **more}


def test_the_first_call_asks_from_the_watermark_on() -> None:
    """To the millisecond, open at its end: eBay refuses times in the future, and knows better when that begins."""
    call = ebay.request(SELLER, ("token",), ebay.start(T0 + 7))
    assert asked(ebay.start(T0 + 7)) == {
        "filter": "lastmodifieddate:[2026-11-21T10:00:00.007Z..]",
        "limit": "200",
        "offset": "0",
    }
    assert "%5B" in call.url
    assert call.headers["authorization"] == "Bearer token"
    assert "Bearer" not in repr(call)


def test_a_page_gives_its_orders_and_names_what_is_none() -> None:
    """Times of the channel; an order whose time cannot be read is refused by its number; this is the end."""
    read = captured("orders.json")
    assert [(order.number[-2:], order.modified - T0) for order in read.orders] == [
        ("72", 768),
        ("73", 60_001),
        ("74", 120_002),
        ("75", 180_003),
        ("76", 240_004),
    ]
    assert [(refused.order, refused.reason) for refused in read.refused] == [("13-14786-65877", "unknown_shape")]
    assert (read.through, read.next) == (T0 + 240_004, None)


def test_what_an_order_holds() -> None:
    """
    What was bought; 0 once cancelled, not while that is only asked for; 0 where eBay ships from its own warehouse.

    A refund is money; a gift card by mail is no unit of ours.
    """
    plain, wish, cancelled, elsewhere, cards = (ebay.read_order(o.body, T0) for o in captured("orders.json").orders)
    assert [(line.line[-2:], line.sku, line.listing_id, line.qty) for line in plain.lines] == [
        ("13", "TEE-M", "287403994390", 2),
        ("14", "OLD-SKU", "7001", 1),
        ("15", "", "287403994391/410103456789", 3),
    ]
    assert {(line.revision, line.seen_at, line.ordered_at) for line in plain.lines} == {(T0 + 768, T0, T0)}
    assert [line.qty for line in wish.lines] == [4]
    assert [line.qty for line in cancelled.lines] == [0]
    assert ([line.qty for line in elsewhere.lines], list(elsewhere.ignored)) == ([0], ["fulfilled_by_channel"])
    assert ([line.sku for line in cards.lines], list(cards.ignored)) == (["größe 44"], ["gift_card"])


def test_every_line_is_named_counted_or_not() -> None:
    """What the poller must know before it takes a line for one that has left its order."""
    lines = [ebay.lines(order.body) for order in captured("orders.json").orders]
    assert [len(own) for own in lines] == [3, 1, 1, 1, 2]
    assert lines[4] == ["10084048110919", "10084048110920"]


@pytest.mark.parametrize(
    ("item", "listing"),
    [
        ({"legacyItemId": "1"}, "1"),
        ({"legacyItemId": "1", "sku": "A"}, "1"),
        ({"legacyItemId": "1", "legacyVariationId": "2", "sku": "A"}, "1/A"),
        ({"legacyItemId": "1", "legacyVariationId": "2"}, "1/2"),
        ({"legacyItemId": "1", "legacyVariationId": "0"}, "1/0"),
        ({"legacyItemId": 1, "legacyVariationId": 0}, "1"),
        ({"legacyVariationId": "2", "sku": "A"}, ""),
        ({}, ""),
    ],
)
def test_how_a_line_s_listing_is_named(item: dict[str, Any], listing: str) -> None:
    """By the listing's number, a variation by its SKU as well, since the Inventory API shows no other name for it."""
    order = row(1, T0, lineItems=[{"lineItemId": "7", "sku": "A", "quantity": 1, **item}])
    if "sku" not in item:
        del order["lineItems"][0]["sku"]
    reading = ebay.read_order(order, T0)
    assert [line.listing_id for line in reading.lines] == ([listing] if listing or "sku" in item else [])
    assert list(reading.ignored) == ([] if reading.lines else ["no_product"])


def test_a_faulty_line_hides_no_other() -> None:
    """It is refused with its place; an order without its times is refused as a whole."""
    lines = [{"lineItemId": "1", "sku": "A", "quantity": "2"}, {"lineItemId": "2", "sku": "B", "quantity": 2}]
    reading = ebay.read_order(row(1, T0, lineItems=lines), T0)
    assert [(line.line, line.qty) for line in reading.lines] == [("2", 2)]
    assert [(refused.line, refused.err) for refused in reading.refused] == [
        ("1", "lineItems[0].quantity: want an integer, got str")
    ]
    with pytest.raises(NotUnderstood):
        ebay.read_order({**row(1, T0), "creationDate": None}, T0)


@pytest.mark.parametrize(
    ("answer", "wait"),
    [
        (status(429), None),
        (Answer(status=429, headers={"retry-after": "7"}, body=b""), 7_000),
        (status(503), None),
        (status(400), None),
        (status(0), None),
        (status(200, b"<html>maintenance</html>"), None),
        (status(200, b"[]"), None),
        (status(200, b'{"total": 3}'), None),
        (status(200, b'{"orders": {}}'), None),
        (status(200, b"\xff"), None),
    ],
)
def test_what_is_no_page_of_orders_is_asked_for_again(answer: Answer, wait: int | None) -> None:
    """Throttling by the time that eBay names, if it names one, everything else by our own back-off; nothing raises."""
    verdict = ebay.read(ebay.start(T0), answer)
    assert isinstance(verdict, Later)
    assert verdict.after_ms == wait


@pytest.mark.parametrize("code", [401, 403])
def test_refused_credentials_are_said(code: int) -> None:
    """The poller fetches another token for a 401, and waits for somebody otherwise."""
    assert isinstance(ebay.read(ebay.start(T0), status(code)), Denied)


def test_named_orders_are_asked_for_by_their_ids() -> None:
    """At most 50 in one call, the rest after it; no filter beside them, which eBay would ignore."""
    state = ebay.some([f"13-{number}" for number in range(70)])
    assert asked(state)["orderIds"].split(",") == [f"13-{number}" for number in range(50)]
    assert set(asked(state)) == {"orderIds"}
    read = page(ebay.read(state, ok({"total": 1, "orders": [row(1, T0)]})))
    assert (len(read.orders), read.through) == (1, None)
    assert read.next is not None
    assert asked(read.next)["orderIds"].split(",") == [f"13-{number}" for number in range(50, 70)]
    assert page(ebay.read(read.next, ok({"orders": []}))).next is None


@pytest.mark.parametrize("code", [400, 404])
def test_an_order_that_ebay_does_not_have_hides_no_other(code: int) -> None:
    """A list with a stranger's order in it is refused as a whole: it is halved until the stranger stands alone."""
    known = {f"13-{number}" for number in range(50)} - {"13-17"}
    state: ebay.State | None = ebay.some([f"13-{number}" for number in range(50)])
    found, calls = set[str](), 0
    while state is not None:
        calls += 1
        refused = not set(state.ids) <= known
        answer = status(code) if refused else ok({"orders": [row(int(name[3:]), T0) for name in state.ids]})
        verdict = ebay.read(state, answer)
        assert isinstance(verdict, Page | Instead)
        found |= {order.number for order in verdict.orders} if isinstance(verdict, Page) else set()
        state = verdict.next
    assert found == known
    assert calls <= 20


def test_orders_that_ebay_counts_and_does_not_show_are_said() -> None:
    """Nothing more can be read of them; a dead letter without an id tells people to look."""
    read = page(ebay.read(ebay.start(T0), ok({"total": 3, "orders": [row(1, T0), row(2, T0 + 5)]})))
    assert [refused.err for refused in read.refused] == ["2 orders shown, 3 counted"]
    assert (read.through, read.next) == (T0 + 5, None)


class Seller:
    """An eBay account whose orders change between two calls, sorted as told."""

    def __init__(self, times: list[int], sort: Callable[[tuple[int, int]], Any], chance: random.Random) -> None:
        self.orders = dict(enumerate(times))
        self.sort, self.chance, self.now = sort, chance, max(times, default=T0) + 1_000
        self.calls = 0

    def answer(self, state: ebay.State) -> Answer:
        """Show a page."""
        self.calls += 1
        self.now += 10
        last = self.now if state.until is None else state.until
        assert state.until is None or state.until <= self.now, "eBay refuses times in the future"
        fit = [(number, at) for number, at in self.orders.items() if state.since <= at <= last]
        fit.sort(key=self.sort)
        rows = [row(number, at) for number, at in fit[state.skip : state.skip + ebay.PER_PAGE]]
        return ok({"total": len(fit), "orders": rows})

    def live(self) -> None:
        """Let a few orders change, and a new one come."""
        for number in self.chance.sample(sorted(self.orders), min(2, len(self.orders))):
            self.orders[number] = self.now
        if self.chance.random() < 0.3:
            self.orders[len(self.orders)] = self.now


SORTS: dict[str, Callable[[tuple[int, int]], Any]] = {
    "by change": lambda order: (order[1], order[0]),
    "by change, newest first": lambda order: (-order[1], order[0]),
    "by creation": lambda order: order[0],
    "by nothing": lambda order: hash((order[0] * 7919, 3)) % 1_009,
}


@pytest.mark.parametrize("sort", SORTS)
@settings(max_examples=60, deadline=None)
@given(
    times=st.lists(st.integers(0, 40), max_size=40),
    seed=st.integers(0, 10**6),
    changes=st.integers(0, 12),
)
def test_no_order_is_skipped_however_ebay_sorts(sort: str, times: list[int], seed: int, changes: int) -> None:
    """Up to where a reading says that it has read, every order was seen as it stands, changes meanwhile or not."""
    patch = pytest.MonkeyPatch()
    patch.setattr(ebay, "PER_PAGE", 3)
    seller = Seller([T0 + at for at in times], SORTS[sort], random.Random(seed))
    state: ebay.State | None = ebay.start(T0)
    seen, mark = set[tuple[str, int]](), T0 - 1
    while state is not None:
        read = page(ebay.read(state, seller.answer(state)))
        seen |= {(order.number, order.modified) for order in read.orders}
        mark = mark if read.through is None else read.through
        if seller.calls <= changes:
            seller.live()
        state = read.next
        assert seller.calls < 600
    patch.undo()
    standing = {(f"13-{number}", at) for number, at in seller.orders.items() if at <= mark}
    assert standing <= seen
    if changes == 0:
        assert {(f"13-{number}", T0 + at) for number, at in enumerate(times)} == seen


@pytest.mark.parametrize(
    ("sort", "calls"),
    [("by change", 27), ("by change, newest first", 80), ("by creation", 80), ("by nothing", 80)],
)
def test_a_backlog_costs_few_calls(sort: str, calls: int) -> None:
    """
    Sorted by change, one call finds a window too full and one reads what fits, also where orders share a millisecond.

    Sorted otherwise it takes a few more to find a window that fits.
    """
    chance = random.Random(1)
    times = sorted(T0 + 1_000 * chance.randrange(1_000) for _ in range(2_000))
    chance.shuffle(times)
    seller = Seller(times, SORTS[sort], chance)
    state: ebay.State | None = ebay.start(T0)
    while state is not None:
        state = page(ebay.read(state, seller.answer(state))).next
    assert seller.calls <= calls


def test_a_bulk_edit_within_one_millisecond_is_read_by_offset_until_it_holds_still() -> None:
    """An order that leaves meanwhile moves the others up a place: the millisecond is read again."""
    seller = Seller([T0] * 500, SORTS["by creation"], random.Random(1))
    state: ebay.State | None = ebay.start(T0)
    seen, asked_again = set[str](), 0
    while state is not None:
        asked_again += state.skip == 0 and state.until == T0
        read = page(ebay.read(state, seller.answer(state)))
        seen |= {order.number for order in read.orders}
        if state.skip == 200:
            seller.orders[0] = seller.now
        state = read.next
    assert len(seen) == 500
    assert asked_again == 2


def test_the_seller_s_token_is_bought_with_the_refresh_token() -> None:
    """Form and Basic authorisation as documented; at `auth_url` where one is configured."""
    call = ebay_grant.SELLER.request(SELLER, ("id", "secret", "v^1.1#x"))
    assert (call.method, call.url) == ("POST", "https://api.example/identity/v1/oauth2/token")
    assert call.headers["authorization"] == "Basic aWQ6c2VjcmV0"
    assert parse_qs(call.body.decode()) == {"grant_type": ["refresh_token"], "refresh_token": ["v^1.1#x"]}
    elsewhere = Channel(name="x", kind=Kind.EBAY, since=0, base_url="https://a", auth_url="https://auth/token")
    assert ebay_grant.SELLER.request(elsewhere, ("id", "secret", "r")).url == "https://auth/token"
    call = ebay_grant.APPLICATION.request(SELLER, ("id", "secret"))
    assert parse_qs(call.body.decode()) == {
        "grant_type": ["client_credentials"],
        "scope": ["https://api.ebay.com/oauth/api_scope"],
    }


@pytest.mark.parametrize(
    ("answer", "meaning"),
    [
        (ok({"access_token": "t", "expires_in": 7_200, "token_type": "User Access Token"}), Token),
        (status(400, json.dumps({"error": "invalid_grant"}).encode()), Denied),
        (status(400, json.dumps({"error": "invalid_scope"}).encode()), Denied),
        (status(401, json.dumps({"error": "invalid_client"}).encode()), Denied),
        (status(400, b"{}"), Later),
        (status(400, json.dumps({"error": {"code": "invalid_grant"}}).encode()), Later),
        (status(429), Later),
        (status(500), Later),
        (status(0), Later),
        (ok({"access_token": "", "expires_in": 7_200}), Later),
        (ok({"access_token": "t", "expires_in": 0}), Later),
        (ok({"access_token": "t", "expires_in": "7200"}), Later),
        (ok({"access_token": 7, "expires_in": 7_200}), Later),
        (ok([]), Later),
        (status(200, b"\xff"), Later),
    ],
)
def test_what_the_token_endpoint_answers(answer: Answer, meaning: type) -> None:
    """A token with its life, credentials that are refused for good, everything else once more; nothing raises."""
    found = ebay_grant.SELLER.read(answer)
    assert isinstance(found, meaning)
    if isinstance(found, Token):
        assert (found.value, found.lasts_ms, found.successor) == ("t", 7_200_000, "")
        assert "'t'" not in repr(found)
