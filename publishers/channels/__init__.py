"""The kinds of channel that can be told levels.  One kind is one module, checked against the Protocol here."""

from collections.abc import Mapping

from publishers.channels import amazon, amazon_grant, ebay, ebay_grant, etsy, etsy_grant, shopify, woocommerce
from publishers.grant import Grant
from publishers.kind import Kind

KINDS: Mapping[str, Kind] = {
    "amazon": amazon,
    "ebay": ebay,
    "etsy": etsy,
    "shopify": shopify,
    "woocommerce": woocommerce,
}

GRANTS: Mapping[str, Grant] = {"amazon": amazon_grant, "ebay": ebay_grant, "etsy": etsy_grant}
"""How the kinds that need an access token buy one."""
