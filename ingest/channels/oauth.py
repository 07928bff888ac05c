"""How tokens are bought (RFC 6749): a form, posted."""

from collections.abc import Mapping
from urllib.parse import urlencode

from ingest.poll.kind import Request


def form(url: str, fields: Mapping[str, str], headers: Mapping[str, str] | None = None) -> Request:
    """Return the call that posts a form, with further `headers`."""
    told = {"content-type": "application/x-www-form-urlencoded", "accept": "application/json", **(headers or {})}
    return Request(method="POST", url=url, headers=told, body=urlencode(fields).encode())
