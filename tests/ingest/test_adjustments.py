"""What may be asked of the stock, and what is refused with which sentence."""

import json
from typing import Any

import pytest

from ingest import adjustments
from ingest.adjustments import Faulty
from ingest.webhook import BadPayload, BadSignature, TooLarge
from schemas.codec import decode
from schemas.records import StockAdjusted
from schemas.words import AdjustmentKind

TRACE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


def row(**more: Any) -> dict[str, Any]:
    return {"sku": "A", "kind": "add", "qty": 3, "adjustmentId": "a-1", **more}


def read(*rows: Any) -> tuple[StockAdjusted, ...]:
    return adjustments.read(json.dumps({"adjustments": rows}).encode(), 1_000)


def test_a_row_becomes_a_record_that_stands_under_its_sku() -> None:
    """All fields are carried, and the time of receipt is ours."""
    (found,) = read(row(kind="set", qty=7, ifVersion=4, reason="count", actor="jo", sku="größe"))

    message = adjustments.message(found, TRACE)

    assert decode(StockAdjusted, message.value) == StockAdjusted(
        sku="größe",
        kind=AdjustmentKind.SET,
        qty=7,
        adjustment_id="a-1",
        if_version=4,
        reason="count",
        actor="jo",
        received_at=1_000,
    )
    assert (message.topic, message.key) == ("stock.adjusted", "größe".encode())
    assert dict(message.headers)["ce_id"] == b"a-1"
    assert dict(message.headers)["traceparent"] == TRACE.encode()


def test_pauses_need_no_quantity_and_an_add_may_take_away() -> None:
    """`pause` and `resume` move nothing; `add` goes both ways."""
    found = read(
        {"sku": "A", "kind": "pause", "adjustmentId": "1"},
        {"sku": "A", "kind": "resume", "adjustmentId": "2", "qty": 0},
        row(adjustmentId="3", qty=-5),
    )

    assert [item.qty for item in found] == [0, 0, -5]


@pytest.mark.parametrize(
    ("faulty", "sentence"),
    [
        ("A", "want an object"),
        (row(sku=""), "sku: 0 bytes, want 1 to 255"),
        (row(sku=None), "sku: want str, got NoneType"),
        (row(kind="steal"), "kind: not one of set, add, pause, resume"),
        (row(kind=[]), "kind: not one of set, add, pause, resume"),
        (row(qty=1.0), "qty: want int, got float"),
        (row(qty=2**70), "qty: want int, got float"),
        (row(qty=True), "qty: want int, got bool"),
        (row(qty=1_000_000_001), "qty: more than 1000000000 units"),
        (row(kind="set", qty=-1), "qty: a count is not below zero"),
        (row(kind="pause"), "qty: `pause` moves no units"),
        (row(adjustmentId=""), "adjustmentId: 0 bytes, want 1 to 255"),
        ({"sku": "A", "kind": "set", "adjustmentId": "1"}, "qty: missing"),
        ({"sku": "A", "kind": "set", "qty": 1}, "adjustmentId: missing"),
        (row(ifVersion=-1), "ifVersion: -1 is not between 0 and 9223372036854775807"),
        (row(ifversion=1), "unknown field 'ifversion'"),
        (row(receivedAt=1), "unknown field 'receivedAt'"),
    ],
)
def test_a_faulty_row_is_named_with_its_fault(faulty: Any, sentence: str) -> None:
    """Strict both ways: a misspelt `ifVersion` must not be a count without its condition."""
    with pytest.raises(Faulty) as caught:
        read(row(), faulty)

    assert caught.value.faults == (f"adjustments[1]: {sentence}",)


def test_all_faults_are_listed_at_once_and_an_id_may_stand_once() -> None:
    """Whoever sends a thousand rows learns of every faulty one, a repeated id included."""
    with pytest.raises(Faulty) as caught:
        read(row(), row(qty="3", adjustmentId="b"), row())

    assert caught.value.faults == (
        "adjustments[1]: qty: want int, got str",
        "adjustments[2]: adjustmentId: given twice in this request",
    )


def test_a_request_holds_one_to_a_thousand_rows() -> None:
    """An empty list, no list, or more than a thousand rows are refused as a whole."""
    assert len(read(*(row(adjustmentId=str(n)) for n in range(1_000)))) == 1_000
    with pytest.raises(TooLarge):
        read(*(row(adjustmentId=str(n)) for n in range(1_001)))
    for body in (b"{}", b'{"adjustments": []}', b'{"adjustments": {}}', b"[]", b"{", b""):
        with pytest.raises(BadPayload):
            adjustments.read(body, 0)


@pytest.mark.parametrize(
    "header", ["", "Bearer", "Bearer ", "Bearer guess", "Basic new", "new", "Bearer new x", "Bearer \udcff"]
)
def test_a_wrong_token_is_refused(header: str) -> None:
    """Only `Bearer` and one of the tokens passes; no tokens at all let nobody in."""
    with pytest.raises(BadSignature):
        adjustments.authorize(header, ("new", "old"))
    with pytest.raises(BadSignature):
        adjustments.authorize("Bearer ", ())


def test_every_token_in_force_is_accepted() -> None:
    """During a rotation both the new and the old token work; the scheme's case is free (RFC 9110)."""
    for header in ("Bearer new", "bearer old", "BEARER old"):
        adjustments.authorize(header, ("new", "old"))
