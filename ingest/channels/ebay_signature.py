"""
ECDSA as eBay uses it.  A module by itself: its library costs 15 ms and 7 MiB, which only a process with eBay pays.

Facts: `event-notification-nodejs-sdk` (PEM without line breaks, P-256, SHA1) and eBay's presentation of the header
(SHA256).
"""

from base64 import b64decode
from collections.abc import Mapping
from functools import lru_cache
from types import MappingProxyType

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_der_public_key

_ARMOUR = ("-----BEGIN PUBLIC KEY-----", "-----END PUBLIC KEY-----")
_DIGESTS: Mapping[str, hashes.HashAlgorithm] = MappingProxyType({"SHA1": hashes.SHA1(), "SHA256": hashes.SHA256()})  # noqa: S303 - what eBay signs over


def fits(key: str, signature: bytes, signed: bytes, digest: str) -> bool:
    """
    Say whether a key's owner signed these bytes.

    Args:
        key: the public key as eBay shows it.
        signature: DER, as ECDSA's are.
        signed: the raw bytes.
        digest: "SHA1" or "SHA256".

    """
    found = public_key(key)
    if found is None:
        return False
    try:
        found.verify(signature, signed, ec.ECDSA(_DIGESTS[digest]))
    except InvalidSignature:
        return False
    return True


@lru_cache(maxsize=64)
def public_key(text: str) -> ec.EllipticCurvePublicKey | None:
    """Return the key in `-----BEGIN PUBLIC KEY-----...` (eBay's has no line breaks), None for what is none."""
    for line in _ARMOUR:
        text = text.replace(line, "")
    try:
        key = load_der_public_key(b64decode("".join(text.split()), validate=True))
    except (ValueError, UnsupportedAlgorithm):
        return None
    return key if isinstance(key, ec.EllipticCurvePublicKey) else None
