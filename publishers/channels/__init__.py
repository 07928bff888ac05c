"""The kinds of channel that can be told levels.  One kind is one module, checked against the Protocol here."""

from collections.abc import Mapping

from publishers.channels import (
    amazon,
    amazon_grant,
    ebay,
    ebay_grant,
    etsy,
    etsy_grant,
    shopify,
    shopify_grant,
    woocommerce,
)
from publishers.grant import Grant
from publishers.kind import Kind
from schemas.config import Secrets, channel_secret
from schemas.settings import Channel

KINDS: Mapping[str, Kind] = {
    "amazon": amazon,
    "ebay": ebay,
    "etsy": etsy,
    "shopify": shopify,
    "woocommerce": woocommerce,
}

GRANTS: Mapping[str, Grant] = {"amazon": amazon_grant, "ebay": ebay_grant, "etsy": etsy_grant}
"""How the kinds that need an access token buy one."""

CHOSEN: Mapping[str, Grant] = {"shopify": shopify_grant}
"""How kinds whose access tokens may also last for ever buy one, for the channels that are given a client."""


def grant_of(channel: Channel, secrets: Secrets) -> Grant | None:
    """Return how a channel's access tokens are bought; None where its secrets prove who we are by themselves."""
    chosen = CHOSEN.get(channel.kind)
    if chosen is not None and secrets.has(channel_secret(channel.name, chosen.SECRETS[0])):
        return chosen
    return GRANTS.get(channel.kind)
