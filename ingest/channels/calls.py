"""The kinds of channel that can be asked: for orders, and for the access tokens that asking takes."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from ingest.channels import shopify_poll, woocommerce_poll
from ingest.poll.kind import Grant, Poll
from schemas.settings import Kind

POLLS: Mapping[Kind, Poll[Any]] = MappingProxyType({Kind.SHOPIFY: shopify_poll, Kind.WOOCOMMERCE: woocommerce_poll})
GRANTS: Mapping[Kind, Grant] = MappingProxyType({})
"""Kinds whose calls need an access token of limited life; the others are called with their secrets."""
