"""The kinds of channel whose webhooks we read: the one list, checked against the interface by the type checker."""

from collections.abc import Mapping
from types import MappingProxyType

from ingest.channels import generic, shopify, woocommerce
from ingest.webhook import Webhook
from schemas.settings import Kind

WEBHOOKS: Mapping[Kind, Webhook] = MappingProxyType(
    {Kind.SHOPIFY: shopify, Kind.WOOCOMMERCE: woocommerce, Kind.GENERIC: generic}
)
