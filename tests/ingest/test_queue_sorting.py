"""What becomes of a message out of a queue: whose it is, what it gives, and that nothing can make it raise."""

import json
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from ingest.queue.address import name, region
from ingest.queue.sorting import Seats, sort
from schemas.config import Channel
from schemas.settings import Kind

NOW = 1_795_300_000_000
TRACE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
US = Channel(name="amazon-us", kind=Kind.AMAZON, since=0, alias="A3TH9S8BH6GOGM")
EU = Channel(name="amazon-eu", kind=Kind.AMAZON, since=0, alias="A1EUSELLER", hold_pending=False)
SEATS = Seats(own=US, others={"a1euseller": EU}, find=lambda _c, _l: None, lines_max=3)
SAMPLES = Path(__file__).parents[1] / "channels" / "amazon" / "webhooks"


def notification(seller: str = "A3TH9S8BH6GOGM", status: str = "Unshipped") -> Any:
    body = json.loads((SAMPLES / "order_unshipped.json").read_text(encoding="utf-8"))["body"]
    change = body["Payload"]["OrderChangeNotification"]
    change["SellerId"], change["Summary"]["OrderStatus"] = seller, status
    return body


def records(body: Any, seats: Seats = SEATS) -> list[dict[str, Any]]:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return [json.loads(message.value) for message in sort(raw, seats, NOW, TRACE).records]


def test_a_message_becomes_the_records_of_its_order() -> None:
    """As by HTTP: the same line, the same times, the body's hash only in dead letters."""
    (record,) = records(notification())
    assert (record["orderId"], record["sku"], record["qty"]) == (
        "amazon-us_903-8868176-2219830_OIID34853450",
        "TEE-M",
        2,
    )
    assert record["receivedAt"] == NOW


@pytest.mark.parametrize(
    ("seller", "channel"),
    [("A3TH9S8BH6GOGM", "amazon-us"), ("a3th9s8bh6gogm", "amazon-us"), ("A1EUSELLER", "amazon-eu")],
)
def test_a_message_goes_to_the_channel_whose_seller_it_names(seller: str, channel: str) -> None:
    """One queue may serve several sellers; each is counted as its own, by its own setting."""
    assert records(notification(seller))[0]["channel"] == channel
    assert records(notification(seller, "Pending"))[0]["qty"] == (2 if channel == "amazon-us" else 0)


def test_a_seller_whom_nobody_knows_is_not_counted_as_ours() -> None:
    """A dead letter with the body's hash, nothing of the order; our own poller looks, should the alias be mistyped."""
    body = json.dumps(notification("A9STRANGER")).encode()
    letter, wake = records(body)
    assert (wake["channel"], wake["order"]) == ("amazon-us", "")
    assert (letter["reason"], letter["channel"], letter["err"]) == (
        "rejected",
        "amazon-us",
        "a seller whom no channel here is",
    )
    assert letter["bodySha256"] == sha256(body).hexdigest()
    assert "orderId" not in letter or letter["orderId"] is None


@pytest.mark.parametrize("body", [b"", b"not json", b"\xff", b"[]", b'"x"', b"[" * 9_000])
def test_an_unreadable_message_is_dead_lettered_with_its_hash_only(body: bytes) -> None:
    """It would come back for ever; nothing of it is kept, and the poller looks what it may have been."""
    letter, wake = records(body)
    assert (wake["channel"], wake["order"]) == ("amazon-us", "")
    assert (letter["reason"], letter["bodySha256"]) == ("undecodable", sha256(body).hexdigest())


def test_an_order_that_is_too_long_is_dead_lettered_whole() -> None:
    """`ingest.lines_max` counts for the queue too."""
    body = notification()
    items = body["Payload"]["OrderChangeNotification"]["Summary"]["OrderItems"]
    items += [{**items[0], "OrderItemId": str(number)} for number in range(3)]
    assert [record.get("reason") for record in records(body)] == ["out_of_range", None]


def test_what_is_not_understood_wakes_the_poller() -> None:
    """A dead letter, and a record that makes the channel's poller read."""
    found = records(notification() | {"Payload": {}})
    assert [record.get("reason") for record in found] == ["unknown_shape", None]
    assert found[1]["channel"] == "amazon-us"


def test_other_notifications_in_the_queue_are_ignored_and_counted() -> None:
    """They leave no record; why is told."""
    body = json.dumps({"NotificationType": "ANY_OFFER_CHANGED", "Payload": {}}).encode()
    found = sort(body, SEATS, NOW, TRACE)
    assert (found.records, [str(why) for why in found.reading.ignored]) == ((), ["other_event"])


@pytest.mark.parametrize(
    ("url", "where", "called"),
    [
        ("https://sqs.eu-west-1.amazonaws.com/123456789012/orders", "eu-west-1", "orders"),
        ("https://eu-west-1.queue.amazonaws.com/123456789012/orders_2", "eu-west-1", "orders_2"),
        ("https://sqs.us-gov-west-1.amazonaws.com/1/q", "us-gov-west-1", "q"),
        ("https://sqs.cn-north-1.amazonaws.com.cn/1/q", "cn-north-1", "q"),
        ("https://vpce-0a1b-2c3d.sqs.us-east-2.vpce.amazonaws.com/1/q", "us-east-2", "q"),
        ("http://127.0.0.1:5000/123456789012/orders", "", "orders"),
        ("https://queue.amazonaws.com/1/q", "", "q"),
    ],
)
def test_a_queues_url_names_its_region(url: str, where: str, called: str) -> None:
    """The host says it; where it does not, nothing is guessed."""
    assert (region(url), name(url)) == (where, called)
