"""
Where eBay's public keys come from.

Facts: Notification API `getPublicKey` (application token; "cache it for about an hour"; 404 with error 195001 for a
name that does not exist).
"""

from ingest import fields
from ingest.channels.ebay import seal
from ingest.channels.ebay_calls import get
from ingest.channels.ebay_grant import APPLICATION
from ingest.poll.kind import Answer, Denied, Later, Request, refusal
from ingest.webhook import Headers
from schemas.settings import Channel

__all__ = ["GRANT", "SECRETS", "key_id", "read", "request"]

GRANT = APPLICATION
SECRETS = APPLICATION.SECRETS
PATH = "/commerce/notification/v1/public_key/"
NO_SUCH_KEY = 404
KEY_MAX = 4_096
"""Characters; a key on P-256 has about 180."""


def key_id(headers: Headers) -> str:
    """Return the key's name, of letters, digits, `-` and `_` only; raises `BadSignature`."""
    return seal(headers).key_id


def request(channel: Channel, token: str, key_id: str) -> Request:
    """Return the call that fetches a key."""
    return get(channel, token, f"{PATH}{key_id}")


def read(answer: Answer) -> str | Later | Denied:
    """Return the key, "" where eBay says that it has none of this name."""
    if answer.status == NO_SUCH_KEY:
        return ""
    refused = refusal(answer)
    if refused is not None:
        return refused
    key = (fields.object_if_any(answer.body) or {}).get("key")
    if not isinstance(key, str) or not 0 < len(key) <= KEY_MAX:
        return Later(why="the answer holds no public key")
    return key
