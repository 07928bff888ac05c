"""What an Etsy receipt holds, and how its access tokens are fetched."""

from typing import Any
from urllib.parse import parse_qs

import orjson
import pytest

from ingest.channels import etsy_grant, etsy_poll
from ingest.poll.kind import Answer, Denied, Later, Token
from ingest.webhook import Ignored, NotUnderstood
from schemas.settings import Channel, Kind

T0 = 1_795_255_200_000
SHOP = Channel(name="acme", kind=Kind.ETSY, since=0, base_url="https://api.etsy.example", alias="12345678")


def receipt(**other: Any) -> dict[str, Any]:
    line = {"transaction_id": 4001, "listing_id": 900, "product_id": 7001, "sku": "TEE-M", "quantity": 2}
    base = {"receipt_id": 7, "status": "Paid", "is_paid": True, "refunds": [], "transactions": [line]}
    return {**base, "created_timestamp": 1795255200, "updated_timestamp": 1795255201, **other}


def line_of(**other: Any) -> Any:
    (line,) = etsy_poll.read_order(receipt(**other), T0).lines
    return line


def test_a_receipt_holds_what_was_bought() -> None:
    """Times in milliseconds; the product's id is what maps the line, the SKU stands beside it."""
    line = line_of()
    assert (line.order, line.line, line.sku, line.listing_id, line.qty) == ("7", "4001", "TEE-M", "7001", 2)
    assert (line.revision, line.seen_at, line.ordered_at) == (1795255201000, T0, 1795255200000)


@pytest.mark.parametrize(
    ("status", "qty"),
    [
        ("Paid", 2),
        ("paid", 2),
        ("Completed", 2),
        ("open", 2),
        ("payment processing", 2),
        ("canceled", 0),
        ("Canceled", 0),
        ("CANCELLED", 0),
        (" cancelled ", 0),
        ("fully refunded", 2),
        ("Partially Refunded", 2),
        ("a word of 2031", 2),
    ],
)
def test_only_a_cancellation_gives_units_back(status: str, qty: int) -> None:
    """Both spellings of it, in any case; a refund is money and says nothing of goods."""
    refunds = [{"amount": {"amount": 3900, "divisor": 100, "currency_code": "USD"}, "reason": "all of it"}]
    assert line_of(status=status, refunds=refunds).qty == qty


def test_a_checkout_that_is_not_paid_is_pending() -> None:
    """Etsy takes the unit off the listing then; whether it holds here is the channel's `hold_pending`."""
    assert [line_of(is_paid=paid).pending for paid in (True, False, None)] == [False, True, False]
    assert line_of(is_paid=False).qty == 2


@pytest.mark.parametrize(
    ("item", "listing_id"),
    [
        ({}, "7001"),
        ({"product_id": None}, "900"),
        ({"product_id": 0}, "900"),
        ({"product_id": None, "listing_id": None}, ""),
    ],
)
def test_a_line_is_mapped_by_its_product_else_by_its_listing(item: dict[str, Any], listing_id: str) -> None:
    """A product that was deleted since has no id any more."""
    line = {**receipt()["transactions"][0], **item}
    assert line_of(transactions=[line]).listing_id == listing_id


def value(number: int, *words: str) -> dict[str, Any]:
    names = {"property_name": "Size", "scale_id": None, "scale_name": None}
    return {"property_id": number, **names, "value_ids": [number], "values": [*words]}


CHOSEN = {"property_id": 100, "value_id": 7, "formatted_name": "Size", "formatted_value": "M"}
ASKED = {"property_id": 54, "value_id": None, "formatted_name": "Personalization", "formatted_value": "For Jo"}
QUESTION = {"property_id": 9, "value_id": None, "question_id": 3, "formatted_name": "Name?", "formatted_value": "Jo"}


@pytest.mark.parametrize(
    ("item", "names"),
    [
        ({"product_data": [value(200, "Red"), value(100, "M")]}, ["900/100=M;200=Red", "7001"]),
        ({"product_data": [value(100, "M")], "product_id": None}, ["900/100=M", "900"]),
        ({"product_data": []}, ["900/-", "7001"]),
        ({"product_data": [], "variations": [ASKED, QUESTION]}, ["900/-", "7001"]),
        ({"product_data": [], "variations": [CHOSEN]}, ["7001"]),
        ({"product_data": None, "variations": [CHOSEN]}, ["7001"]),
        ({"product_data": [{"property_id": "odd"}]}, ["7001"]),
        ({"product_data": [value(100, "M")], "listing_id": None}, ["7001"]),
    ],
)
def test_a_line_is_mapped_by_its_variation_which_outlasts_every_update(item: dict[str, Any], names: list[str]) -> None:
    """By its number next, which it had when it was bought; what a buyer asks for in words is no variation."""
    line = line_of(transactions=[{**receipt()["transactions"][0], **item}])
    assert [line.listing_id, *line.others] == names


