"""
What Amazon shows: the numbers of some listings, and of all.

Facts: amzn/selling-partner-api-models `listingsItems_2021-08-01.json` (`searchListingsItems`: at most 20 identifiers,
20 a page, 1,000 results to be reached; `fulfillmentAvailability` is what is on sale, while the attribute of that name
is what was last submitted, #5327); developer-docs.amazon.com/sp-api "Search for listings items" (a SKU with a comma can
only be asked for by itself).
"""

from collections.abc import Generator, Iterator, Sequence
from itertools import islice
from urllib.parse import quote, urlencode

from publishers.channels.amazon_answers import Object, asked, document, objects, text, trouble
from publishers.channels.amazon_limits import hints
from publishers.kind import Conversation, Seen, Sweep, Swept
from publishers.push import (
    READ,
    Account,
    Answer,
    ChannelDown,
    Credentials,
    Hint,
    Rejected,
    Request,
    Response,
    Row,
    Shows,
    Verdict,
)
from schemas.channel_records import Listing

ROOT = "/listings/2021-08-01/items"
BATCH = 20
"""Most identifiers of a search, and most results on a page."""
PAGES_MAX = 50
"""A search shows its first 1,000 results; more pages than those are no pages."""
INCLUDED = "summaries,fulfillmentAvailability"
OURS = "DEFAULT"
"""The fulfilment channel of a seller's own stock; the others are Amazon's (`AMAZON_NA`, ...)."""
COMMA = ","
NUMBER_MAX = 1_000_000_000
"""A number beyond this is none."""


def item_path(account: Account, sku: str) -> str:
    """Return where a listing lives; in a SKU everything may occur, slashes included, and it may be `.` or `..`."""
    name = quote(sku, safe="")
    # As they are they would lead to another address (RFC 3986, section 5.2.4).
    name = name.replace(".", "%2E") if sku in (".", "..") else name
    return f"{_seller(account)}/{name}?{_query(account)}"


def _seller(account: Account) -> str:
    return f"{ROOT}/{quote(account.alias, safe='')}"


def _query(account: Account, **more: str) -> str:
    return urlencode({"marketplaceIds": COMMA.join(account.marketplaces), **more}, safe=COMMA, quote_via=quote)


def _get(path: str) -> Request:
    return Request(method="GET", path=path, body=b"", bucket=READ)


def questions(account: Account, skus: Sequence[str]) -> Iterator[tuple[tuple[str, ...], Request]]:
    """Yield the requests that ask for these SKUs, each with those that it asks for."""
    plain = iter(sku for sku in skus if COMMA not in sku)
    while batch := tuple(islice(plain, BATCH)):
        wish = {"identifiersType": "SKU", "identifiers": COMMA.join(batch), "pageSize": str(BATCH)}
        yield batch, _get(f"{_seller(account)}?{_query(account, includedData=INCLUDED, **wish)}")
    for sku in skus:
        if COMMA in sku:
            yield (sku,), _get(f"{item_path(account, sku)}&includedData={INCLUDED}")


def quantity(item: Object) -> int | None:
    """Return how many units of the seller's own stock are on sale; None where it is Amazon's, or tells no number."""
    for one in objects(item.get("fulfillmentAvailability")):
        if one.get("fulfillmentChannelCode") == OURS:
            number = one.get("quantity", 0)
            return number if type(number) is int and 0 <= number <= NUMBER_MAX else None
    return None


def items(response: Response) -> list[Object] | None:
    """Return the listings in an answer to a search or to a question for one; None where there are none to be read."""
    told = document(response.body)
    if isinstance(told.get("items"), list):
        return objects(told["items"])
    return [told] if text(told, "sku") else None


def read(rows: Sequence[Row], account: Account) -> Conversation:
    """Ask what these rows show."""
    found, heard = dict[str, Verdict](), list[Hint]()
    for skus, request in questions(account, [row.listing.listing_id for row in rows]):
        response = yield request
        heard.extend(hints(response, READ))
        found.update(_shown(skus, response))
    verdicts = tuple(found[row.listing.listing_id] for row in rows)
    return Answer(verdicts=verdicts, hints=tuple(heard[-1:]))


def _shown(skus: Sequence[str], response: Response) -> dict[str, Verdict]:
    refused = trouble(response, READ)
    if refused is not None:
        return dict.fromkeys(skus, refused)
    listed = items(response)
    if listed is None:
        return dict.fromkeys(skus, ChannelDown("unreadable answer: no listings"))
    by_sku = {text(item, "sku"): item for item in listed}
    return {sku: _number(by_sku.get(sku), response.at) for sku in skus}


def _number(item: Object | None, at: int) -> Verdict:
    if item is None:
        return Rejected("Amazon shows no listing of this SKU")
    number = quantity(item)
    return Rejected("Amazon shows no number of the seller's own stock") if number is None else Shows(number, at)


def sweep(account: Account, listings: Sequence[Listing]) -> Sweep:
    """Ask for all listings, the newest first; those that we know and that no page has shown, one by one."""
    seen, heard = dict[str, Seen](), list[Hint]()
    failed = yield from _pages(account, seen, heard)
    missing = [one.listing_id for one in listings if one.listing_id not in seen]
    for skus, request in questions(account, [] if failed else missing):
        response = yield from asked(request, heard)
        # A question for one listing is answered 404 where there is none.
        if len(skus) > 1 or response.status != 404:
            failed = _take(response, seen)
        if failed:
            break
    refused = isinstance(failed, Credentials)
    err = getattr(failed, "reason", "throttled") if failed else ""
    return Swept(seen=tuple(seen.values()), err=err, hints=tuple(heard[-1:]), credentials=refused)


def _pages(account: Account, seen: dict[str, Seen], heard: list[Hint]) -> Generator[Request, Response, Verdict | None]:
    """Read the pages of a search for all listings, as far as there are any; returns what stopped it."""
    page = _query(account, includedData=INCLUDED, pageSize=str(BATCH), sortBy="createdDate", sortOrder="DESC")
    token = ""
    for _ in range(PAGES_MAX):
        more = f"&pageToken={quote(token, safe='')}" if token else ""
        response = yield from asked(_get(f"{_seller(account)}?{page}{more}"), heard)
        if failed := _take(response, seen):
            return failed
        following = document(response.body).get("pagination")
        token = text(following, "nextToken") if isinstance(following, dict) else ""
        if not token:
            break
    return None


def _take(response: Response, seen: dict[str, Seen]) -> Verdict | None:
    """Take up what an answer shows; returns why it shows nothing."""
    refused = trouble(response, READ)
    if refused is not None:
        return refused
    listed = items(response)
    if listed is None:
        return ChannelDown("unreadable answer: no listings")
    for item in listed:
        sku = text(item, "sku")
        if sku:
            seen[sku] = Seen(key=sku, sku=sku, quantity=quantity(item), at=response.at)
    return None
