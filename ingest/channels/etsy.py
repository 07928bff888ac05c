"""
Etsy's webhooks: signed as Standard Webhooks say, and thin.  They name a receipt, which the shop's poller then reads.

Facts: developers.etsy.com, "Webhooks", and the AsyncAPI text of api-evangelist/etsy.  The body is

    {"event_type": "order.paid", "shop_id": "12345678",
     "resource_url": "https://api.etsy.com/v3/application/shops/12345678/receipts/3210987654"}

Of `resource_url` the two ids are taken and nothing else: no address that stands in a body is ever called.
"""

import re
from collections.abc import Sequence

from ingest import fields, standard_webhooks
from ingest.fields import Object
from ingest.webhook import Headers, NotUnderstood, Reading

_RECEIPT = re.compile(
    r"https://[A-Za-z0-9.-]{1,253}(?::[0-9]{1,5})?"
    r"/v3/application/shops/([1-9][0-9]{0,18})/receipts/([1-9][0-9]{0,18})/?(?:\?[!-~]{0,200})?"
)
"""Plain digits where ids stand: no `..`, no encoded slash and no user information can hide in what matches."""


def account(headers: Headers, body: bytes) -> str:
    """Return the shop's id: one app's webhooks for all its shops may come to one address."""
    del headers
    return fields.ident_if_any(fields.object_if_any(body), "shop_id")


def ping(headers: Headers, body: bytes) -> bool:
    """Etsy's portal sends no unsigned test."""
    del headers, body
    return False


def verify(headers: Headers, body: bytes, secrets: Sequence[str], now_ms: int) -> None:
    """
    Raise `BadSignature` unless an endpoint's secret signed the body within 5 minutes.

    Etsy's text describes the header as plain base64 while its sender is one that writes `v1,` before it, so both count:
    they are one signature, of the same bytes with the same key.
    """
    standard_webhooks.verify(headers, body, secrets, now_ms, bare=True)


def topic(headers: Headers) -> str:
    """Return the only topic there is: the event's name stands in the body, and whatever it is, the receipt is read."""
    del headers
    return "receipt"


def parse(headers: Headers, body: bytes, now_ms: int) -> Reading:
    """
    Return which receipt is to be read, whatever the event's name.

    Raises `BadPayload`, and `NotUnderstood` where no receipt is named or the shop that names it is another one.
    """
    del headers, now_ms
    event = fields.parse_object(body)
    shop, receipt = _named(event)
    if fields.ident(event, "shop_id") != shop:
        raise NotUnderstood("resource_url: not of the shop in shop_id")
    return Reading(order=receipt, poll=True)


def _named(event: Object) -> tuple[str, str]:
    found = _RECEIPT.fullmatch(fields.text(event, "resource_url"))
    if found is None:
        raise NotUnderstood("resource_url: want a receipt's address")
    return found[1], found[2]
