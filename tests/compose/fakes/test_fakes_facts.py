"""Signatures, times, the cost bucket and the search syntax, against the vendors' published values."""

import pytest

from compose.fakes import times
from compose.fakes.bucket import Bucket
from compose.fakes.graphql_cost import cost
from compose.fakes.graphql_engine import Refused, Request, prepare
from compose.fakes.shopify_search import connection, search
from compose.fakes.signing import body_signature, standard_signature

MOMENT = 1_795_255_200_123
"""2026-11-21T10:00:00.123Z"""


def test_body_signature_gives_the_known_vector() -> None:
    """Base64 of HMAC-SHA256 over the raw body, for Shopify and WooCommerce alike."""
    body = b'{"id":820982911946154508,"test":false}'
    assert body_signature("hush", body) == "lq1rVsMeBJUZKzHDKfd9uPpuVWyVqry3/2iLkKfMTgw="


def test_standard_signature_gives_the_vector_of_the_reference_libraries() -> None:
    """The vector that the go, js, java and c# libraries of Standard Webhooks test with."""
    secret, message = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "msg_p5jXN8AQM9LWM0D4loKWxJek"
    signature = standard_signature(secret, message, 1_614_265_330, b'{"test": 2432232314}')
    assert signature == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_times_are_written_as_each_vendor_writes_them() -> None:
    """All have a resolution of one second; Shopify's webhooks carry the shop's offset."""
    assert times.with_offset(MOMENT) == "2026-11-21T05:00:00-05:00"
    assert times.zulu(MOMENT) == "2026-11-21T10:00:00Z"
    assert times.gmt(MOMENT) == "2026-11-21T10:00:00"
    assert times.local(MOMENT) == "2026-11-21T05:00:00"
    assert times.nanoseconds(MOMENT) == "2026-11-21T10:00:00.123000000Z"


def test_a_time_without_offset_is_utc_or_the_shops() -> None:
    """WooCommerce reads a bound in the shop's zone unless `dates_are_gmt` is set."""
    assert times.parse("2026-11-21T10:00:00") == MOMENT // 1000 * 1000
    assert times.parse("2026-11-21T05:00:00", utc=False) == MOMENT // 1000 * 1000
    assert times.parse("2026-11-21T10:00:00Z") == times.parse("2026-11-21T05:00:00-05:00")


def test_a_bucket_refuses_what_it_does_not_hold_and_refills_with_time() -> None:
    """2000 points, 100 a second; a refused call costs nothing."""
    bucket = Bucket()
    assert bucket.take(0, 1990)
    assert not bucket.take(0, 11)
    assert bucket.take(10, 11)
    assert bucket.status() == {"maximumAvailable": 2000, "currentlyAvailable": 0, "restoreRate": 100}
    bucket.refill(1_000_000)
    assert bucket.status()["currentlyAvailable"] == 2000


@pytest.mark.parametrize(
    ("query", "points"),
    [
        ("{ locations(first: 1) { nodes { id } } }", 3),
        ("{ locations(first: 10) { edges { cursor node { id name } } pageInfo { hasNextPage } } }", 6),
        ("{ locations(first: 20) { nodes { id name } } }", 7),
        ("{ orders(first: 50) { nodes { id } } }", 9),
        ("{ orders(first: 50) { nodes { id lineItems(first: 1) { nodes { id } } } } }", 30),
        ('{ nodes(ids: ["a", "b"]) { __typename id } }', 1),
        ('{ nodes(ids: ["a"]) { id ... on ProductVariant { product { id } inventoryItem { id } } } }', 3),
        ('{ order(id: "gid://shopify/Order/1") { id lineItems(first: 10) { nodes { quantity } } } }', 7),
    ],
)
def test_a_query_costs_what_live_answers_were_recorded_to_cost(query: str, points: int) -> None:
    """Recorded costs of these or equally shaped queries; the nested connection follows from them."""
    prepared = prepare(query, {}, None)
    assert isinstance(prepared, Request)
    assert cost(prepared) == points


def test_search_terms_compare_times_ids_and_quoted_texts() -> None:
    """AND, OR, comparators, both quotes, escapes; a field that the resource does not have is ignored."""
    thing = {"sku": "TEE 'M'", "id": 12, "updated_at": MOMENT // 1000}
    assert search("updated_at:>='2026-11-21T10:00:00Z'")(thing)
    assert not search("updated_at:>'2026-11-21T10:00:00Z'")(thing)
    assert search('updated_at:<="2026-11-21T10:00:00Z" AND id:>11')(thing)
    assert not search("id:>11 id:<12")(thing)
    assert search(r"sku:CAP OR sku:'TEE \'M\''")(thing)
    assert not search("sku:TEE")(thing)
    assert search("status:any")(thing)
    assert search(None)(thing)


def test_a_cursor_goes_by_key_so_a_row_that_moved_is_met_again() -> None:
    """Between two pages a row moves to the end: it comes once more, and no other row is skipped."""
    first = connection([([1, "a"], "a"), ([2, "b"], "b"), ([3, "c"], "c")], {"first": 2}, lambda one: {"id": one})
    assert first["pageInfo"]["hasNextPage"]
    moved = [([2, "b"], "b"), ([3, "c"], "c"), ([4, "a"], "a")]
    page = connection(moved, {"first": 2, "after": first["pageInfo"]["endCursor"]}, lambda one: {"id": one})
    assert page["nodes"] == [{"id": "c"}, {"id": "a"}]
    assert not page["pageInfo"]["hasNextPage"]


@pytest.mark.parametrize("args", [{}, {"first": 0}, {"first": 251}, {"first": 5, "after": "§"}])
def test_a_page_needs_a_size_and_a_cursor_of_ours(args: dict[str, object]) -> None:
    """No `first`, one out of bounds, or a foreign cursor is refused with a top-level error."""
    with pytest.raises(Refused):
        connection([], args, lambda one: {"id": one})
