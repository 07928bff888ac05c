"""
What every call to WooCommerce's REST API carries.

Facts: REST v3 (woocommerce-rest-api-docs): Basic authorisation with the consumer's key and secret.
"""

from base64 import b64encode
from collections.abc import Mapping, Sequence
from urllib.parse import urlencode

from ingest.poll.kind import Request
from schemas.settings import Channel, Window

LIMIT = (Window(calls=1, per_ms=1_000, burst=2),)
"""WooCommerce has no limit of its own; this is politeness to a small server."""
SECRETS = ("CONSUMER_KEY", "CONSUMER_SECRET")
PER_PAGE = 100
"""The API's own maximum."""


def get(channel: Channel, secrets: Sequence[str], path: str, query: Mapping[str, str]) -> Request:
    """Return a call that reads."""
    url = f"{channel.base_url}/wp-json/wc/v3/{path}?{urlencode(query, safe=',:')}"
    return Request(method="GET", url=url, headers=_headers(secrets))


def put(channel: Channel, secrets: Sequence[str], path: str, body: bytes) -> Request:
    """Return a call that changes something."""
    headers = {**_headers(secrets), "content-type": "application/json"}
    return Request(method="PUT", url=f"{channel.base_url}/wp-json/wc/v3/{path}", headers=headers, body=body)


def _headers(secrets: Sequence[str]) -> dict[str, str]:
    credentials = b64encode(":".join(secrets).encode()).decode()
    return {"authorization": f"Basic {credentials}", "accept": "application/json"}
