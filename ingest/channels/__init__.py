"""The kinds of channel whose webhooks we read: the one list, checked against the interface by the type checker."""

from collections.abc import Mapping
from types import MappingProxyType

from ingest.channels import generic, shopify, woocommerce
from ingest.webhook import Challenge, Keys, Webhook
from schemas.settings import Kind

WEBHOOKS: Mapping[Kind, Webhook] = MappingProxyType(
    {Kind.SHOPIFY: shopify, Kind.WOOCOMMERCE: woocommerce, Kind.GENERIC: generic}
)
KEYS: Mapping[Kind, Keys] = MappingProxyType({})
"""Kinds that sign with a key of their own, which is fetched by its name; the others share a secret with us."""
CHALLENGES: Mapping[Kind, Challenge] = MappingProxyType({})
"""Kinds that ask the address a question before they use it."""
