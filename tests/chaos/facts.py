"""
What a vendor has, kind by kind: which changes its orders know, how its channel is configured, and what is secret.

A kind of `compose.fakes.server.KINDS` joins the run by its entry here; one without an entry is left out, and named.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

Listing = Mapping[str, Any]
"""A listing as its stand-in tells it: sku, listing, ids."""
Row = Mapping[str, object]


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """One stand-in account: where it serves, where its webhooks go, and its secrets."""

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
        secret: makes the secret of its webhooks out of random hexadecimal digits.
        token: likewise, what opens its API.
        row: a listing as a row of the listings file: `listing_id` and the channel's own ids.
        settings: what its entry in the configuration says beside name, kind, since, address and polling.
        secrets: what the services are given in the environment, by `LASTUNIT_<NAME>_<...>`, beside webhook secrets.
        topics: what is subscribed to where that is not the stand-in's own choice.
        services: further commands of `python -m ingest` that this channel needs.

    """

    polls: bool
    can: frozenset[str] = frozenset()
    nameless: bool = False
    renames: bool = True
    rotates: bool = True
    secret: Callable[[str], str] = str
    token: Callable[[str], str] = str
    row: Callable[[Listing], Row]
    settings: Callable[[Account], Mapping[str, Any]] = _nothing
    secrets: Callable[[Account], Mapping[str, str]] = _nothing
    topics: Sequence[str] = ()
    services: Sequence[str] = field(default=())


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
            secret=lambda digits: f"whsec_{digits[:32]}",
            token=lambda digits: f"{digits[:20]}:{digits[20:]}:refresh",
            row=_etsy_row,
            settings=lambda _: {"alias": "12345678"},
            secrets=_etsy_keys,
        ),
        "generic": Facts(
            polls=False,
            can=frozenset({"edit", "refund", "keep", "swap", "remove"}),
            renames=False,
            secret=lambda digits: f"whsec_{digits[:32]}",
            row=lambda one: {"listing_id": one["sku"]},
        ),
    }
)
