"""
What a vendor has, kind by kind: which changes its orders know, how its channel is configured, and what is secret.

A kind of `compose.fakes.server.KINDS` joins the run by its entry here; one without an entry is left out, and named.
"""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any
from urllib.parse import urlsplit

from compose.fakes.signing import body_signature, standard_signature

Listing = Mapping[str, Any]
"""A listing as its stand-in tells it: sku, listing, ids."""
Row = Mapping[str, object]
Wish = Mapping[str, Any]
Sign = Callable[[str, bytes, int], Mapping[str, str]]
"""Makes the headers that prove a body at a time (s) with a secret."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """One stand-in account: where it serves, where its notifications go, and its secrets."""

    name: str
    kind: str
    url: str
    inbox: str
    webhook_secret: str
    token: str


def _nothing(_: Account) -> Mapping[str, Any]:
    return {}


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """
    What a kind has.

    Args:
        polls: its orders can be read, so that a webhook may be lost and lines may leave an order unsaid.
        can: which changes its orders know, beside a sale and a cancel that restocks (`tests.chaos.stories.STORIES`).
        nameless: its listings may lack a SKU.
        renames: what it calls a listing may differ from our SKU.
        sign: how its webhooks are signed, where a secret of ours signs them: one that is out of force is tried then.
        secret: makes the secret of its webhooks out of random hexadecimal digits.
        token: likewise, what opens its API.
        row: a listing as a row of the listings file: `listing_id` and the channel's own ids.
        settings: what its entry in the configuration says beside name, kind, since, address and polling.
        secrets: what the services are given in the environment, by `LASTUNIT_<NAME>_<...>`, beside webhook secrets.
        topics: what is subscribed to where that is not the stand-in's own choice.
        prompt: what its polls repair is repaired within seconds; only such a channel's webhooks are lost here.
        queue: its notifications come through an SQS queue.
        asides: what its stand-in is told at the start, then in the middle of the run: (word, wish) of its control.

    """

    polls: bool
    can: frozenset[str] = frozenset()
    nameless: bool = False
    renames: bool = True
    rotates: bool = True
    sign: Sign | None = None
    secret: Callable[[str], str] = str
    token: Callable[[str], str] = str
    row: Callable[[Listing], Row]
    settings: Callable[[Account], Mapping[str, Any]] = _nothing
    secrets: Callable[[Account], Mapping[str, str]] = _nothing
    topics: Sequence[str] = ()
    prompt: bool = True
    queue: bool = False
    asides: Sequence[tuple[tuple[str, Wish], ...]] = ((), ())


def _shopify_sign(secret: str, body: bytes, _now_s: int) -> Mapping[str, str]:
    return {"X-Shopify-Topic": "orders/create", "X-Shopify-Hmac-Sha256": body_signature(secret, body)}


def _woocommerce_sign(secret: str, body: bytes, _now_s: int) -> Mapping[str, str]:
    return {"X-WC-Webhook-Topic": "order.updated", "X-WC-Webhook-Signature": body_signature(secret, body)}


def _standard_sign(secret: str, body: bytes, now_s: int) -> Mapping[str, str]:
    signature = standard_signature(secret, "msg_knock", now_s, body)
    return {"webhook-id": "msg_knock", "webhook-timestamp": str(now_s), "webhook-signature": signature}


def _shopify_row(one: Listing) -> Row:
    ids = one["ids"]
    return {
        "listing_id": ids["variant_id"],
        "variant": ids["variant_id"],
        "inventory_item": ids["inventory_item_id"],
    }


def _woocommerce_row(one: Listing) -> Row:
    ids = one["ids"]
    return {"listing_id": ids["product_id"], "product": ids["product_id"]}


def _etsy_row(one: Listing) -> Row:
    ids = one["ids"]
    return {"listing_id": ids["product_id"], "listing": ids["listing_id"], "product": ids["product_id"]}


def _ebay_keys(account: Account) -> Mapping[str, str]:
    client, secret = account.token.split(":")
    refresh, verification = "v^1.1#refresh", account.webhook_secret
    client_keys = {"CLIENT_ID": client, "CLIENT_SECRET": secret}
    return {**client_keys, "REFRESH_TOKEN": refresh, "VERIFICATION_TOKEN": verification}


def _etsy_keys(account: Account) -> Mapping[str, str]:
    key, shared, refresh = account.token.split(":")
    return {"API_KEY": key, "SHARED_SECRET": shared, "REFRESH_TOKEN": refresh}


def _amazon_keys(account: Account) -> Mapping[str, str]:
    client, secret, refresh = account.token.split(":")
    login = {"CLIENT_ID": client, "CLIENT_SECRET": secret, "REFRESH_TOKEN": refresh}
    return {**login, "AWS_ACCESS_KEY_ID": "AKIAREHEARSAL", "AWS_SECRET_ACCESS_KEY": "rehearsal"}


def _amazon_settings(account: Account) -> Mapping[str, Any]:
    inbox = urlsplit(account.inbox)
    seller = "A" + hashlib.sha256(account.name.encode()).hexdigest()[:13].upper()
    return {
        "alias": seller,
        "marketplaces": ["ATVPDKIKX0DER"],
        "queues": [f"https://sqs.us-east-1.amazonaws.com{inbox.path}"],
        "queue_endpoint": f"{inbox.scheme}://{inbox.netloc}",
    }


def _pair(account: Account) -> Mapping[str, str]:
    key, _, secret = account.token.partition(":")
    return {"CONSUMER_KEY": key, "CONSUMER_SECRET": secret}


FACTS: Mapping[str, Facts] = MappingProxyType(
    {
        "shopify": Facts(
            polls=True,
            # An edit takes a line off by its units and adds another: no line of an order leaves it or changes its SKU.
            can=frozenset({"edit", "refund", "keep", "exchange"}),
            nameless=True,
            sign=_shopify_sign,
            row=_shopify_row,
            settings=lambda _: {"api_version": "2026-07"},
            secrets=lambda account: {"ACCESS_TOKEN": account.token},
            topics=(
                *("orders/create", "orders/updated", "orders/paid", "orders/edited"),
                *("orders/cancelled", "refunds/create"),
            ),
        ),
        "woocommerce": Facts(
            polls=True,
            # Orders are rows that staff and plug-ins rewrite.
            can=frozenset({"edit", "refund", "keep", "swap", "remove"}),
            nameless=True,
            sign=_woocommerce_sign,
            token=lambda digits: f"ck_{digits[:20]}:cs_{digits[20:]}",
            row=_woocommerce_row,
            secrets=_pair,
        ),
        "ebay": Facts(
            polls=True,
            # Bought once, cancelled as a whole; a refund is money. Of cancels and refunds no webhook tells.
            can=frozenset({"money"}),
            nameless=True,
            token=lambda digits: f"{digits[:20]}:{digits[20:]}",
            row=lambda one: {"listing_id": one["ids"]["listing"], "listing": one["ids"]["listing"]},
            settings=lambda account: {"webhook_url": account.inbox},
            secrets=_ebay_keys,
        ),
        "etsy": Facts(
            polls=True,
            # A receipt's lines never change, and its webhooks name no line.
            can=frozenset({"money"}),
            nameless=True,
            sign=_standard_sign,
            secret=lambda digits: f"whsec_{digits[:32]}",
            token=lambda digits: f"{digits[:20]}:{digits[20:]}:refresh",
            row=_etsy_row,
            settings=lambda _: {"alias": "12345678"},
            secrets=_etsy_keys,
        ),
        "amazon": Facts(
            polls=True,
            # The Orders API shows nothing that is younger than two minutes; a queue loses nothing.
            prompt=False,
            queue=True,
            rotates=False,
            # Orders are cancelled, line by line or whole; what comes back later is booked by hand.
            can=frozenset({"less"}),
            token=lambda digits: f"{digits[:10]}:{digits[10:20]}:{digits[20:]}",
            row=lambda one: {"listing_id": one["sku"]},
            settings=_amazon_settings,
            secrets=_amazon_keys,
            asides=(
                (("amazon", {"rate_scale": 10_000, "initial": "Pending"}),),
                tuple(("afn", {"sku": "CH-07", "qty": 3, "order_id": f"AFN-{number}"}) for number in range(5)),
            ),
        ),
        "generic": Facts(
            polls=False,
            can=frozenset({"edit", "refund", "keep", "swap", "remove"}),
            renames=False,
            sign=_standard_sign,
            secret=lambda digits: f"whsec_{digits[:32]}",
            row=lambda one: {"listing_id": one["sku"]},
        ),
    }
)
