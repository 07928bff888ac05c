"""
eBay's notifications, and the question that it asks an address before it uses it.

Facts: Notification API (envelope, header, challenge), the AsyncAPI document of `ORDER_CONFIRMATION` (its data), and
`event-notification-nodejs-sdk` (the header's inside, the key's form, vectors).

No secret is shared: eBay signs for everybody with keys of its own, which are fetched by their names
(`ingest.channels.ebay_keys`).  A good signature therefore says "eBay wrote this" and not "for you".  That does no harm:
a notification names an order and not what it holds, so it only makes the poller read that order of our account, and an
`alias` (the seller's user id) keeps other sellers' notifications out.
"""

import re
from base64 import b64decode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

import orjson

from ingest import fields
from ingest.fields import Object
from ingest.webhook import BadPayload, BadSignature, Headers, Ignored, NotUnderstood, Reading

EVENT = "notification"
"""The label of every delivery: the topic stands in the body, not in a header."""
ORDER = "ORDER_CONFIRMATION"
NO_ORDER = frozenset({"MARKETPLACE_ACCOUNT_DELETION", "AUTHORIZATION_REVOCATION"})
"""What every application is sent and has nothing to do with orders; its data is not read."""
DIGESTS = frozenset({"SHA1", "SHA256"})
"""Published vectors have SHA1, eBay's own presentation of the header has SHA256."""
HEADER_MAX = 2_048
"""Characters; a real header has about 260."""
_CODE = re.compile(r"[!-~]{1,500}")
_KEY_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Seal:
    """What `x-ebay-signature` says: which key signed, over which digest."""

    key_id: str
    signature: bytes
    digest: str


def seal(headers: Headers) -> Seal:
    """Return what the header says; raises `BadSignature` for anything but eBay's own form."""
    text = headers.get("x-ebay-signature", "")
    if not text or len(text) > HEADER_MAX:
        raise BadSignature("no signature, or an endless one")
    try:
        told = orjson.loads(b64decode(text, validate=True))
        key_id, signature = str(told["kid"]), b64decode(str(told["signature"]), validate=True)
        digest, algorithm = str(told["digest"]).upper(), str(told["alg"]).lower()
    except (ValueError, TypeError, KeyError):
        raise BadSignature("not eBay's header") from None
    if algorithm != "ecdsa" or digest not in DIGESTS or not signature or not _KEY_ID.fullmatch(key_id):
        raise BadSignature("not eBay's algorithm or digest, or no name of a key")
    return Seal(key_id=key_id, signature=signature, digest=digest)


def account(headers: Headers, body: bytes) -> str:
    """Return the seller's user id, by which a notification for another seller of the application is told apart."""
    del headers
    return _text(fields.object_if_any(body) or {}, "notification", "data", "user", "userId").lower()


def ping(headers: Headers, body: bytes) -> bool:
    """EBay's tests are signed like everything else."""
    del headers, body
    return False


def verify(headers: Headers, body: bytes, secrets: Sequence[str], now_ms: int) -> None:
    """
    Raise `BadSignature` unless one of the public keys fits: ECDSA over the raw body.  No time is signed.

    Args:
        headers: with `x-ebay-signature`.
        body: as it came, not a byte changed.
        secrets: public keys as the Notification API shows them; they are no secrets.
        now_ms: unused.

    """
    from ingest.channels.ebay_signature import fits

    del now_ms
    told = seal(headers)
    if not any(fits(key, told.signature, body, told.digest) for key in secrets):
        raise BadSignature("no key fits")


def topic(headers: Headers) -> str:
    """Return the only label there is."""
    del headers
    return EVENT


def parse(headers: Headers, body: bytes, now_ms: int) -> Reading:
    """
    Return which order to read; what an order holds is never in a notification.

    `notification.data.order.orderId` stands in the topic's AsyncAPI document; eBay shows no sample.  Where it is
    missing, everything that changed is read.
    """
    del headers, now_ms
    event = fields.parse_object(body)
    name = _text(event, "metadata", "topic")
    if name in NO_ORDER:
        return Reading(ignored=(Ignored.OTHER_EVENT,))
    if name != ORDER:
        raise NotUnderstood("a topic that we do not read")
    return Reading(poll=True, order=_text(event, "notification", "data", "order", "orderId"))


def _text(value: Any, *path: str) -> str:
    """Return the id at a place, "" where there is none."""
    for name in path[:-1]:
        value = value.get(name) if isinstance(value, dict) else None
    holder: Object = value if isinstance(value, dict) else {}
    return fields.ident_if_any(holder, path[-1])


def challenge(query: Mapping[str, str], webhook_url: str, secrets: Sequence[str]) -> bytes:
    """
    Return the answer to `GET ?challenge_code=...`: SHA-256 over the code, our token and the address, in that order.

    Args:
        query: the request's.
        webhook_url: the address exactly as eBay was told it.
        secrets: the verification token; during a rotation the newest one answers.

    Raises `BadPayload` where nothing is asked.

    """
    code = query.get("challenge_code", "")
    if not _CODE.fullmatch(code):
        raise BadPayload("challenge_code: want 1 to 500 characters")
    told = f"{code}{secrets[0]}{webhook_url}".encode()
    return orjson.dumps({"challengeResponse": sha256(told).hexdigest()})
