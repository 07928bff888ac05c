"""The kinds of channel that can be asked: for orders, for listings, and for the access tokens that asking takes."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

from ingest.channels import (
    amazon_listings,
    amazon_poll,
    amazon_token,
    ebay_grant,
    ebay_listings,
    ebay_poll,
    etsy_grant,
    etsy_listings,
    etsy_poll,
    shopify_grant,
    shopify_listings,
    shopify_poll,
    woocommerce_listings,
    woocommerce_poll,
    woocommerce_watch,
)
from ingest.discover.kind import Discovery
from ingest.poll.kind import Grant, Poll
from ingest.poll.watch import Watch
from schemas.config import Secrets, channel_secret
from schemas.settings import Channel, Kind

POLLS: Mapping[Kind, Poll[Any]] = MappingProxyType(
    {
        Kind.SHOPIFY: shopify_poll,
        Kind.WOOCOMMERCE: woocommerce_poll,
        Kind.EBAY: ebay_poll,
        Kind.ETSY: etsy_poll,
        Kind.AMAZON: amazon_poll,
    }
)
DISCOVERIES: Mapping[Kind, Discovery[Any]] = MappingProxyType(
    {
        Kind.SHOPIFY: shopify_listings,
        Kind.WOOCOMMERCE: woocommerce_listings,
        Kind.EBAY: ebay_listings,
        Kind.ETSY: etsy_listings,
        Kind.AMAZON: amazon_listings,
    }
)
GRANTS: Mapping[Kind, Grant] = MappingProxyType(
    {Kind.EBAY: ebay_grant.SELLER, Kind.ETSY: etsy_grant, Kind.AMAZON: amazon_token}
)
"""Kinds whose calls need an access token of limited life; the others are called with their secrets."""
CHOSEN: Mapping[Kind, Grant] = MappingProxyType({Kind.SHOPIFY: shopify_grant})
"""How kinds whose access tokens may also last for ever buy one, for the channels that are given a client."""
TOKEN = "ACCESS_TOKEN"  # noqa: S105 - a name
"""What such a token is called among a kind's secrets."""
WATCHES: Mapping[Kind, Watch[Any]] = MappingProxyType({Kind.WOOCOMMERCE: woocommerce_watch})
"""Kinds that switch webhooks off without a word, and can be asked which."""


def proof_of(
    channel: Channel, asked: Poll[Any] | Discovery[Any], secrets: Secrets
) -> tuple[Sequence[str], Grant | None]:
    """Return which secrets prove who we are to a channel, and how the access token beside them is bought, if it is."""
    chosen = CHOSEN.get(channel.kind)
    if chosen is not None and secrets.has(channel_secret(channel.name, chosen.SECRETS[0])):
        return [name for name in asked.SECRETS if name != TOKEN], chosen
    return asked.SECRETS, GRANTS.get(channel.kind)
