"""eBay's own facts, beyond what every kind must do."""

import base64
import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from ingest.channels import ebay, ebay_keys
from ingest.poll.kind import Answer, Denied, Later
from ingest.webhook import BadPayload, BadSignature
from schemas.settings import Channel, Kind

VECTORS = json.loads((Path(__file__).parent / "vectors" / "signatures.json").read_text(encoding="utf-8"))["vectors"]
SELLER = Channel(name="ebay", kind=Kind.EBAY, since=0, base_url="https://api.example")
BODY = b'{"metadata":{"topic":"ORDER_CONFIRMATION"}}'
SHA1 = hashes.SHA1()  # noqa: S303 - what eBay signs over
PAIR = ec.derive_private_key(7, ec.SECP256R1())
PEM = PAIR.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


def header(**told: Any) -> dict[str, str]:
    """Write the header as eBay does, with other values where given; a None leaves the name out."""
    signature = base64.b64encode(PAIR.sign(BODY, ec.ECDSA(SHA1))).decode()
    whole = {"alg": "ecdsa", "kid": "a-key", "signature": signature, "digest": "SHA1"} | told
    kept = {name: value for name, value in whole.items() if value is not None}
    return {"x-ebay-signature": base64.b64encode(json.dumps(kept).encode()).decode()}


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: str(vector["name"]))
def test_the_published_vectors_are_judged_as_ebay_s_own_library_judges_them(vector: dict[str, Any]) -> None:
    """Signature, body and key come from the vendor's test data; one fits, two do not."""
    body = json.dumps(vector["message"], separators=(",", ":")).encode()
    headers = {"x-ebay-signature": vector["signature"]}

    assert ebay_keys.key_id(headers) == "9936261a-7d7b-4621-a0f1-96ccb428af49"
    if vector["fits"]:
        ebay.verify(headers, body, [vector["key"]], 0)
    else:
        with pytest.raises(BadSignature):
            ebay.verify(headers, body, [vector["key"]], 0)


def test_one_changed_byte_of_the_published_body_does_not_fit() -> None:
    """What is signed are the raw bytes: a blank more is another message."""
    vector = VECTORS[0]
    with pytest.raises(BadSignature):
        ebay.verify(
            {"x-ebay-signature": vector["signature"]}, json.dumps(vector["message"]).encode(), [vector["key"]], 0
        )


@pytest.mark.parametrize("digest", [SHA1, hashes.SHA256()])
def test_both_digests_that_ebay_names_are_read(digest: hashes.HashAlgorithm) -> None:
    """Its vectors say SHA1, its presentation of the header SHA256; in either spelling."""
    signature = base64.b64encode(PAIR.sign(BODY, ec.ECDSA(digest))).decode()
    for name in (digest.name.upper(), digest.name):
        ebay.verify(header(signature=signature, digest=name), BODY, [PEM], 0)


@pytest.mark.parametrize(
    "told",
    [
        {"digest": "SHA256"},  # not the one that was signed over
        {"digest": "MD5"},
        {"digest": "none"},
        {"digest": None},
        {"alg": "none"},
        {"alg": "RSA"},
        {"alg": None},
        {"signature": ""},
        {"signature": None},
        {"signature": "MEUCIQ=="},
        {"signature": base64.b64encode(b"\x00" * 64).decode()},
        {"signature": 7},
        {"kid": None},
        {"kid": ""},
        {"kid": "../../sell/fulfillment/v1/order"},
        {"kid": "a/b"},
        {"kid": "a?b=c"},
        {"kid": "a%2Fb"},
        {"kid": "x" * 65},
        {"kid": "key\n"},
        {"kid": ["a-key"]},
    ],
    ids=str,
)
def test_a_header_that_ebay_would_not_write_is_refused(told: dict[str, Any]) -> None:
    """Another algorithm or digest, no signature, a name of a key that would be a path: never a fault, never a call."""
    with pytest.raises(BadSignature):
        ebay.verify(header(**told), BODY, [PEM], 0)


def test_a_truncated_or_endless_header_is_refused_before_it_is_read() -> None:
    """Cut anywhere, or padded beyond what a real one has."""
    whole = header()["x-ebay-signature"]
    ebay.verify({"x-ebay-signature": whole}, BODY, [PEM], 0)
    for cut in range(len(whole)):
        with pytest.raises(BadSignature):
            ebay.verify({"x-ebay-signature": whole[:cut]}, BODY, [PEM], 0)
    with pytest.raises(BadSignature):
        ebay.verify(header(padding="x" * 3_000), BODY, [PEM], 0)


