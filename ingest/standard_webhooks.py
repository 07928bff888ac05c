"""
The signature of Standard Webhooks, which our own format and Etsy share.

Facts: standardwebhooks.com, `spec/standard-webhooks.md`.  The bytes `{webhook-id}.{webhook-timestamp}.{raw body}` are
signed; `webhook-signature` lists signatures with blanks between them, `v1,` and base64 of HMAC-SHA256, or `v1a,` and
base64 of ed25519.  A sender in rotation signs with the old key and the new one, and one match is enough.
"""

import re
from base64 import b64decode
from collections.abc import Callable, Sequence
from functools import lru_cache

from ingest.signature import hmac_base64, matches
from ingest.webhook import BadSignature, Headers

TOLERANCE_MS = 300_000
"""How far the sender's clock may be from ours, to either side: what the reference libraries use."""
SECRET_PREFIX = "whsec_"  # noqa: S105 - the prefix that marks a secret, not a secret
PUBLIC_PREFIX = "whpk_"
SIGNATURES_MAX = 20
"""Entries that are looked at: no rotation needs more, and each ed25519 signature costs 0.1 ms to refuse."""
_ID = re.compile(r"[!-\-/-~]{1,256}")
"""Visible ASCII without a full stop, which separates the parts of what is signed."""
_SECONDS = re.compile(r"[0-9]{1,12}")

Verifier = Callable[[bytes, bytes], None]
"""Takes a signature and what it signs; raises where it does not."""


def verify(headers: Headers, body: bytes, secrets: Sequence[str], now_ms: int, *, bare: bool = False) -> None:
    """
    Raise `BadSignature`, and nothing else, unless one of the keys signed the body within the tolerance.

    Args:
        headers: names in lower case.
        body: as it came.
        secrets: `whsec_` and base64 for HMAC, `whpk_` and base64 of 32 bytes for ed25519; one that is neither has
            signed nothing.
        now_ms: our clock.
        bare: take an entry without a version for `v1`.

    """
    signed = _signed(headers, body, now_ms)
    entries = _entries(headers.get("webhook-signature", ""))
    offered = [entry[3:] for entry in entries if entry.startswith("v1,")]
    if bare:
        offered += [entry for entry in entries if "," not in entry]
    public = [secret for secret in secrets if secret.startswith(PUBLIC_PREFIX)]
    shared = [_decoded(secret.removeprefix(SECRET_PREFIX)) for secret in secrets if secret not in public]
    if matches(offered, [hmac_base64(key, signed) for key in shared if key]):
        return
    if not public or not _fits_ed25519([entry[4:] for entry in entries if entry.startswith("v1a,")], public, signed):
        raise BadSignature


def _signed(headers: Headers, body: bytes, now_ms: int) -> bytes:
    number, sent = headers.get("webhook-id", ""), headers.get("webhook-timestamp", "")
    if not _ID.fullmatch(number) or not _SECONDS.fullmatch(sent) or abs(int(sent) * 1_000 - now_ms) > TOLERANCE_MS:
        raise BadSignature
    return f"{number}.{sent}.".encode() + body


def _entries(header: str) -> list[str]:
    """Return the signatures with their versions."""
    if not header.isascii():
        raise BadSignature
    return header.split(" ", SIGNATURES_MAX)[:SIGNATURES_MAX]


def _decoded(text: str) -> bytes:
    """Return what base64 stands for, nothing for what is none: such a key has signed nothing."""
    try:
        return b64decode(text, validate=True)
    except ValueError:
        return b""


def _fits_ed25519(offered: Sequence[str], public: Sequence[str], signed: bytes) -> bool:
    signatures = [one for one in map(_decoded, offered) if one]
    verifiers = [found for found in map(_verifier, public) if found]
    return any(_fits(verifier, one, signed) for verifier in verifiers for one in signatures)


def _fits(verifier: Verifier, signature: bytes, signed: bytes) -> bool:
    from cryptography.exceptions import InvalidSignature

    try:
        verifier(signature, signed)
    except InvalidSignature:
        return False
    return True


@lru_cache(maxsize=256)
def _verifier(public: str) -> Verifier | None:
    """Return what verifies for a public key, None for one that is malformed."""
    # 15 ms and 7 MiB, which only a process with such a key pays.
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    try:
        return Ed25519PublicKey.from_public_bytes(_decoded(public.removeprefix(PUBLIC_PREFIX))).verify
    except ValueError:
        return None
