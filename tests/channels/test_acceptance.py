"""
What every kind of channel must do with a webhook, whoever wrote it: run against each captured delivery.

Bodies (unknown, missing and odd fields, SKUs) are in `test_acceptance_bodies.py`, the order of arrival in
`test_acceptance_arrival.py`.
"""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from ingest.channels import CHALLENGES, KEYS, WEBHOOKS
from ingest.webhook import BadPayload, BadSignature
from schemas.settings import Kind
from tests.channels.conftest import SECRETS, SIGN

HERE = Path(__file__).parent
SEEN_AT_RECEIPT = {Kind.WOOCOMMERCE}
"""Kinds whose body is built when it is sent, and so is as new as its delivery."""
TOKENS: Mapping[str, str] = {
    "amazon": "Amazon signs nothing: the bridge that reads the queue shows a static token (selling-partner-api-samples)"
}
"""Kinds that prove who sends and not what is sent, and why there is no better proof."""
JUNK = ("", " ", "v1", "v1,", ",", ", ,", "\udcff", "ü", "签名", "=", "====", "e30=", "{}", "null", "1" * 9_000, "\x00")


def timeless(records: list[dict[str, Any]], *, seen: bool) -> list[dict[str, Any]]:
    """Return records without the times that a redelivery changes."""
    dropped = {"receivedAt"} if seen else {"receivedAt", "seenAt"}
    return [{name: value for name, value in record.items() if name not in dropped} for record in records]


def test_every_kind_has_deliveries_and_a_description(kind: Kind) -> None:
    """A kind's folder holds captured deliveries, what each becomes, and a README with its vendor's facts."""
    folder = HERE / kind
    deliveries = {path.name for path in (folder / "webhooks").glob("*.json")}
    assert len(deliveries) >= 5, f"{folder}/webhooks: {len(deliveries)} captured deliveries, want at least 5"
    assert deliveries == {path.name for path in (folder / "records").glob("*.json")}, f"{folder}/records"
    readme = folder / "README.md"
    assert readme.exists(), f"{readme}: missing"
    assert "https://" in readme.read_text(encoding="utf-8"), f"{readme}: no link to the vendor's documentation"
    assert kind in WEBHOOKS, f"ingest/channels/__init__.py: WEBHOOKS has no {kind}"


def test_every_kind_has_a_signer_that_is_written_from_its_vendor_s_words(kind: Kind) -> None:
    """The suite signs as the vendor does, with a new and an old secret, to see that what is right is let in."""
    assert kind in SIGN, f"tests/channels/conftest.py: SIGN has no {kind}: how does its vendor sign a body?"
    assert len(SECRETS.get(kind, ())) >= 2, f"tests/channels/conftest.py: SECRETS[{kind}] wants a new and an old secret"
    assert all(name == name.lower() for name in SIGN[kind](b"{}", SECRETS[kind][0], 0)), "header names in lower case"


def test_a_delivery_becomes_exactly_the_expected_records(desk: Any, case: Any) -> None:
    """Records, ignored lines and dead letters are those that stand beside the delivery."""
    result = desk.read(case.kind, case.headers, case.raw)

    common = {"v": 1, "receivedAt": desk.now_ms}
    received = {"seenAt": desk.now_ms}
    assert result["records"] == [
        {**record, **common, **(received if record["seenAt"] == "received" else {})}
        for record in case.expected["records"]
    ]
    assert result["keys"] == [record["sku"].encode() for record in case.expected["records"]]
    assert result["ignored"] == case.expected["ignored"]
    assert result["poll"] == case.expected["poll"]
    wanted = ("reason", "orderId", "qty", "sku")
    letters = [{name: letter[name] for name in wanted} for letter in result["deadLetters"]]
    assert letters == case.expected["deadLetters"]


def test_a_delivery_never_does_nothing_unnoticed(case: Any) -> None:
    """Every delivery leaves a record, a dead letter, an ignored line with its reason, or wakes the poller."""
    expected = case.expected
    assert expected["records"] or expected["deadLetters"] or expected["ignored"] or expected["poll"]


