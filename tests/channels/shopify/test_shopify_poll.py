"""Shopify's order poll: the query, its pages, long orders in pieces, and what the answers mean."""

from pathlib import Path
from typing import Any

import orjson
import pytest

from ingest.channels import shopify_poll as shopify
from ingest.poll.kind import Answer, Denied, Instead, Later, Page
from schemas.settings import Channel, Kind

POLLS = Path(__file__).parent / "polls"
SHOP = Channel(name="uk", kind=Kind.SHOPIFY, since=0, base_url="https://uk.myshopify.com")
T0 = 1_795_273_200_000
"""2026-11-21T15:00:00Z"""
STAMP = "2026-11-21T15:00:00Z"


def ok(value: object) -> Answer:
    return Answer(status=200, headers={}, body=orjson.dumps(value))


def page(verdict: object) -> Page[shopify.State]:
    assert isinstance(verdict, Page)
    return verdict


def recorded() -> Answer:
    return Answer(status=200, headers={}, body=(POLLS / "orders.json").read_bytes())


def variables(state: shopify.State) -> dict[str, Any]:
    asked: dict[str, Any] = orjson.loads(shopify.request(SHOP, ("t",), state).body)["variables"]
    return asked


def following(read: Page[shopify.State]) -> shopify.State:
    assert read.next is not None
    return read.next


def connection(*nodes: object, more: str | None = None) -> dict[str, Any]:
    return {"nodes": [*nodes], "pageInfo": {"hasNextPage": more is not None, "endCursor": more}}


def line(number: int, quantity: int = 1) -> dict[str, Any]:
    return {"id": f"gid://shopify/LineItem/{number}", "sku": f"S{number}", "quantity": quantity, "variant": None}


def order(number: int, lines: dict[str, Any], refunds: list[Any] | None = None, updated: str = STAMP) -> dict[str, Any]:
    times = {"createdAt": STAMP, "updatedAt": updated, "cancelledAt": None, "test": False}
    return {"id": f"gid://shopify/Order/{number}", **times, "lineItems": lines, "refunds": refunds or []}


def orders(*nodes: object, more: str | None = None) -> Answer:
    return ok({"data": {"orders": connection(*nodes, more=more)}})


def test_the_first_call_asks_from_the_watermarks_second_on_oldest_change_first() -> None:
    """The filter is inclusive, the sort is by change, the token is in a header and in no text of ours."""
    call = shopify.request(SHOP, ("shpat_x",), shopify.start(T0 + 999))
    assert (call.method, call.url) == ("POST", "https://uk.myshopify.com/admin/api/2026-07/graphql.json")
    assert call.headers["x-shopify-access-token"] == "shpat_x"
    assert "shpat_x" not in repr(call)
    assert variables(shopify.start(T0 + 999)) == {"first": 50, "after": None, "query": f"updated_at:>='{STAMP}'"}
    assert "sortKey: UPDATED_AT" in shopify.QUERY


def test_an_order_reads_as_its_webhook_does() -> None:
    """Restocked units come off, others do not; gift cards, other fulfilment and untracked items are not ours."""
    read = page(shopify.read(shopify.start(T0), recorded()))
    reading = shopify.read_order(read.orders[0].body, T0)
    assert [(found.line, found.sku, found.listing_id, found.qty) for found in reading.lines] == [
        ("1", "TEE-M", "11", 2),
        ("2", "", "12", 1),
        ("6", "GONE", "", 1),
    ]
    assert sorted(reading.ignored) == ["gift_card", "third_party", "untracked"]
    assert (reading.order, reading.lines[0].revision) == ("820982911946154508", T0 + 1_000)


def test_a_page_goes_on_at_its_cursor_and_waits_for_the_bucket() -> None:
    """300 points are wanted, 100 are there, 100 come a second: two seconds; the faulty order is named."""
    read = page(shopify.read(shopify.start(T0), recorded()))
    assert variables(following(read))["after"] == "c1"
    assert (read.through, read.pause_ms) == (T0 + 1_000, 2_000)
    assert [refused.order for refused in read.refused] == ["2"]


def test_an_order_with_more_lines_than_a_page_shows_is_read_piece_by_piece() -> None:
    """Until it is whole the page proves nothing; the order next to it comes at once."""
    first = page(
        shopify.read(shopify.start(T0), orders(order(1, connection(line(1), more="l1")), order(2, connection())))
    )
    assert ([found.number for found in first.orders], first.through) == (["2"], None)
    state = following(first)
    assert variables(state) == {"id": "gid://shopify/Order/1", "after": None}
    refunds = [{"id": "gid://shopify/Refund/5"}]
    second = page(shopify.read(state, ok({"data": {"order": order(1, connection(line(1, 4), more="p1"), refunds)}})))
    assert variables(following(second))["after"] == "p1"
    third = page(shopify.read(following(second), ok({"data": {"order": order(1, connection(line(2)), refunds)}})))
    assert variables(following(third)) == {"id": "gid://shopify/Refund/5", "after": None}
    back = {"quantity": 3, "restockType": "CANCEL", "lineItem": {"id": "gid://shopify/LineItem/1"}}
    node = {"id": "gid://shopify/Refund/5", "refundLineItems": connection(back)}
    last = page(shopify.read(following(third), ok({"data": {"node": node}})))
    reading = shopify.read_order(last.orders[0].body, T0)
    assert [(found.line, found.qty) for found in reading.lines] == [("1", 1), ("2", 1)]
    assert (last.through, last.next) == (T0, None)


