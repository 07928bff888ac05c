"""How each vendor proves that a webhook is its own. Pure functions over bytes."""

import base64
import hashlib
import hmac

STANDARD_PREFIX = "whsec_"


def body_signature(secret: str, body: bytes) -> str:
    """Sign as Shopify and WooCommerce do: base64 of HMAC-SHA256 over the raw body, the key being the secret's text."""
    return base64.b64encode(hmac.new(secret.encode(), body, hashlib.sha256).digest()).decode()


def standard_signature(secret: str, message_id: str, timestamp_s: int, body: bytes) -> str:
    """Sign as Standard Webhooks says: `v1,` and base64 of HMAC-SHA256 over `id.timestamp.body`.

    The key is the base64 text after `whsec_` (standard-webhooks/spec/standard-webhooks.md).
    """
    key = base64.b64decode(secret.removeprefix(STANDARD_PREFIX))
    signed = b"%s.%d.%s" % (message_id.encode(), timestamp_s, body)
    return "v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
