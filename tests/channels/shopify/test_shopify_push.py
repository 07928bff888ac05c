"""How Shopify is told levels, and what its answers mean: each file in `pushes/` is one answer."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import orjson
import pytest

from publishers.channels import shopify as kind
from publishers.kind import Kind, Swept
from publishers.push import Account, Answer, Credentials, Rejected, Request, Response, Row, Split
from schemas.channel_records import Listing

PUSHES = sorted((Path(__file__).parent / "pushes").glob("*.json"))
Judges = Callable[[Kind, Callable[[int], list[Row]], Path], None]
ACCOUNT = Account(api_version="2026-10", location="gid://shopify/Location/1")


def listing(number: int) -> Listing:
    """Make a listing."""
    name = str(100 + number)
    return Listing(channel="s", listing_id=name, sku=f"S{number}", ids={"variant": name, "inventory_item": f"9{name}"})


def rows(count: int) -> list[Row]:
    """Make rows, each with a number of its own."""
    return [Row(sku=f"S{n}", listing=listing(n), quantity=5 + n, version=1, expected=9 + n) for n in range(count)]


@pytest.mark.parametrize("path", PUSHES, ids=lambda path: path.stem)
def test_every_answer_gets_its_verdicts(path: Path, judges: Judges) -> None:
    """Row by row, with what the answer says of the budget."""
    judges(kind, rows, path)


def answered(told: list[Row], response: Response) -> Answer:
    """Return what a call comes to whose one request is answered so."""
    conversation = kind.tell(told, ACCOUNT, "r1")
    next(conversation)
    with pytest.raises(StopIteration) as end:
        conversation.send(response)
    answer: Answer = end.value.value
    return answer


@pytest.mark.parametrize("status", [401, 402, 403, 404, 423])
def test_a_shop_that_is_shut_to_us_is_a_persons_affair(status: int) -> None:
    """No right, not paid, frozen, gone, locked: it is said once, and no row is tried on and on or given up for it."""
    verdicts = answered(rows(2), Response(status=status, body=b"{}")).verdicts
    assert [type(one) for one in verdicts] == [Credentials, Credentials]


def test_an_error_that_names_a_row_which_was_not_sent_is_nobodys_in_particular() -> None:
    """The batch is parted until the row that is meant is alone; the shop is not taken to be down for it."""
    error = {"field": ["input", "quantities", "2", "quantity"], "code": "INVALID_QUANTITY_TOO_HIGH", "message": "no"}
    told = orjson.dumps({"data": {"inventorySetQuantities": {"userErrors": [error]}}})
    both = answered(rows(2), Response(status=200, body=told)).verdicts
    assert [type(one) for one in both] == [Split, Split]
    (alone,) = answered(rows(1), Response(status=200, body=told)).verdicts
    assert isinstance(alone, Rejected)


def body(told: list[Row], request_id: str = "r1") -> dict[str, Any]:
    """Return the mutation's variables."""
    document: dict[str, Any] = orjson.loads(next(kind.tell(told, ACCOUNT, request_id)).body)
    return document


def test_a_call_sets_each_row_from_the_number_that_we_believe() -> None:
    """Compare-and-set per row, the key as a variable of the directive, the version in the path."""
    request = next(kind.tell(rows(2), ACCOUNT, "r1"))
    assert (request.method, request.path) == ("POST", "/admin/api/2026-10/graphql.json")
    document = body(rows(2))
    assert "inventorySetQuantities(input: $input) @idempotent(key: $key)" in document["query"]
    assert document["variables"]["input"] == {
        "name": "available",
        "reason": "correction",
        "referenceDocumentUri": "gid://lastunit/Call/r1",
        "quantities": [
            {
                "inventoryItemId": f"gid://shopify/InventoryItem/910{n}",
                "locationId": "gid://shopify/Location/1",
                "quantity": 5 + n,
                "changeFromQuantity": 9 + n,
            }
            for n in range(2)
        ],
    }


def test_the_idempotency_key_is_equal_for_an_equal_call_only() -> None:
    """The same call again has the same key; the same change in a later call has another, or it would not be made."""
    assert body(rows(2)) == body(rows(2))
    keys = [
        body(rows(2))["variables"]["key"],
        body(rows(1))["variables"]["key"],
        body(rows(2), "r2")["variables"]["key"],
    ]
    assert len(set(keys)) == 3
    assert all(len(key) == 64 for key in keys)