def test_a_key_that_is_none_fits_nothing() -> None:
    """Not base64, not a key, a key of another algorithm: the channel's fault, and no way in."""
    stranger = ed25519.Ed25519PrivateKey.generate().public_key()
    shown = stranger.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    for key in ("", "ü", "-----BEGIN PUBLIC KEY----------END PUBLIC KEY-----", "AAAA", shown):
        with pytest.raises(BadSignature):
            ebay.verify(header(), BODY, [key], 0)


def test_the_challenge_is_answered_as_documented() -> None:
    """SHA-256 over code, token and address, in that order, in hex; the newest token answers."""
    code, token, url = "a8628072-3d33-45ee-9004-bee86830a22d", "x" * 40, "https://shop.example/webhooks/ebay/order"
    told = json.loads(ebay.challenge({"challenge_code": code}, url, [token, "an-old-token"]))
    assert told == {"challengeResponse": hashlib.sha256(f"{code}{token}{url}".encode()).hexdigest()}
    # The same by a shell: printf '%s' 123xhttps://a.example/ | sha256sum
    told = json.loads(ebay.challenge({"challenge_code": "123"}, "https://a.example/", ["x"]))
    assert told["challengeResponse"] == "5ccfa2f6eff2a2b62291affd33e3d870df02ea606a15cdc7f1d185c752aca808"


@pytest.mark.parametrize("code", ["", " ", "a b", "ü", "x" * 501, "a\n"])
def test_a_question_that_ebay_would_not_ask_is_refused(code: str) -> None:
    """Nothing, blanks, other than ASCII, endless."""
    with pytest.raises(BadPayload):
        ebay.challenge({"challenge_code": code}, "https://a.example/", ["x"])


def test_a_notification_says_whose_it_is() -> None:
    """The seller's user id, in lower case as aliases are compared; "" where it says nothing."""
    told = {"metadata": {"topic": "ORDER_CONFIRMATION"}, "notification": {"data": {"user": {"userId": "ma8vp1jySJC"}}}}
    assert ebay.account({}, json.dumps(told).encode()) == "ma8vp1jysjc"
    assert ebay.account({}, b'{"notification": {"data": {"userId": "flat"}}}') == ""


def test_a_notification_names_the_order_to_read_and_nothing_else() -> None:
    """The quantity beside it is not taken: it says nothing of the order's other lines, or of when it was so."""
    path = Path(__file__).parent / "webhooks" / "order_confirmation.json"
    reading = ebay.parse({}, json.dumps(json.loads(path.read_text(encoding="utf-8"))["body"]).encode(), 0)
    assert (reading.order, reading.poll, reading.lines, reading.refused) == ("13-14786-65872", True, (), ())


def test_a_deleted_account_s_data_is_not_read() -> None:
    """A deletion notice whose data is of any shape is acknowledged, and leaves nothing."""
    shapes: tuple[Any, ...] = ({"username": "x", "userId": "y"}, None, [], "text", {"order": {"orderId": "13-1"}})
    for data in shapes:
        body = {"metadata": {"topic": "MARKETPLACE_ACCOUNT_DELETION"}, "notification": {"data": data}}
        reading = ebay.parse({}, json.dumps(body).encode(), 0)
        assert (reading.order, reading.poll, list(reading.ignored)) == ("", False, ["other_event"])


def test_a_key_is_asked_for_by_its_name_with_the_application_s_token() -> None:
    """The name is part of the path, which `key_id` has made sure of; the token shows up in no log."""
    call = ebay_keys.request(SELLER, "an-app-token", "9936261a-7d7b")
    assert (call.method, call.url) == ("GET", "https://api.example/commerce/notification/v1/public_key/9936261a-7d7b")
    assert call.headers["authorization"] == "Bearer an-app-token"
    assert "an-app-token" not in repr(call)


@pytest.mark.parametrize(
    ("status", "body", "meaning"),
    [
        (200, b'{"key":"-----BEGIN PUBLIC KEY-----AAAA-----END PUBLIC KEY-----","algorithm":"ECDSA"}', str),
        (404, b'{"errors":[{"errorId":195001}]}', str),
        (400, b"", Later),
        (401, b"", Denied),
        (403, b"", Denied),
        (429, b"", Later),
        (500, b"", Later),
        (0, b"", Later),
        (200, b"<html>", Later),
        (200, b"[]", Later),
        (200, b'{"key":7}', Later),
        (200, b'{"key":""}', Later),
    ],
)
def test_what_the_key_server_answers(status: int, body: bytes, meaning: type) -> None:
    """A key, "" for a name that there is not, and everything else is asked again or refused; nothing raises."""
    found = ebay_keys.read(Answer(status=status, headers={}, body=body))
    assert isinstance(found, meaning)
    assert (found == "") == (status == 404)