def test_a_long_order_that_changes_meanwhile_is_left_to_its_new_time() -> None:
    """Pieces of two states are never put together: the change has moved it behind the cursor."""
    first = page(shopify.read(shopify.start(T0), orders(order(1, connection(line(1), more="l1")))))
    second = page(shopify.read(following(first), ok({"data": {"order": order(1, connection(line(1), more="p1"))}})))
    changed = order(1, connection(line(2)), updated="2026-11-21T15:09:00Z")
    last = page(shopify.read(following(second), ok({"data": {"order": changed}})))
    assert (last.orders, last.through, last.next) == ((), T0, None)


def test_after_a_long_order_the_pages_go_on() -> None:
    """The cursor of the page is not lost."""
    first = page(shopify.read(shopify.start(T0), orders(order(1, connection(line(1), more="l1")), more="c9")))
    last = page(shopify.read(following(first), ok({"data": {"order": order(1, connection(line(1)))}})))
    assert [found.number for found in last.orders] == ["1"]
    assert variables(following(last))["after"] == "c9"


def test_named_orders_are_read_whole_one_after_the_other() -> None:
    """An order that is gone is passed over; nothing is proven about the rest."""
    state = shopify.some(["1", "2"])
    first = page(shopify.read(state, ok({"data": {"order": None}})))
    assert (first.orders, first.through) == ((), None)
    last = page(shopify.read(following(first), ok({"data": {"order": order(2, connection(line(1)))}})))
    assert ([found.number for found in last.orders], last.through, last.next) == (["2"], None, None)


def error(code: str, **more: object) -> Answer:
    return ok({"errors": [{"message": "m", "extensions": {"code": code}}], **more})


def test_throttling_is_a_200_that_says_how_long() -> None:
    """(requested - available) / restore rate."""
    status = {"maximumAvailable": 2000, "currentlyAvailable": 50, "restoreRate": 100}
    cost = {"cost": {"requestedQueryCost": 300, "throttleStatus": status}}
    verdict = shopify.read(shopify.start(T0), error("THROTTLED", extensions=cost))
    assert verdict == Later(why="throttled", after_ms=2_500)


def test_a_page_that_is_too_costly_is_halved_down_to_one_order() -> None:
    """50, 25, 12, 6, 3, 1; then it is an error like any other."""
    state, sizes = shopify.start(T0), list[int]()
    while isinstance(verdict := shopify.read(state, error("MAX_COST_EXCEEDED")), Instead):
        state = verdict.next
        sizes.append(state.size)
    assert sizes == [25, 12, 6, 3, 1]
    assert isinstance(verdict, Later)


def test_a_missing_scope_is_refused_credentials() -> None:
    """`ACCESS_DENIED` inside a 200, 401 and 403 alike."""
    assert isinstance(shopify.read(shopify.start(T0), error("ACCESS_DENIED")), Denied)
    for status in (401, 403):
        assert isinstance(shopify.read(shopify.start(T0), Answer(status=status, headers={}, body=b"")), Denied)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>",
        b"[]",
        b"{}",
        b'{"data":null}',
        b'{"data":{"orders":null}}',
        b'{"data":{"orders":{"nodes":[],"pageInfo":{"hasNextPage":true,"endCursor":null}}}}',
        b'{"data":{"orders":{"nodes":{},"pageInfo":{"hasNextPage":false,"endCursor":null}}}}',
        b'{"errors":"boom"}',
        b'{"errors":[1,{"extensions":2},{"extensions":{"code":3}}]}',
    ],
)
def test_what_is_no_page_is_asked_for_again(body: bytes) -> None:
    """Whatever comes, nothing raises and the watermark stays."""
    assert isinstance(shopify.read(shopify.start(T0), Answer(status=200, headers={}, body=body)), Later)


@pytest.mark.parametrize("node", [None, 7, {}, {"id": 5}, {"id": "gid://shopify/Order/x"}, order(3, {"nodes": 1})])
def test_what_is_no_order_is_refused_and_stops_no_other(node: object) -> None:
    """A faulty node becomes a dead letter; the order beside it is read."""
    read = page(shopify.read(shopify.start(T0), orders(node, order(2, connection(line(1))))))
    assert ([found.number for found in read.orders], len(read.refused)) == (["2"], 1)


def test_a_long_order_without_an_id_is_refused_by_itself() -> None:
    """It cannot be read whole: a dead letter, and the orders beside it count."""
    long = order(1, connection(line(1), more="c"))
    del long["id"]
    read = page(shopify.read(shopify.start(0), orders(long, order(2, connection(line(2))))))
    assert [found.number for found in read.orders] == ["2"]
    assert len(read.refused) == 1