def test_a_number_that_is_not_known_is_sent_as_no_comparison() -> None:
    """From 2026-04 the field must be there, if only as null."""
    (row,) = rows(1)
    told = Row(sku=row.sku, listing=row.listing, quantity=3, version=1)
    assert body([told])["variables"]["input"]["quantities"][0]["changeFromQuantity"] is None


def test_a_read_back_asks_for_the_rows_in_their_order() -> None:
    """One query for all of them, at the account's location."""
    document = orjson.loads(next(kind.read(rows(2), ACCOUNT)).body)
    assert document["variables"] == {
        "ids": ["gid://shopify/InventoryItem/9100", "gid://shopify/InventoryItem/9101"],
        "location": "gid://shopify/Location/1",
    }
    assert 'quantities(names: ["available"])' in document["query"]


def test_all_listings_may_share_a_call() -> None:
    """There is one group; the token is a header."""
    assert kind.group(listing(1)) == kind.group(listing(2))
    assert kind.headers({"ACCESS_TOKEN": "shpat_1"}) == {"X-Shopify-Access-Token": "shpat_1"}
    assert (kind.BATCH, kind.HOT_BATCH, kind.READ_BATCH) == (250, 10, 50)
    assert kind.key(listing(1)) == "9101"


def answers(*data: Any) -> list[Response]:
    """Make good answers with this data; bytes are a file or a part of it."""
    return [
        Response(status=206, body=one) if isinstance(one, bytes) else Response(status=200, body=orjson.dumps(one))
        for one in data
    ]


def swept(known: int, *heard: Response) -> tuple[list[Request], Swept]:
    """Read the whole shop with these answers, of which the last one is repeated: the requests, and what came of it."""
    conversation = kind.sweep(ACCOUNT, [listing(1)] * known)
    made = [next(conversation)]
    for number in range(1_000):
        try:
            made.append(conversation.send(heard[min(number, len(heard) - 1)]))
        except StopIteration as end:
            ended: Swept = end.value
            return made, ended
    pytest.fail("the sweep does not end")


def node(number: int) -> dict[str, Any]:
    """Make a variant as a page or a line of a file shows it."""
    level = {"quantities": [{"name": "available", "quantity": number}]}
    item = {"id": f"gid://shopify/InventoryItem/{number}", "tracked": True, "inventoryLevel": level}
    return {"id": "gid://shopify/ProductVariant/1", "sku": "S", "inventoryPolicy": "DENY", "inventoryItem": item}


def page(*numbers: int, cursor: str | None = None) -> dict[str, Any]:
    """Make a page of variants; `cursor` leads to the next one."""
    info = {"hasNextPage": cursor is not None, "endCursor": cursor}
    return {"data": {"productVariants": {"nodes": [node(number) for number in numbers], "pageInfo": info}}}


COSTLY = {"errors": [{"message": "Query cost is 1200", "extensions": {"code": "MAX_COST_EXCEEDED"}}]}
STARTED = {
    "data": {"bulkOperationRunQuery": {"bulkOperation": {"id": "gid://shopify/BulkOperation/1"}, "userErrors": []}}
}
FILE = b"".join(orjson.dumps(node(number)) + b"\n" for number in (3, 4))
MANY = 2_000


def ended(**parts: Any) -> dict[str, Any]:
    """Make the look at a bulk operation that has ended."""
    return {"data": {"node": {"status": "COMPLETED", "errorCode": None, "url": "https://store.example/f", **parts}}}


def test_a_sweep_follows_the_cursor_and_asks_for_less_where_a_page_is_too_costly() -> None:
    """Half of it, from the same cursor."""
    made, found = swept(1, *answers(page(1, cursor="c1"), COSTLY, page(2)))
    asked = [orjson.loads(request.body)["variables"] for request in made]
    assert [(one["first"], one["after"]) for one in asked] == [(250, None), (250, "c1"), (125, "c1")]
    assert [one.key for one in found.seen] == ["1", "2"]


