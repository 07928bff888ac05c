"""What every kind's tests share: its captured deliveries, how its vendor signs, and our reading of a delivery."""

import base64
import hashlib
import hmac
import json
from collections.abc import Callable, Generator, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

import orjson
import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from ingest import lines
from ingest.channels import WEBHOOKS
from ingest.message import Arrival
from publishers.kind import Kind as Push
from publishers.push import (
    NAMES,
    Account,
    Again,
    ChannelDown,
    Delivered,
    Request,
    Response,
    Retry,
    Row,
    Shows,
    Throttled,
    Verdict,
)
from schemas.channel_records import Component, Listing
from schemas.settings import Kind

HERE = Path(__file__).parent
NOW_MS = 1795300000000
"""When every delivery of these tests arrives."""
EBAY_KEYS = {f"key-{number}": ec.derive_private_key(number, ec.SECP256R1()) for number in (2, 3)}
EBAY_SHOWN = {
    key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode().replace("\n", ""): name
    for name, key in EBAY_KEYS.items()
}
"""eBay shares no secret: what proves a webhook is a public key, as eBay shows it, and here is the name of each."""
SECRETS = {
    Kind.SHOPIFY: ("a-new-secret", "hush"),
    Kind.WOOCOMMERCE: ("a-new-secret", "hush"),
    Kind.EBAY: tuple(EBAY_SHOWN),
    Kind.AMAZON: ("a-new-token-of-the-bridge", "an-old-token-of-the-bridge"),
    Kind.ETSY: ("whsec_RXRzeSdzIG5ldyBzZWNyZXQsIDI0", "whsec_RXRzeSdzIG9sZCBzZWNyZXQsIDI0"),
    Kind.GENERIC: ("whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"),
}
LISTINGS = {
    "7001": Listing(channel="acme", listing_id="7001", sku="MAPPED"),
    "7002": Listing(
        channel="acme",
        listing_id="7002",
        sku="SET",
        components=(Component(sku="CUP", qty=2), Component(sku="SAUCER", qty=1)),
    ),
}
LISTINGS["SET"] = LISTINGS["7002"]
Headers = dict[str, str]
End = TypeVar("End")


def _digest(key: bytes, message: bytes) -> str:
    return base64.b64encode(hmac.new(key, message, hashlib.sha256).digest()).decode()


def _sign_shopify(body: bytes, secret: str, _now_ms: int) -> Headers:
    return {"x-shopify-hmac-sha256": _digest(secret.encode(), body)}


def _sign_woocommerce(body: bytes, secret: str, _now_ms: int) -> Headers:
    return {"x-wc-webhook-signature": _digest(secret.encode(), body)}


