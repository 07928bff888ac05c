"""Etsy's webhooks, beyond what every kind must do: whose they are, how they are signed, and what is taken of a URL."""

import json
from typing import Any

import pytest

from ingest import lines
from ingest.channels import etsy
from ingest.webhook import BadSignature, Headers, NotUnderstood, Reading
from schemas.settings import Kind

URL = "https://api.etsy.com/v3/application/shops/12345678/receipts/3210987654"


def event(url: object = URL, shop: object = "12345678") -> bytes:
    return json.dumps({"event_type": "order.paid", "resource_url": url, "shop_id": shop}).encode()


@pytest.mark.parametrize("shop", ["12345678", 12345678])
def test_the_shop_s_id_tells_accounts_apart(shop: object) -> None:
    """One app may have many shops: text or number, the channel's alias is the same digits."""
    assert etsy.account({}, event(shop=shop)) == "12345678"
    for body in (b"", b"[]", b"{}", b'{"shop_id": null}', b'{"shop_id": []}', b"\xff"):
        assert etsy.account({}, body) == ""


def test_the_signature_counts_with_and_without_its_version(desk: Any) -> None:
    """Etsy's text shows plain base64, its sender's software `v1,`: one HMAC of the same bytes, so both are safe."""
    secret = desk.secrets(Kind.ETSY)[0]
    signed: dict[str, str] = desk.sign(Kind.ETSY, event(), secret)
    bare = signed["webhook-signature"].removeprefix("v1,")
    for header in (f"v1,{bare}", bare, f"AAAA {bare}", f"v1,AAAA v2,x {bare}"):
        etsy.verify({**signed, "webhook-signature": header}, event(), [secret], desk.now_ms)
    for header in (f"v2,{bare}", f"v1a,{bare}", bare[:-4], f"{bare[:-4]}AAA=", f"V1,{bare}"):
        with pytest.raises(BadSignature):
            etsy.verify({**signed, "webhook-signature": header}, event(), [secret], desk.now_ms)


@pytest.mark.parametrize("off_ms", [-300_999, 300_999])
def test_an_old_delivery_is_no_longer_one(desk: Any, off_ms: int) -> None:
    """A retry has a time of its own; what a stranger kept buys no calls out of the shop's budget."""
    secret = desk.secrets(Kind.ETSY)[0]
    signed = desk.sign(Kind.ETSY, event(), secret)
    with pytest.raises(BadSignature):
        etsy.verify(signed, event(), [secret], desk.now_ms + off_ms)


HOSTILE = [
    "http://api.etsy.com/v3/application/shops/12345678/receipts/1",
    "https://api.etsy.com@evil.example/v3/application/shops/12345678/receipts/1",
    "https://user:pass@api.etsy.com/v3/application/shops/12345678/receipts/1",
    "https://evil.example\\@api.etsy.com/v3/application/shops/12345678/receipts/1",
    "https://[::1]/v3/application/shops/12345678/receipts/1",
    "https://api.etsy.com/v3/application/shops/12345678/receipts/../../secrets",
    "https://api.etsy.com/v3/application/shops/12345678/receipts/1/../2",
    "https://api.etsy.com/v3/application/shops/12345678%2Freceipts%2F1",
    "https://api.etsy.com/v3/application/shops/12345678/receipts/%31",
    "https://api.etsy.com/v3/application/shops/12345678/receipts/1%2f..%2f2",
    "https://api.etsy.com/v3/application/shops/12345678/receipts/1/tracking",
    "https://api.etsy.com/v3/application/shops/12345678/receipts/1#/receipts/2",
    "https://api.etsy.com/x/v3/application/shops/12345678/receipts/1",
    "https://api.etsy.com//v3/application/shops/12345678/receipts/1",
    "https://api.etsy.com/v3/application/shops/12345678/receipts/0",
    "https://api.etsy.com/v3/application/shops/12345678/receipts/-1",
    "https://api.etsy.com/v3/application/shops/12345678/receipts/01",
    "https://api.etsy.com/v3/application/shops/12345678/receipts/\u0661",
    "https://api.etsy.com/v3/application/shops/12345678/receipts/" + "9" * 20,
    "https://api.etsy.com/v3/application/shops/12345678/receipts/" + "9" * 5_000,
    "https://api.etsy.com/v3/application/shops/12345678/receipts/1\n",
    "https://api.etsy.com/v3/application/shops/12345678/receipts/1 ",
    "https://api.etsy.com/v3/application/shops/12345678/receipts/1?a\r\nhost: x",
    "https://api.etsy.com/v3/application/shops/12345678/receipts/",
    "https://api.etsy.com/v3/application/shops//receipts/1",
    "file:///v3/application/shops/12345678/receipts/1",
    "//api.etsy.com/v3/application/shops/12345678/receipts/1",
    "",
]


@pytest.mark.parametrize("url", HOSTILE)
def test_an_address_of_another_form_names_no_receipt(url: str) -> None:
    """User information, `..`, encoded slashes, endless ids: dead-lettered, and the shop is searched instead."""
    with pytest.raises(NotUnderstood):
        etsy.parse({}, event(url), 0)
    reading = lines.read(etsy, {}, event(url), 0)
    assert (reading.poll, reading.order, len(reading.refused)) == (True, "", 1)


@pytest.mark.parametrize(
    "host",
    ["169.254.169.254", "localhost:9092", "evil.example", "openapi.etsy.com", "kubernetes.default.svc", "10.0.0.1"],
)
def test_of_a_foreign_host_the_ids_are_taken_and_nothing_else(host: str) -> None:
    """What goes on is a number of this very shop; the address stays behind, so there is nobody to call it."""
    url = f"https://{host}/v3/application/shops/12345678/receipts/3210987654"
    assert etsy.parse({}, event(url), 0) == Reading(order="3210987654", poll=True)


def test_ids_are_as_long_as_a_64_bit_number() -> None:
    """Nineteen digits are one, in whatever the receipt is named."""
    assert etsy.parse({}, event(URL.replace("3210987654", "9" * 19)), 0).order == "9" * 19


def test_the_shop_in_the_address_must_be_the_shop_that_is_named() -> None:
    """One app's secret signs for all its shops: an order of one is no order of another."""
    for shop in ("87654321", "012345678", " 12345678", "", None, 1.5, "12345678/.."):
        with pytest.raises(NotUnderstood):
            etsy.parse({}, event(shop=shop), 0)


def test_headers_say_nothing() -> None:
    """No header of a delivery changes what is read."""
    odd: Headers = {"x-resource-url": "https://evil.example", "webhook-id": "x" * 500}
    assert etsy.parse(odd, event(), 0) == etsy.parse({}, event(), 0)
    assert etsy.topic(odd) == "receipt"
