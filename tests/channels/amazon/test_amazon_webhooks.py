"""Amazon's notifications, beyond what the captured ones show."""

import json
from pathlib import Path
from typing import Any

import pytest

from ingest.channels import amazon
from ingest.channels.amazon_units import STATUSES, Holding, holding
from ingest.webhook import BadPayload, BadSignature

HERE = Path(__file__).parent
NOW = 1_795_300_000_000
SAMPLES = [json.loads(path.read_text())["body"] for path in sorted((HERE / "webhooks").glob("order_*.json"))]


def sample(name: str = "order_unshipped") -> Any:
    return json.loads((HERE / "webhooks" / f"{name}.json").read_text(encoding="utf-8"))["body"]


def test_a_notification_inside_a_json_string_reads_as_the_plain_one() -> None:
    """Some paths out of the queue quote the body once more."""
    quoted = json.loads((HERE / "envelopes" / "json_in_a_string.json").read_text(encoding="utf-8"))["body"]
    body = json.dumps(quoted).encode()
    assert body.startswith(b'"{')
    plain = json.dumps(sample()).encode()

    assert amazon.parse({}, body, NOW) == amazon.parse({}, plain, NOW)
    assert amazon.parse({}, b"\n " + body, NOW).lines[0].qty == 2
    assert amazon.account({}, body) == "a3th9s8bh6gogm"


@pytest.mark.parametrize("body", [b'"', b'"{"', b'""', b'"[]"', b'"\\"{}\\""', b'"\xff"', b'"{}" x'])
def test_a_string_that_holds_no_notification_is_a_bad_payload(body: bytes) -> None:
    """A string is opened once; what is in it must be an object."""
    with pytest.raises(BadPayload):
        amazon.parse({}, body, NOW)
    assert amazon.account({}, body) == ""


def test_the_seller_is_found_whatever_the_case_and_nothing_is_guessed() -> None:
    """A bridge's address is shared by accounts: the seller id in the body says whose it is, in lower case."""
    body = sample()
    assert amazon.account({}, json.dumps(body).encode()) == "a3th9s8bh6gogm"
    others: tuple[Any, ...] = (None, "", 7.5, [], {}, "x" * 201)
    for wrong in others:
        body["Payload"]["OrderChangeNotification"]["SellerId"] = wrong
        assert amazon.account({}, json.dumps(body).encode()) == ""


@pytest.mark.parametrize(
    "headers",
    [
        {"authorization": "Bearer old"},
        {"authorization": "bearer old"},
        {"x-auth-token": "old"},
        {"x-auth-token": "new"},
    ],
)
def test_a_bridge_shows_its_token_as_a_bearer_or_in_amazons_own_header(headers: dict[str, str]) -> None:
    """Either header, either token in force."""
    amazon.verify(headers, b"{}", ("new", "old"), NOW)


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"authorization": "old"},
        {"authorization": "Basic old"},
        {"authorization": "Bearer "},
        {"authorization": "Bearer  old"},
        {"x-auth-token": ""},
        {"x-auth-token": "Bearer old"},
        {"x-auth-token": "ol"},
        {"x-amz-access-token": "old"},
    ],
)
def test_without_the_token_nothing_gets_in(headers: dict[str, str]) -> None:
    """Nor does an empty one, even if somebody configured nothing."""
    for secrets in (("new", "old"), ("",), ()):
        with pytest.raises(BadSignature):
            amazon.verify(headers, b"{}", secrets, NOW)


@pytest.mark.parametrize(
    ("status", "means"),
    [
        ("Pending", Holding.PENDING),
        ("PENDING_AVAILABILITY", Holding.PENDING),
        ("PartiallyShipped", Holding.SOLD),
        ("PARTIALLY_SHIPPED", Holding.SOLD),
        ("Canceled", Holding.CANCELLED),
        ("CANCELLED", Holding.CANCELLED),
        ("cancelled", Holding.CANCELLED),
        ("CancelRequested", Holding.SOLD),
        ("Refunded", Holding.SOLD),
    ],
)
def test_both_spellings_of_a_status_mean_the_same_and_only_a_cancel_frees(status: str, means: Holding) -> None:
    """The notification's words and the Orders API's; a word that is new to us keeps the units."""
    assert holding(status) is means
    assert [word for word, found in STATUSES.items() if found is Holding.CANCELLED] == ["CANCELED", "CANCELLED"]


def test_only_orders_that_are_not_paid_wait_for_the_channels_setting() -> None:
    """`pending` is what `hold_pending` decides on; a cancelled order is never pending."""
    found = {
        body["Payload"]["OrderChangeNotification"]["Summary"]["OrderStatus"]: {line.pending for line in reading.lines}
        for body in SAMPLES
        if (reading := amazon.parse({}, json.dumps(body).encode(), NOW)).lines
    }
    assert {status for status, pending in found.items() if True in pending} == {"Pending", "PendingAvailability"}
    assert {"Unshipped", "Canceled", "Shipped"} <= found.keys()


def test_errors_name_the_place_and_never_the_value() -> None:
    """A customer's data in any field shows up in no error."""
    body = sample()
    summary = body["Payload"]["OrderChangeNotification"]["Summary"]
    summary["OrderItems"].append({"OrderItemId": "1", "Quantity": "jane.doe@example.com"})
    refused = amazon.parse({}, json.dumps(body).encode(), NOW).refused
    assert [one.err for one in refused] == ["OrderItems[1].Quantity: want an integer, got str"]
