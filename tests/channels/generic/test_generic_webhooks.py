"""Facts of Standard Webhooks, beyond what every kind must do."""

from typing import Any

import pytest

from ingest.channels import generic
from ingest.webhook import BadSignature

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
BODY = b'{"test": 2432232314}'
SENT_S = 1614265330
HEADERS = {
    "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
    "webhook-timestamp": str(SENT_S),
    "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
}


def test_the_reference_vector_verifies() -> None:
    """The vector of the specification's own libraries, in Go, JavaScript, Java and C#."""
    generic.verify(HEADERS, BODY, [SECRET], SENT_S * 1_000)


@pytest.mark.parametrize("off_ms", [-300_001, 300_001])
def test_a_replay_outside_the_tolerance_is_refused(off_ms: int) -> None:
    """Five minutes to either side, to the millisecond."""
    with pytest.raises(BadSignature):
        generic.verify(HEADERS, BODY, [SECRET], SENT_S * 1_000 + off_ms)
    generic.verify(HEADERS, BODY, [SECRET], SENT_S * 1_000 + off_ms // abs(off_ms) * 300_000)


def test_one_match_in_a_list_of_signatures_is_enough() -> None:
    """A sender in rotation signs twice; entries without a comma or of other versions are passed over."""
    for before in ("nonsense", "v1a,abc", "v1,AAAA", "v2,x", ","):
        headers = {**HEADERS, "webhook-signature": f"{before} {HEADERS['webhook-signature']}"}
        generic.verify(headers, BODY, [SECRET], SENT_S * 1_000)


def test_a_signature_under_another_version_does_not_count() -> None:
    """`v1a` is asymmetric: the same bytes under that name prove nothing."""
    headers = {**HEADERS, "webhook-signature": HEADERS["webhook-signature"].replace("v1,", "v1a,")}
    with pytest.raises(BadSignature):
        generic.verify(headers, BODY, [SECRET], SENT_S * 1_000)


def test_a_broken_secret_hides_no_good_one() -> None:
    """A secret that is not base64, or empty, can have signed nothing; the next one is still tried."""
    generic.verify(HEADERS, BODY, ["whsec_%%%", "whsec_", SECRET], SENT_S * 1_000)


def test_ids_and_timestamps_are_part_of_what_is_signed() -> None:
    """Another id, or a fresh timestamp on an old message, does not verify."""
    for name, value in (("webhook-id", "msg_2"), ("webhook-timestamp", str(SENT_S + 1))):
        with pytest.raises(BadSignature):
            generic.verify({**HEADERS, name: value}, BODY, [SECRET], SENT_S * 1_000)


def test_skus_are_taken_as_given(desk: Any) -> None:
    """Case, blanks and composed or decomposed letters make different SKUs: nothing is normalised."""
    skus = ["Tee", "tee", " tee", "tee ", "caf\u00e9", "cafe\u0301", "\u3000", "a\x00b"]
    lines = [{"lineId": n, "sku": sku, "qty": 1} for n, sku in enumerate(skus)]
    order = {"orderId": "A", "revision": 1, "orderedAt": 1, "lines": lines}

    assert [line.sku for line in generic.read_order(order, desk.now_ms).lines] == skus


def test_a_line_that_is_given_twice_is_not_taken_for_a_repeat(desk: Any) -> None:
    """One id, one revision, two lines: the second would be dropped as a repeat, so it is dead-lettered instead."""
    lines = [{"lineId": "1", "sku": "A", "qty": 1}, {"lineId": 1, "sku": "A", "qty": 2}]
    moved = [{"lineId": "2", "sku": "A", "qty": 0}, {"lineId": "2", "sku": "B", "qty": 1}]
    order = {"orderId": "A", "revision": 1, "orderedAt": 1, "lines": [*lines, *moved]}

    reading = generic.read_order(order, desk.now_ms)

    assert [(line.line, line.sku, line.qty) for line in reading.lines] == [("1", "A", 1), ("2", "A", 0), ("2", "B", 1)]
    assert [(refused.line, refused.err) for refused in reading.refused] == [
        ("1", "lines[1].lineId: given twice for one SKU")
    ]