@pytest.mark.parametrize("second", [page(2, cursor="c1"), page(cursor="c2")])
def test_a_sweep_whose_page_leads_to_itself_or_shows_nothing_ends(second: dict[str, Any]) -> None:
    """It would not otherwise."""
    _, found = swept(1, *answers(page(1, cursor="c1"), second))
    assert (found.seen, found.err) == ((), "a page of variants leads nowhere")


def test_a_shop_with_far_more_variants_than_we_know_is_read_by_a_bulk_operation() -> None:
    """Page by page it would take longer than there is between two sweeps."""
    pages = [page(*range(250), cursor=f"c{number}") for number in range(8)]
    made, found = swept(1, *answers(*pages, STARTED, ended(fileSize=str(len(FILE))), FILE))
    assert len(made) == 11
    assert [one.key for one in found.seen] == ["3", "4"]


def test_a_shop_that_finds_one_variant_too_costly_shows_nothing() -> None:
    """There is nothing less to ask for."""
    made, found = swept(1, *answers(COSTLY))
    assert len(made) == 8
    assert "MAX_COST_EXCEEDED" in found.err


def test_a_bulk_operation_is_looked_at_until_it_has_ended_and_its_file_is_read() -> None:
    """The numbers are at least as young as the operation; the waits grow."""
    running = {"data": {"node": {"status": "RUNNING"}}}
    begun = replace(answers(STARTED)[0], at=77)
    made, found = swept(MANY, begun, *answers(running, running, ended(fileSize=str(len(FILE))), FILE))
    assert [request.after_ms for request in made] == [0, 1_000, 2_000, 3_000, 0]
    assert (made[-1].method, made[-1].url, dict(made[-1].headers)) == (
        "GET",
        "https://store.example/f",
        {"Range": f"bytes=0-{len(FILE) - 1}"},
    )
    assert [(one.key, one.quantity, one.at) for one in found.seen] == [("3", 3, 77), ("4", 4, 77)]


@pytest.mark.parametrize(
    ("look", "part", "err"),
    [
        (ended(fileSize=str(len(FILE) + 1)), FILE + b"12", "bytes, not"),
        (ended(fileSize=str(10**12)), FILE, "is not read"),
        (ended(fileSize="5", url="file:///etc/passwd"), FILE, "is not read"),
        (ended(fileSize=str(len(FILE) - 3)), FILE[:-3], "unreadable"),
        ({"data": {"node": None}}, FILE, "gone"),
        ({"data": {"node": {"status": "FAILED", "errorCode": "TIMEOUT"}}}, FILE, "FAILED: TIMEOUT"),
        ({"data": {"node": {"status": "CANCELING"}}}, FILE, "CANCELING"),
    ],
)
def test_a_part_of_a_shop_is_no_shop(look: dict[str, Any], part: bytes, err: str) -> None:
    """A file that is cut, too large or somewhere else, and an operation that came to nothing: nothing is shown."""
    _, found = swept(MANY, *answers(STARTED, look, part))
    assert found.seen == ()
    assert err in found.err


def test_a_file_of_unknown_size_is_read_in_one() -> None:
    """Where the shop does not say how long it is."""
    made, found = swept(MANY, *answers(STARTED, ended(fileSize=None), FILE))
    assert len(found.seen) == 2
    assert dict(made[-1].headers) == {}


def test_a_file_that_is_not_answered_is_asked_for_again_a_few_times() -> None:
    """And then given up."""
    made, found = swept(MANY, *answers(STARTED, ended(fileSize="9")), Response(status=503))
    assert [request.after_ms for request in made if request.url] == [0, 2_000, 2_000]
    assert "HTTP 503" in found.err


def test_a_bulk_operation_is_begun_once_however_the_answer_fails() -> None:
    """A second one would run beside the first, of five that there may be."""
    made, found = swept(MANY, Response(status=0, err="no answer within 10000 ms"))
    assert len(made) == 1
    assert found.err == "no answer within 10000 ms"


def test_the_number_is_told_before_the_policy_is_put_back() -> None:
    """Else shoppers could buy below 0 in between."""
    row = replace(rows(1)[0], undo="inventory_policy=CONTINUE")
    assert b"inventorySetQuantities" in next(kind.tell([row], ACCOUNT, "r1")).body