def test_lines_that_are_not_ours_to_count_say_why() -> None:
    """A download has no stock; what names no product at all cannot be mapped."""
    digital = {"transaction_id": 1, "sku": "PDF", "product_id": 5, "quantity": 1, "is_digital": True}
    nameless = {"transaction_id": 2, "sku": None, "product_id": None, "listing_id": None, "quantity": 1}
    order = receipt(transactions=[digital, nameless])
    assert etsy_poll.read_order(order, T0).ignored == (Ignored.UNTRACKED, Ignored.NO_PRODUCT)
    assert etsy_poll.lines(order) == ["1", "2"]


@pytest.mark.parametrize(
    "fault",
    [
        {"receipt_id": None},
        {"status": None},
        {"status": ""},
        {"status": 7},
        {"updated_timestamp": None},
        {"updated_timestamp": "1795255201"},
        {"updated_timestamp": 10_000_000_000},
        {"created_timestamp": -1},
        {"created_timestamp": 1.5},
        {"transactions": {}},
    ],
)
def test_a_receipt_without_id_status_or_times_is_not_understood(fault: dict[str, Any]) -> None:
    """Nothing is guessed: it becomes a dead letter."""
    with pytest.raises(NotUnderstood):
        etsy_poll.read_order(receipt(**fault), T0)


def test_a_faulty_line_stops_no_other() -> None:
    """Half a unit, none at all, no id: refused one by one."""
    good = receipt()["transactions"][0]
    faulty = [{**good, "quantity": 0.5}, {**good, "quantity": None}, {**good, "transaction_id": None}]
    reading = etsy_poll.read_order(receipt(transactions=[*faulty, good]), T0)
    assert [line.line for line in reading.lines] == ["4001"]
    assert [(refused.order, refused.line) for refused in reading.refused] == [("7", "4001"), ("7", "4001"), ("7", "")]


def test_a_token_is_asked_for_with_the_keystring_and_the_refresh_token() -> None:
    """A form, without the shared secret; `auth_url` replaces the whole address."""
    call = etsy_grant.request(SHOP, ("keystring", "1.refresh"))
    assert (call.method, call.url) == ("POST", "https://api.etsy.example/v3/public/oauth/token")
    assert parse_qs(call.body.decode()) == {
        "grant_type": ["refresh_token"],
        "client_id": ["keystring"],
        "refresh_token": ["1.refresh"],
    }
    other = Channel(name="acme", kind=Kind.ETSY, since=0, base_url=SHOP.base_url, auth_url="https://auth.example/token")
    assert etsy_grant.request(other, ("k", "r")).url == "https://auth.example/token"
    assert etsy_grant.SECRETS[-1] == "REFRESH_TOKEN"


def test_a_token_comes_with_the_refresh_token_that_follows() -> None:
    """It is good for an hour, and the next one is bought with the new refresh token."""
    told = {"access_token": "1.a", "token_type": "Bearer", "expires_in": 3600, "refresh_token": "1.b"}
    granted = etsy_grant.read(Answer(status=200, headers={}, body=orjson.dumps(told)))
    assert granted == Token(value="1.a", lasts_ms=3_600_000, successor="1.b")
    assert "1.a" not in repr(granted)
    del told["refresh_token"]
    assert etsy_grant.read(Answer(status=200, headers={}, body=orjson.dumps(told))) == Token(
        value="1.a", lasts_ms=3_600_000
    )


@pytest.mark.parametrize(
    ("status", "body", "verdict"),
    [
        (400, b'{"error":"invalid_grant","error_description":"refresh_token is revoked"}', Denied),
        (401, b"", Denied),
        (403, b"", Denied),
        (429, b"", Later),
        (500, b"", Later),
        (0, b"", Later),
        (200, b"", Later),
        (200, b"[]", Later),
        (200, b'{"access_token":"","expires_in":3600}', Later),
        (200, b'{"access_token":7,"expires_in":3600}', Later),
        (200, b'{"access_token":"x","expires_in":0}', Later),
        (200, b'{"access_token":"x","expires_in":99999999}', Later),
        (200, b'{"access_token":"x","expires_in":3600,"refresh_token":7}', Later),
    ],
)
def test_what_is_no_token_is_refused_or_asked_for_again(status: int, body: bytes, verdict: type) -> None:
    """A refresh token that is revoked is not tried again; everything odd is, later."""
    assert isinstance(etsy_grant.read(Answer(status=status, headers={}, body=body)), verdict)
