"""How a stand-in eBay signs: ECDSA over the raw body with a key pair of its own, whose public half it shows by name.

Facts: Notification API overview and `event-notification-nodejs-sdk` (the header is base64 of a small JSON object; the
key is PEM without line breaks; alg ECDSA on P-256, digest SHA1; the challenge is SHA-256 in hex).
"""

import base64
import hashlib
import uuid
from dataclasses import dataclass, field

import orjson
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

HEADER = "X-EBAY-SIGNATURE"


@dataclass(slots=True)
class Signer:
    """Key pairs by name; each follows from a seed, so that a stand-in that starts again has it."""

    pairs: dict[str, ec.EllipticCurvePrivateKey] = field(default_factory=dict)

    def pair(self, seed: str) -> tuple[str, ec.EllipticCurvePrivateKey]:
        """Give the name and the key that belong to a seed; from then on the public half is shown."""
        name = str(uuid.uuid5(uuid.NAMESPACE_URL, f"ebay:{seed}"))
        if name not in self.pairs:
            secret = int.from_bytes(hashlib.sha256(seed.encode()).digest()[:31]) + 1
            self.pairs[name] = ec.derive_private_key(secret, ec.SECP256R1())
        return name, self.pairs[name]

    def header(self, seed: str, body: bytes) -> str:
        """Sign a body."""
        name, key = self.pair(seed)
        signature = base64.b64encode(key.sign(body, ec.ECDSA(hashes.SHA1()))).decode()  # noqa: S303 - the vendor's choice
        told = {"alg": "ecdsa", "kid": name, "signature": signature, "digest": "SHA1"}
        return base64.b64encode(orjson.dumps(told)).decode()

    def shown(self, name: str) -> dict[str, str] | None:
        """Show a public key as `getPublicKey` does, None for a name that there is not."""
        key = self.pairs.get(name)
        if key is None:
            return None
        pem = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
        return {"key": pem.replace("\n", ""), "algorithm": "ECDSA", "digest": "SHA1"}


def challenge(code: str, token: str, endpoint: str) -> str:
    """Compute what a receiver has to answer."""
    return hashlib.sha256(f"{code}{token}{endpoint}".encode()).hexdigest()
