"""Signatures in constant time, over every secret in force."""

import hmac
from base64 import b64encode
from collections.abc import Iterable
from hashlib import sha256

from ingest.webhook import BadSignature


def hmac_base64(secret: bytes, message: bytes) -> bytes:
    """Return base64(HMAC-SHA256(secret, message)), the form that Shopify, WooCommerce and Standard Webhooks share."""
    return b64encode(hmac.digest(secret, message, sha256))


def matches(given: Iterable[str], expected: Iterable[bytes]) -> bool:
    """
    Say whether one of the given signatures is one of the expected.

    All pairs are compared, each in constant time, so that the time taken tells neither how much of a signature was
    right nor which secret it belongs to.
    """
    offered = [text.encode("utf-8", "surrogateescape") for text in given]
    return any([hmac.compare_digest(one, other) for other in expected for one in offered])  # noqa: C419 - a generator would stop at the first match


def require(given: Iterable[str], expected: Iterable[bytes]) -> None:
    """Raise `BadSignature` unless one of the given signatures is one of the expected."""
    if not matches(given, expected):
        raise BadSignature
