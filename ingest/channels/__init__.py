"""The kinds of channel whose webhooks we read: the one list, checked against the interface by the type checker."""

from collections.abc import Mapping
from types import MappingProxyType

from ingest.channels import amazon, ebay, ebay_keys, etsy, generic, shopify, woocommerce
from ingest.key_kind import Keys
from ingest.webhook import Challenge, Webhook
from schemas.settings import Kind

WEBHOOKS: Mapping[Kind, Webhook] = MappingProxyType(
    {
        Kind.SHOPIFY: shopify,
        Kind.WOOCOMMERCE: woocommerce,
        Kind.GENERIC: generic,
        Kind.EBAY: ebay,
        Kind.ETSY: etsy,
        Kind.AMAZON: amazon,
    }
)
KEYS: Mapping[Kind, Keys] = MappingProxyType({Kind.EBAY: ebay_keys})
"""Kinds that sign with a key of their own, which is fetched by its name; the others share a secret with us."""
CHALLENGES: Mapping[Kind, Challenge] = MappingProxyType({Kind.EBAY: ebay})
"""Kinds that ask the address a question before they use it."""
