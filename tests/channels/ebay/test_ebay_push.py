"""How eBay is told levels, and what its answers mean: each file in `pushes/` is one answer."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from publishers.channels import ebay as kind
from publishers.kind import Kind, Swept
from publishers.push import TELL, TOKEN, Account, Answer, Delivered, Request, Response, Row
from schemas.channel_records import Listing

PUSHES = sorted((Path(__file__).parent / "pushes").glob("*.json"))
Judges = Callable[[Kind, Callable[[int], list[Row]], Path], None]
ACCOUNT = Account()


def listing(number: int, **ids: str) -> Listing:
    """Make a listing of one inventory item with an offer."""
    own = {"listing": str(110 + number), "offer": str(9_000 + number), "inventory_item": f"E{number}"}
    return Listing(channel="e", listing_id=str(110 + number), sku=f"S{number}", ids=ids or own)


def row(one: Listing, quantity: int) -> Row:
    """Make a row."""
    return Row(sku=one.sku, listing=one, quantity=quantity, version=1)


def rows(count: int) -> list[Row]:
    """Make rows, each with a number of its own."""
    return [row(listing(n), 5 + n) for n in range(count)]


def told(*wanted: Row) -> tuple[Request, Any]:
    """Return the call that tells rows, and its items."""
    request = next(kind.tell(wanted, ACCOUNT, "r1"))
    return request, orjson.loads(request.body)["requests"]


def test_an_item_without_a_known_offer_is_answered_by_its_sku_alone() -> None:
    """Then its own entry says it all."""
    one = row(listing(0, inventory_item="E0"), 5)
    body = orjson.dumps({"responses": [{"statusCode": 200, "sku": "E0"}]})
    assert kind.classify([one], Response(status=200, body=body)).verdicts == (Delivered(),)


@pytest.mark.parametrize("path", PUSHES, ids=lambda path: path.stem)
def test_every_answer_gets_its_verdicts(path: Path, judges: Judges) -> None:
    """Row by row, also inside a 200."""
    judges(kind, rows, path)


def test_a_listing_without_a_known_offer_is_told_by_its_item_alone() -> None:
    """The listing shows the smaller of both numbers, so the item's own keeps it from overselling."""
    _, items = told(row(listing(1, listing="111", inventory_item="E1"), 4))
    assert items == [{"sku": "E1", "shipToLocationAvailability": {"quantity": 4}}]


def test_the_sku_at_ebay_need_not_be_ours() -> None:
    """The inventory item's name counts, then a variation's SKU, then our own."""
    assert kind.key(listing(1)) == "E1"
    assert kind.key(listing(1, listing="111", variation="CUP/red")) == "CUP/red"
    assert kind.key(listing(1, listing="111")) == "S1"


def test_two_listings_of_one_inventory_item_are_told_as_one_item() -> None:
    """A SKU may stand once in a call; each offer has its own number, and the item's holds the larger one."""
    one, two = (listing(n, listing=str(n), offer=f"9{n}", inventory_item="E") for n in (1, 2))
    request, items = told(row(one, 3), row(two, 5))
    offers = [{"offerId": "91", "availableQuantity": 3}, {"offerId": "92", "availableQuantity": 5}]
    assert items == [{"sku": "E", "shipToLocationAvailability": {"quantity": 5}, "offers": offers}]
    assert request.listings == ("1", "2")


def test_a_sku_that_ebay_cannot_have_spoils_no_other() -> None:
    """It is left out of the call and rejected by itself; alone it is sent, and eBay says no."""
    good, long = row(listing(1), 2), row(listing(2, listing="112", inventory_item="L" * 51), 2)
    conversation = kind.tell([good, long], ACCOUNT, "r1")
    request = next(conversation)
    assert [one["sku"] for one in orjson.loads(request.body)["requests"]] == ["E1"]
    entry = {"statusCode": 200, "sku": "E1", "offerId": "9001"}
    with pytest.raises(StopIteration) as end:
        conversation.send(Response(status=200, body=orjson.dumps({"responses": [entry]})))
    assert [type(one).__name__ for one in end.value.value.verdicts] == ["Delivered", "Rejected"]
    assert len(told(long)[1]) == 1


def test_a_listing_is_revised_no_more_than_250_times_a_day() -> None:
    """In any day, each listing by itself; 25 items a call; each row's listing is charged."""
    by_listing = [window for window in kind.LIMITS[TELL] if window.per_listing]
    assert [(window.amount, window.per_ms, window.rolling) for window in by_listing] == [(250, 86_400_000, True)]
    assert (kind.BATCH, kind.READ_BATCH) == (25, 25)
    assert told(*rows(3))[0].listings == ("110", "111", "112")
    colours = [replace(listing(n, listing="7", inventory_item=f"E{n}"), listing_id=f"7/E{n}") for n in (1, 2)]
    assert told(*(row(one, 1) for one in colours))[0].listings == ("7", "7")


