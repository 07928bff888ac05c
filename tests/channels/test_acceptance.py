"""What every kind of channel must do with a webhook, whoever wrote it: run against each captured delivery."""

import copy
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ingest.channels import WEBHOOKS
from ingest.webhook import BadPayload, BadSignature, TooLarge
from schemas.settings import Kind

HERE = Path(__file__).parent
REFUSALS = (BadPayload, TooLarge)
SEEN_AT_RECEIPT = {Kind.WOOCOMMERCE}
"""Kinds whose body is built when it is sent, and so is as new as its delivery."""
ODD: tuple[Any, ...] = (
    None,
    True,
    "",
    "x",
    "\N{PILE OF POO}" * 300,
    -1,
    0.5,
    2**53,
    2**63,
    2**64,
    2**80,
    [],
    {},
    [[]],
    [{}],
)


def places(value: Any, at: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield the path of everything inside a JSON value."""
    children = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, child in children:
        yield (*at, key)
        yield from places(child, (*at, key))


def changed(body: Any, path: tuple[Any, ...], *value: Any) -> bytes:
    """Return the body with another value at a path, or (none given) without it."""
    twin = copy.deepcopy(body)
    holder = twin
    for key in path[:-1]:
        holder = holder[key]
    if value:
        holder[path[-1]] = value[0]
    else:
        del holder[path[-1]]
    return json.dumps(twin).encode()


def outcome(desk: Any, case: Any, body: bytes) -> dict[str, Any] | None:
    """Return what a body becomes, None where it is refused by one of the errors that the service answers to."""
    try:
        result: dict[str, Any] = desk.read(case.kind, case.headers, body)
    except REFUSALS:
        return None
    return result


def timeless(records: list[dict[str, Any]], *, seen: bool) -> list[dict[str, Any]]:
    """Return records without the times that a redelivery changes."""
    dropped = {"receivedAt"} if seen else {"receivedAt", "seenAt"}
    return [{name: value for name, value in record.items() if name not in dropped} for record in records]


def test_every_kind_has_deliveries_and_a_description(kind: Kind) -> None:
    """A kind's folder holds captured deliveries, what each becomes, and a README with its vendor's facts."""
    folder = HERE / kind
    deliveries = {path.name for path in (folder / "webhooks").glob("*.json")}
    assert len(deliveries) >= 5
    assert deliveries == {path.name for path in (folder / "records").glob("*.json")}
    assert "https://" in (folder / "README.md").read_text(encoding="utf-8")
    assert kind in WEBHOOKS


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
    """During a rotation both the new and the old secret sign."""
    for secret in desk.secrets(case.kind):
        headers = case.headers | desk.sign(case.kind, case.raw, secret)
        WEBHOOKS[case.kind].verify(headers, case.raw, desk.secrets(case.kind), desk.now_ms)


def test_a_bad_signature_is_refused(desk: Any, kind: Kind) -> None:
    """A changed body, a strange secret, no signature, a garbled one, or no secret at all: `BadSignature`, no other."""
    body, (secret, *_), stranger = b'{"id": 1}', desk.secrets(kind), "whsec_QUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFB"
    good = desk.sign(kind, body, secret)
    garbled = [dict.fromkeys(good, junk) for junk in ("", "v1", "v1,", ",", "\udcff", "ü", "1" * 9_000)]
    attempts = [
        (good, b'{"id": 2}', (secret,)),
        (good, b"", (secret,)),
        (good, body, (stranger,)),
        (good, body, ()),
        ({}, body, (secret,)),
        *((headers, body, (secret,)) for headers in garbled),
        *(({**good, name: f"{value[:-3]}xx="}, body, (secret,)) for name, value in good.items()),
        *(({**good, name: ""}, body, (secret,)) for name in good),
    ]
    for headers, sent, secrets in attempts:
        with pytest.raises(BadSignature):
            WEBHOOKS[kind].verify(headers, sent, secrets, desk.now_ms)


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


def test_unknown_fields_change_nothing(desk: Any, case: Any) -> None:
    """Vendors add fields without notice: an extra one in any object leaves the records as they are."""
    holders = [(), *(path for path in places(case.body))]
    plain = desk.read(case.kind, case.headers, case.raw)
    for path in holders:
        twin = copy.deepcopy(case.body)
        holder = twin
        for key in path:
            holder = holder[key]
        if isinstance(holder, dict):
            holder["a_field_of_2031"] = {"nested": [1, 2, 3]}
            assert desk.read(case.kind, case.headers, json.dumps(twin).encode())["records"] == plain["records"]


def test_a_missing_field_is_refused_or_harmless(desk: Any, case: Any) -> None:
    """Without any one field the body is refused by a named error, or what comes out is still a valid record."""
    for path in places(case.body):
        result = outcome(desk, case, changed(case.body, path))
        assert result is None or all(record["qty"] >= 0 for record in result["records"])


def test_a_value_of_the_wrong_type_never_gets_through(desk: Any, case: Any) -> None:
    """Any value may be anything, of any size: refused by a named error, or encoded within the contract's bounds."""
    for path in places(case.body):
        for value in ODD:
            result = outcome(desk, case, changed(case.body, path, value))
            for record in result["records"] if result else ():
                assert type(record["qty"]) is int
                assert 0 <= record["qty"] <= 1_000_000_000
                assert 0 < len(record["sku"].encode()) <= 255


def test_what_is_not_a_json_object_is_a_bad_payload(desk: Any, case: Any) -> None:
    """Text, lists, half a body, broken UTF-8, endless nesting, not-a-number: `BadPayload`."""
    junk = (
        b"",
        b"null",
        b"[]",
        b"7",
        b'"x"',
        case.raw[:-1],
        b"\xff\xfe",
        b"[" * 5_000,
        b'{"id": NaN}',
        b'{"a":"\\ud800"}',
    )
    for body in junk:
        with pytest.raises(BadPayload):
            WEBHOOKS[case.kind].parse(case.headers, body, desk.now_ms)


def test_nothing_of_the_body_but_ids_reaches_a_dead_letter(desk: Any, case: Any) -> None:
    """Errors name places and types: a customer's data in any field shows up in no dead letter."""
    secret = "jane.doe@example.com"
    for path in places(case.body):
        result = outcome(desk, case, changed(case.body, path, {"deep": secret}))
        assert result is None or secret not in json.dumps(result["deadLetters"])


def test_sent_headers_do_not_decide_what_a_metric_is_called(kind: Kind) -> None:
    """A topic is a metric label, so it comes out of a closed list whatever an unsigned header says."""
    names = ("x-shopify-topic", "shopify-topic", "x-wc-webhook-topic", "webhook-id")
    assert WEBHOOKS[kind].topic(dict.fromkeys(names, f"evil-{'x' * 500}")) in {"other", "order.line"}


def test_only_a_ping_is_a_ping(kind: Kind) -> None:
    """An unsigned body passes for a ping at WooCommerce only, and only in its exact form."""
    ping = WEBHOOKS[kind].ping
    assert ping({}, b"webhook_id=12") is (kind is Kind.WOOCOMMERCE)
    for body in (b"", b"webhook_id=", b"webhook_id=12&x=1", b'{"id": 1}', b"webhook_id=12\n"):
        assert not ping({}, body)
    assert not ping({"x-wc-webhook-signature": "x"}, b"webhook_id=12")