def _sign_generic(body: bytes, secret: str, now_ms: int) -> Headers:
    stamp = f"msg_1.{now_ms // 1000}."
    key = base64.b64decode(secret.removeprefix("whsec_"))
    signature = f"v1,{_digest(key, stamp.encode() + body)}"
    return {"webhook-id": "msg_1", "webhook-timestamp": str(now_ms // 1000), "webhook-signature": signature}


def _sign_ebay(body: bytes, shown: str, _now_ms: int) -> Headers:
    name = EBAY_SHOWN[shown]
    signature = base64.b64encode(EBAY_KEYS[name].sign(body, ec.ECDSA(hashes.SHA1()))).decode()  # noqa: S303 - its choice
    told = {"alg": "ecdsa", "kid": name, "signature": signature, "digest": "SHA1"}
    return {"x-ebay-signature": base64.b64encode(json.dumps(told).encode()).decode()}


def _show_token(_body: bytes, secret: str, _now_ms: int) -> Headers:
    return {"authorization": f"Bearer {secret}"}


SIGN: Mapping[Kind, Callable[[bytes, str, int], Headers]] = {
    Kind.SHOPIFY: _sign_shopify,
    Kind.WOOCOMMERCE: _sign_woocommerce,
    Kind.GENERIC: _sign_generic,
    Kind.EBAY: _sign_ebay,
    Kind.AMAZON: _show_token,
    Kind.ETSY: _sign_generic,
}


@dataclass(frozen=True)
class Case:
    """One captured delivery of a kind, and what it must become."""

    kind: Kind
    name: str
    headers: Headers
    body: Any
    expected: dict[str, Any]

    @property
    def raw(self) -> bytes:
        """Return the bytes that the vendor signs."""
        return json.dumps(self.body).encode()

    def __str__(self) -> str:
        return f"{self.kind}-{self.name}"


def cases() -> list[Case]:
    """Read all captured deliveries."""
    return [_case(Kind(path.parent.parent.name), path) for path in sorted(HERE.glob("*/webhooks/*.json"))]


def _case(kind: Kind, path: Path) -> Case:
    delivery = json.loads(path.read_text(encoding="utf-8"))
    expected = json.loads((path.parent.parent / "records" / path.name).read_text(encoding="utf-8"))
    headers = {name.lower(): value for name, value in delivery["headers"].items()}
    return Case(kind, path.stem, headers, delivery["body"], expected)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run a test that asks for `case` or `kind` once for each there is."""
    if "case" in metafunc.fixturenames:
        metafunc.parametrize("case", cases(), ids=str)
    if "kind" in metafunc.fixturenames:
        metafunc.parametrize("kind", list(Kind), ids=str)


class Desk:
    """Signs as the vendors do and reads as the service does, without HTTP and Kafka."""

    now_ms = NOW_MS

    def secrets(self, kind: Kind) -> tuple[str, ...]:
        """Return the secrets in force: a new one, and the old one that senders still use."""
        return SECRETS[kind]

    def sign(self, kind: Kind, body: bytes, secret: str, now_ms: int = NOW_MS) -> Headers:
        """Return the headers that prove a body."""
        return SIGN[kind](body, secret, now_ms)

    def read(self, kind: Kind, headers: Headers, body: bytes, now_ms: int = NOW_MS) -> dict[str, Any]:
        """Parse a body, and return its records and dead letters as they would stand in Kafka."""
        reading = lines.read(WEBHOOKS[kind], headers, body, now_ms)
        arrival = Arrival(channel="acme", received_at=now_ms, body_sha256=hashlib.sha256(body).hexdigest())
        ready = lines.messages(reading, arrival, lambda _channel, listing_id: LISTINGS.get(listing_id))
        return {
            "records": [json.loads(message.value) for message in ready.orders],
            "deadLetters": [json.loads(message.value) for message in ready.dead],
            "ignored": [str(reason) for reason in reading.ignored],
            "poll": reading.poll,
            "ids": [dict(message.headers)["ce_id"] for message in ready.all],
            "keys": [message.key for message in ready.orders],
        }


@pytest.fixture(scope="session")
def desk() -> Desk:
    """Return what signs and reads."""
    return Desk()


def word(verdict: Verdict) -> str:
    """Write a verdict as the files do."""
    name = NAMES[type(verdict)]
    match verdict:
        case Throttled(after_ms):
            return f"{name} {after_ms}"
        case Shows(quantity):
            return f"shows {quantity}"
        case Delivered(str(undo), partly):
            return f"{name}_partly {undo}" if partly else f"{name} {undo}"
        case Retry(unsure=True) | ChannelDown(unsure=True) | Again(unsure=True):
            return f"{name}_unsure"
    return name


def response(given: dict[str, Any]) -> Response:
    """Make the response of a file."""
    body = given["text"].encode() if "text" in given else orjson.dumps(given.get("body"))
    return Response(
        status=given["status"],
        headers=given.get("headers", {}),
        body=body,
        err=given.get("err", ""),
        unsent=given.get("unsent", False),
        at=given.get("at", 0),
    )


def talk(conversation: Generator[Request, Response, End], answers: Iterable[Response]) -> tuple[list[Request], End]:
    """Hold a conversation with exactly these answers: returns the requests that it made and how it ended."""
    made, left = [next(conversation)], [*answers]
    while left:
        try:
            made.append(conversation.send(left.pop(0)))
        except StopIteration as end:
            assert not left, "the conversation ended before its last answer"
            ended: End = end.value
            return made, ended
    pytest.fail(f"the conversation wants more answers, for {made[-1].method} {made[-1].path or made[-1].url}")


def call(request: Request, wanted: dict[str, Any]) -> dict[str, Any]:
    """Write a request with those of its parts that a file names; `variables` are those of a GraphQL post."""
    parts: dict[str, Callable[[], Any]] = {
        "method": lambda: request.method,
        "path": lambda: request.path,
        "url": lambda: request.url,
        "bucket": lambda: request.bucket,
        "after_ms": lambda: request.after_ms,
        "throttled": lambda: request.throttled,
        "headers": lambda: dict(request.headers),
        "body": lambda: json.loads(request.body),
        "variables": lambda: json.loads(request.body)["variables"],
        "text": request.body.decode,
    }
    return {name: parts[name]() for name in wanted}


@pytest.fixture
def judges() -> Callable[[Push, Callable[[int], list[Row]], Path], None]:
    """
    Return a check: a kind judges the answers in a file as it says, row by row, what they say of the limits included.

    A file holds `response` or `responses`; `calls`, where given, are the requests.  `reads` asks instead of telling.
    `paused`, `undo` and `unanswered` hold for all rows: those travel apart.  `expected` is by row.
    """

    def check(kind: Push, rows: Callable[[int], list[Row]], path: Path) -> None:
        case = json.loads(path.read_text(encoding="utf-8"))
        shared = {name: case[name] for name in ("paused", "undo", "unanswered") if name in case}
        asked = [replace(row, quantity=case.get("told", row.quantity), **shared) for row in rows(case["rows"])]
        if "expected" in case:
            asked = [replace(row, expected=number) for row, number in zip(asked, case["expected"], strict=True)]
        account = Account(**case.get("account", {"api_version": "2026-10", "location": "gid://shopify/Location/1"}))
        conversation = kind.read(asked, account) if case.get("reads") else kind.tell(asked, account, "r1")
        made, answer = talk(conversation, map(response, case.get("responses") or [case["response"]]))
        assert [word(verdict) for verdict in answer.verdicts] == case["verdicts"]
        wanted = case.get("calls") or [{}] * len(made)
        assert [call(request, one) for request, one in zip(made, wanted, strict=True)] == wanted
        hints = [[hint.bucket, hint.per_ms, hint.left, hint.limit, hint.cost] for hint in answer.hints]
        assert hints == case.get("hints", [])
        assert all(verdict.reason for verdict in answer.verdicts if hasattr(verdict, "reason"))

    return check