def test_the_token_goes_as_bearer() -> None:
    """Bought by the grant; the kind itself has no other secret."""
    assert kind.headers({TOKEN: "t1"})["Authorization"] == "Bearer t1"
    assert kind.SECRETS == (TOKEN,)
    assert kind.group(listing(1)) == kind.group(listing(2))


class Seller:
    """An account's inventory items, which may change between two pages."""

    def __init__(self, count: int, changes: list[int] | None = None) -> None:
        self.skus = [f"E{number}" for number in range(count)]
        self.changes = changes or []
        self.asked: list[int] = []

    def page(self, request: Request) -> Response:
        """Answer one page."""
        query = {name: int(value[0]) for name, value in parse_qs(urlsplit(request.path).query).items()}
        size, number = query["limit"], query["offset"]
        shown = [
            {"sku": sku, "availability": {"shipToLocationAvailability": {"quantity": int(sku[1:])}}}
            for sku in self.skus[number * size : (number + 1) * size]
        ]
        answer = {"total": len(self.skus), "size": len(shown), "inventoryItems": shown}
        self.asked.append(number)
        if self.changes and len(self.asked) == self.changes[0]:
            self.changes.pop(0)
            self.skus.pop(0)
        return Response(status=200, body=orjson.dumps(answer), at=1_000 + len(self.asked))


def swept(answer: Callable[[Request], Response]) -> tuple[Swept, list[Request]]:
    """Hold a bulk read-back."""
    conversation, made = kind.sweep(ACCOUNT, []), list[Request]()
    request = next(conversation)
    while True:
        made.append(request)
        try:
            request = conversation.send(answer(request))
        except StopIteration as end:
            return end.value, made


def test_a_bulk_read_back_shows_every_item_with_its_number_and_time() -> None:
    """Pages of 200; `at` is when the page was begun."""
    seller = Seller(450)
    found, made = swept(seller.page)
    assert (len(found.seen), found.err, seller.asked) == (450, "", [0, 1, 2])
    assert {(one.key, one.quantity, one.at) for one in found.seen} >= {("E0", 0, 1_001), ("E449", 449, 1_003)}
    assert {request.bucket for request in made} == {"read"}


def test_items_that_change_while_they_are_read_are_read_again() -> None:
    """A shorter list skips an item at each page's border; after three rounds the read-back says so."""
    found, made = swept(Seller(450, changes=[1]).page)
    assert (len(found.seen), found.err, len(made)) == (449, "", 5)
    found, _ = swept(Seller(450, changes=[1, 3, 5]).page)
    assert found.seen == ()
    assert "changed" in found.err


def test_an_empty_account_shows_nothing() -> None:
    """It is no fault."""
    found, _ = swept(lambda _: Response(status=200, body=b'{"total": 0, "size": 0}'))
    assert found == Swept(seen=())


def test_a_throttled_page_is_asked_again_after_its_wait() -> None:
    """As the channel's own wish; after five tries the read-back ends with a reason."""
    found, made = swept(lambda _: Response(status=429, headers={"retry-after": "9"}))
    assert [(one.after_ms, one.throttled) for one in made] == [(0, False)] + [(9_000, True)] * 4
    assert "throttled" in found.err


def test_a_refused_read_back_says_whose_fault_it_is() -> None:
    """Credentials stop the channel, anything else only this read-back."""
    found, _ = swept(lambda _: Response(status=401, body=b'{"errors":[{"errorId":1001,"message":"no"}]}'))
    assert found.credentials
    found, made = swept(lambda _: Response(status=0, err="reset"))
    assert (found.credentials, found.err, len(made)) == (False, "reset", 5)


WORDS = st.sampled_from(["responses", "inventoryItems", "total", "sku", "offerId", "statusCode", "errors", "errorId"])
ENDS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.sampled_from(["E0", "9000", ""])
BODIES = st.recursive(ENDS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=4))


@given(body=BODIES, status=st.sampled_from([0, 200, 207, 400, 403, 404, 409, 429, 500]), raw=st.binary(max_size=9))
def test_no_body_breaks_a_conversation(body: Any, status: int, raw: bytes) -> None:
    """Whatever an answer holds, there is a verdict for each row, and a read-back ends."""
    for content in (orjson.dumps(body, option=orjson.OPT_NON_STR_KEYS) if _fits(body) else raw, raw):
        response = Response(status=status, body=content)

        def sent(_: Request, same: Response = response) -> Response:
            return same

        for conversation in (kind.tell(rows(2), ACCOUNT, "r1"), kind.read(rows(2), ACCOUNT)):
            next(conversation)
            with pytest.raises(StopIteration) as end:
                conversation.send(response)
            ended: Answer = end.value.value
            assert len(ended.verdicts) == 2
        assert isinstance(swept(sent)[0], Swept)


def _fits(body: Any) -> bool:
    """Say whether JSON's own library takes it: its integers have 64 bits."""
    try:
        orjson.dumps(body)
    except orjson.JSONEncodeError:
        return False
    return True
