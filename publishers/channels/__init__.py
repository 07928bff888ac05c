"""The kinds of channel that can be told levels.  One kind is one module, checked against the Protocol here."""

from collections.abc import Mapping

from publishers.channels import shopify, woocommerce
from publishers.push import Kind

KINDS: Mapping[str, Kind] = {"shopify": shopify, "woocommerce": woocommerce}