def test_any_secret_in_force_is_accepted(desk: Any, case: Any) -> None:
    """During a rotation both the new and the old secret sign, and each of them alone is enough."""
    for secret in desk.secrets(case.kind):
        headers = case.headers | desk.sign(case.kind, case.raw, secret)
        WEBHOOKS[case.kind].verify(headers, case.raw, desk.secrets(case.kind), desk.now_ms)
        WEBHOOKS[case.kind].verify(headers, case.raw, desk.secrets(case.kind)[::-1], desk.now_ms)
        WEBHOOKS[case.kind].verify(headers, case.raw, (secret,), desk.now_ms)


def refuses(kind: Kind, headers: Mapping[str, str], body: bytes, secrets: tuple[str, ...], now_ms: int) -> bool:
    """Say whether a webhook is refused; any other error than the named one fails the test."""
    try:
        WEBHOOKS[kind].verify(headers, body, secrets, now_ms)
    except BadSignature:
        return True
    return False


def test_another_body_is_refused(desk: Any, kind: Kind) -> None:
    """What was signed is what is read: one more blank, one byte less, nothing at all."""
    body, secrets = b'{"id": 1}', desk.secrets(kind)
    good = desk.sign(kind, body, secrets[0])
    others = [b'{"id": 2}', b"", body + b" ", body[:-1], b'{"id":1}', body.upper()]
    refused = [refuses(kind, good, other, secrets, desk.now_ms) for other in others]

    assert refused == [kind not in TOKENS] * len(others), TOKENS.get(kind, "each body wants a proof of its own")


def test_a_stranger_s_signature_is_refused(desk: Any, kind: Kind) -> None:
    """None, another channel's secret, an unknown one, or no secret of our own: `BadSignature`, no other error."""
    body, secrets = b'{"id": 1}', desk.secrets(kind)
    good = desk.sign(kind, body, secrets[0])
    stranger = "whsec_QUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFB"

    assert refuses(kind, {}, body, secrets, desk.now_ms)
    assert refuses(kind, good, body, (secrets[1],), desk.now_ms), "another account's secret"
    for known in ((stranger,), ("",), ("ü",), ("x" * 5_000,), ()):
        assert refuses(kind, good, body, known, desk.now_ms)
    for other in Kind:
        if other is not kind and other in SIGN:
            foreign = desk.sign(other, body, desk.secrets(other)[0])
            assert refuses(kind, foreign, body, secrets, desk.now_ms), f"signed as {other} does"


