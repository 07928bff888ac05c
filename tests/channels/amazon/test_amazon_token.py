"""Amazon's access tokens and listings: the calls and what the answers mean."""

import json
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from ingest.channels import amazon_listings as listings
from ingest.channels import amazon_token as token
from ingest.discover.kind import Found, Listed
from ingest.poll.kind import Answer, Denied, Later, Token
from schemas.settings import Channel, Kind

SHOP = Channel(
    name="a",
    kind=Kind.AMAZON,
    since=0,
    base_url="https://sellingpartnerapi-eu.amazon.com",
    alias="A3TH9S8BH6GOGM",
    marketplaces=("A1F83G8C2ARO7P", "A1PA6795UKMFR9"),
)


def ok(value: Any, status: int = 200) -> Answer:
    return Answer(status=status, headers={}, body=json.dumps(value).encode())


def test_a_token_is_bought_with_a_form_and_no_secret_is_shown() -> None:
    """At Amazon's one address, or wherever the configuration says."""
    call = token.request(SHOP, ("client", "se&cret", "Atzr|refresh"))
    assert (call.method, call.url) == ("POST", "https://api.amazon.com/auth/o2/token")
    assert {name: value[0] for name, value in parse_qs(call.body.decode()).items()} == {
        "grant_type": "refresh_token",
        "refresh_token": "Atzr|refresh",
        "client_id": "client",
        "client_secret": "se&cret",
    }
    assert token.SECRETS[-1] == "REFRESH_TOKEN"
    other = Channel(name="a", kind=Kind.AMAZON, since=0, auth_url="http://127.0.0.1:9/auth/o2/token")
    assert token.request(other, ("c", "s", "r")).url == "http://127.0.0.1:9/auth/o2/token"


@pytest.mark.parametrize(
    ("answer", "verdict"),
    [
        (ok({"access_token": "Atza|1", "expires_in": 3600, "refresh_token": "Atzr|refresh"}), Token),
        (ok({"error": "invalid_grant"}, 400), Denied),
        (ok({"error": "invalid_client"}, 401), Denied),
        (ok({}, 403), Denied),
        (ok({}, 429), Later),
        (ok({}, 503), Later),
        (ok({}), Later),
        (ok({"access_token": "", "expires_in": 3600}), Later),
        (ok({"access_token": "x", "expires_in": "3600"}), Later),
        (Answer(status=0, headers={}, body=b""), Later),
        (Answer(status=200, headers={}, body=b"<html>"), Later),
    ],
)
def test_what_an_answer_means(answer: Answer, verdict: type) -> None:
    """Refused credentials are told from a service that is away."""
    assert type(token.read(answer)) is verdict


def test_a_token_lasts_as_long_as_amazon_says_and_has_no_successor() -> None:
    """The refresh token that comes back is the one that was sent."""
    found = token.read(ok({"access_token": "Atza|1", "expires_in": 3600, "refresh_token": "Atzr|refresh"}))
    assert found == Token(value="Atza|1", lasts_ms=3_600_000)
    assert "Atza" not in repr(found)


def row(sku: Any, created: str = "2026-01-01T00:00:00Z", code: str = "DEFAULT") -> dict[str, Any]:
    summary = {"marketplaceId": "A1F83G8C2ARO7P", "asin": f"B-{sku}", "createdDate": created}
    return {"sku": sku, "summaries": [summary], "fulfillmentAvailability": [{"fulfillmentChannelCode": code}]}


def listed(verdict: object) -> Listed[listings.State]:
    assert isinstance(verdict, Listed)
    return verdict


def asked(state: listings.State) -> dict[str, str]:
    parts = urlsplit(listings.request(SHOP, ("Atza|1",), state).url)
    assert parts.path == "/listings/2021-08-01/items/A3TH9S8BH6GOGM"
    return {name: value[0] for name, value in parse_qs(parts.query).items()}


def test_listings_are_asked_for_oldest_first_by_the_seller_id() -> None:
    """20 a page, the API's own maximum."""
    assert asked(listings.start()) == {
        "marketplaceIds": "A1F83G8C2ARO7P,A1PA6795UKMFR9",
        "includedData": "summaries,fulfillmentAvailability",
        "pageSize": "20",
        "sortBy": "createdDate",
        "sortOrder": "ASC",
    }


def test_a_listing_is_the_sellers_sku_and_amazons_own_stock_is_not_ours() -> None:
    """The SKU as given, the ASIN beside it; a row without one is named by its place."""
    answer = ok({"numberOfResults": 3, "items": [row(" Tee/M "), row("FBA", code="AMAZON_EU"), row(None), 7]})
    found = listed(listings.read(listings.start(), answer))
    assert found.found == (
        Found(listing_id=" Tee/M ", sku=" Tee/M ", ids={"asin": "B- Tee/M "}),
        Found(listing_id="FBA", sku="FBA", ids={"asin": "B-FBA"}, tracked=False),
    )
    assert found.unread == ("listing 3: sku: missing", "listing 4: items[]: want an object, got int")
    assert found.next is None


def test_beyond_the_first_thousand_the_reading_begins_anew_at_the_last_creation() -> None:
    """Tokens first; when they end before the total does, from the last one's second on; stuck, it says so."""
    first = ok({"numberOfResults": 1_500, "items": [row("A")], "pagination": {"nextToken": "t1"}})
    state = listed(listings.read(listings.start(), first)).next
    assert state is not None
    assert asked(state)["pageToken"] == "t1"
    last = ok({"numberOfResults": 1_500, "items": [row("B", "2026-02-01T00:00:00.500Z")]})
    state = listed(listings.read(state, last)).next
    assert state is not None
    assert (asked(state)["createdAfter"], "pageToken" in asked(state)) == ("2026-02-01T00:00:00Z", False)
    stuck = listed(listings.read(state, ok({"numberOfResults": 9, "items": [row("B", "2026-02-01T00:00:00Z")]})))
    assert stuck.next is None
    assert stuck.unread == ("of 9 listings Amazon shows 1: too many were created at once",)
