"""WooCommerce's webhooks as its API shows them: which are ours, which are off, and the call that switches one on."""

from base64 import b64encode
from typing import Any

import orjson
import pytest

from ingest.channels import woocommerce_watch as watch
from ingest.poll.kind import Answer, Denied, Later
from ingest.poll.watch import Hook, Hooks, Revived
from schemas.settings import Channel, Kind

SHOP = Channel(name="woo", kind=Kind.WOOCOMMERCE, since=0, base_url="https://shop.example/sub")
NAMED = Channel(
    name="woo",
    kind=Kind.WOOCOMMERCE,
    since=0,
    base_url="https://shop.example",
    webhook_url="https://hub.example/webhooks/woo/order",
)


def ok(value: object) -> Answer:
    return Answer(status=200, headers={}, body=orjson.dumps(value))


def row(number: int = 7, **other: Any) -> dict[str, Any]:
    """Return a webhook as the API shows it."""
    return {
        "id": number,
        "name": "Lastunit",
        "status": "active",
        "topic": "order.updated",
        "resource": "order",
        "event": "updated",
        "hooks": ["woocommerce_update_order"],
        "delivery_url": "https://hub.example/webhooks/woo/order",
        "date_created": "2026-11-21T10:00:00",
    } | other


def found(channel: Channel, *rows: object) -> tuple[Hook, ...]:
    verdict = watch.read(channel, watch.look(), ok([*rows]))
    assert isinstance(verdict, Hooks)
    return verdict.found


def test_the_calls_are_what_the_api_takes() -> None:
    """All webhooks in pages of a hundred, under Basic auth; one is switched on by its status alone."""
    call = watch.request(SHOP, ("ck", "cs"), watch.look())
    assert call.method == "GET"
    assert call.url == "https://shop.example/sub/wp-json/wc/v3/webhooks?per_page=100&page=1&orderby=id&order=asc"
    assert call.headers["authorization"] == f"Basic {b64encode(b'ck:cs').decode()}"
    call = watch.request(SHOP, ("ck", "cs"), watch.revive("7"))
    assert (call.method, call.url) == ("PUT", "https://shop.example/sub/wp-json/wc/v3/webhooks/7")
    assert orjson.loads(call.body) == {"status": "active"}


@pytest.mark.parametrize(("status", "on"), [("active", True), ("paused", False), ("disabled", False), (None, False)])
def test_only_an_active_webhook_is_on(status: str | None, on: bool) -> None:  # noqa: FBT001 - a parameter of the test
    """Disabled by failures, paused by an administrator: nothing comes either way; the second is a person's to undo."""
    hook = Hook(number="7", topic="order.updated", on=on, paused=status == "paused")
    assert found(SHOP, row(status=status)) == (hook,)


@pytest.mark.parametrize(
    ("url", "by_path", "by_address"),
    [
        ("https://hub.example/webhooks/woo/order", True, True),
        ("https://hub.example/webhooks/woo/order/", True, True),
        ("https://staging.example/webhooks/woo/order", True, False),
        ("https://hub.example/behind/a/proxy/webhooks/woo/order", True, False),
        ("https://hub.example/webhooks/woo-2/order", False, False),
        ("https://hub.example/webhooks/woo/orders", False, False),
        ("https://erp.example/hook", False, False),
        ("https://[bad", False, False),
    ],
)
def test_a_webhook_is_ours_by_its_address(url: str, by_path: bool, by_address: bool) -> None:  # noqa: FBT001 - likewise
    """By the configured address where there is one, else by the path; nobody else's webhook is touched."""
    assert bool(found(SHOP, row(delivery_url=url))) is by_path
    assert bool(found(NAMED, row(delivery_url=url))) is by_address


def test_what_is_no_webhook_for_orders_is_passed_over() -> None:
    """Other topics, rows of another shape: neither watched nor switched on."""
    rows = [row(topic="product.updated"), row(topic=None), row(delivery_url=None), row() | {"id": None}, 7, None]
    assert found(SHOP, *rows) == ()


def test_a_full_page_is_read_on() -> None:
    """A hundred rows: there may be more."""
    verdict = watch.read(SHOP, watch.look(), ok([row(n) for n in range(1, 101)]))
    assert isinstance(verdict, Hooks)
    assert verdict.next is not None
    assert "page=2" in watch.request(SHOP, ("ck", "cs"), verdict.next).url


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (ok(row()), Revived),
        (ok(row(status="disabled")), Later),
        (ok([row()]), Later),
        (Answer(status=400, headers={}, body=b"{}"), Later),
        (Answer(status=401, headers={}, body=b"{}"), Denied),
        (Answer(status=200, headers={}, body=b"<html>"), Later),
        (Answer(status=0, headers={}, body=b""), Later),
    ],
)
def test_only_the_shops_own_word_means_that_a_webhook_is_on_again(answer: Answer, expected: type) -> None:
    """Anything else is tried again later; a key that may not write is refused."""
    assert isinstance(watch.read(SHOP, watch.revive("7"), answer), expected)


@pytest.mark.parametrize("body", [b'{"code":"x"}', b"<html>", b"7", b"\xff"])
def test_an_answer_that_is_no_list_is_no_news(body: bytes) -> None:
    """Nothing is concluded from it: neither that webhooks are off nor that they are missing."""
    assert isinstance(watch.read(SHOP, watch.look(), Answer(status=200, headers={}, body=body)), Later)