def garbled(good: Mapping[str, str]) -> Iterator[dict[str, str]]:
    """Yield headers that prove nothing: each of them, and all at once, spoiled, cut short or empty."""
    yield from (dict.fromkeys(good, junk) for junk in JUNK)
    for name, value in good.items():
        cut = (value[:-3] + "xx=", value[:-1], value[1:], value[: len(value) // 2], value[:8], value.swapcase())
        yield from ({**good, name: spoiled} for spoiled in (*JUNK, *cut) if spoiled != value)
        yield {other: kept for other, kept in good.items() if other != name}


def test_a_garbled_signature_is_refused(desk: Any, kind: Kind) -> None:
    """Empty, truncated, shifted, of other characters than ASCII, endless: `BadSignature`, no other error."""
    body, secrets = b'{"id": 1}', desk.secrets(kind)
    for headers in garbled(desk.sign(kind, body, secrets[0])):
        assert refuses(kind, headers, body, secrets, desk.now_ms), headers


def test_several_signatures_are_no_way_in(desk: Any, kind: Kind) -> None:
    """Many wrong ones in one header stay wrong; beside the right one they are tolerated or refused, never a fault."""
    body, secrets = b'{"id": 1}', desk.secrets(kind)
    good, wrong = desk.sign(kind, body, secrets[0]), desk.sign(kind, body, secrets[1])
    for separator in (" ", ",", ", ", ";", "\t"):
        for name, value in good.items():
            for_nobody = {**wrong, name: separator.join([wrong[name]] * 50)}
            assert refuses(kind, for_nobody, body, (secrets[0],), desk.now_ms) or good == wrong
            for mixed in ((value, wrong[name]), (wrong[name], value)):
                refuses(kind, {**good, name: separator.join(mixed)}, body, secrets[:1], desk.now_ms)


def test_what_is_not_verified_yet_is_harmless(desk: Any, case: Any) -> None:
    """Whose webhook it is, whether it is a ping, its topic and its key are asked before the proof: never a fault."""
    kind, junk = WEBHOOKS[case.kind], (b"", b"\xff", b"null", b"[]", b'{"shop_id": []}', b"[" * 9_000, case.raw[:-1])
    sent = [dict(case.headers), *garbled(dict(case.headers) | desk.sign(case.kind, case.raw, SECRETS[case.kind][0]))]
    for headers in sent:
        for body in (case.raw, *junk):
            assert isinstance(kind.account(headers, body), str)
            assert isinstance(kind.ping(headers, body), bool)
        assert len(kind.topic(headers)) < 60
        if case.kind in KEYS:
            try:
                assert len(KEYS[case.kind].key_id(headers)) < 256
            except BadSignature:
                continue


@pytest.mark.parametrize("asked", list(CHALLENGES), ids=str)
def test_a_question_by_get_is_answered_or_refused(asked: Kind) -> None:
    """Whatever the query says: bytes of JSON without our secrets in them, or `BadPayload`."""
    queries: list[dict[str, str]] = [{}, {"x": "y"}, *({"challenge_code": text} for text in (*JUNK, "a71308"))]
    for query in queries:
        try:
            answer = CHALLENGES[asked].challenge(query, "https://shop.example/webhooks/x/order", ("a-token-of-ours",))
        except BadPayload:
            continue
        assert b"a-token-of-ours" not in answer
        assert isinstance(json.loads(answer), dict)


def test_a_redelivery_yields_equal_records(desk: Any, case: Any) -> None:
    """A retry, or a replay by a stranger, hours later says the same of each line, under the same event ids."""
    first = desk.read(case.kind, case.headers, case.raw)
    again = desk.read(case.kind, case.headers, case.raw, desk.now_ms + 3_600_000)

    seen = "received" not in {record["seenAt"] for record in case.expected["records"]}
    assert timeless(first["records"], seen=seen) == timeless(again["records"], seen=seen)
    letters = [[letter["deadLetterId"] for letter in result["deadLetters"]] for result in (first, again)]
    assert letters[0] == letters[1]
    assert not seen or first["ids"] == again["ids"]
    assert (
        seen
        or case.kind in SEEN_AT_RECEIPT
        or case.name
        in {
            "orders_paid_events_headers",
            "without_timestamp",
            "from_the_future",
        }
    )


def test_sent_headers_do_not_decide_what_a_metric_is_called(desk: Any, kind: Kind) -> None:
    """A topic is a metric label, so it comes out of a closed list whatever an unsigned header says."""
    sent = {
        name
        for path in (HERE / kind / "webhooks").glob("*.json")
        for name in json.loads(path.read_text("utf-8"))["headers"]
    }
    names = {name.lower() for name in sent} | set(desk.sign(kind, b"{}", SECRETS[kind][0]))
    labels = {WEBHOOKS[kind].topic(dict.fromkeys(names, f"evil-{junk}")) for junk in ("", "x" * 500, "\n", "ü")}

    assert len(labels) == 1
    assert "evil" not in labels.pop()


def test_only_a_ping_is_a_ping(kind: Kind) -> None:
    """An unsigned body passes for a ping at WooCommerce only, and only in its exact form."""
    ping = WEBHOOKS[kind].ping
    assert ping({}, b"webhook_id=12") is (kind is Kind.WOOCOMMERCE)
    for body in (b"", b"webhook_id=", b"webhook_id=12&x=1", b'{"id": 1}', b"webhook_id=12\n"):
        assert not ping({}, body)
    assert not ping({"x-wc-webhook-signature": "x"}, b"webhook_id=12")
