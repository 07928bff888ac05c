"""WooCommerce's listings: products, variations of new and old shops, and pages that move while they are read."""

from collections.abc import Callable, Sequence
from typing import Any
from urllib.parse import parse_qs, urlsplit

import orjson
import pytest

from ingest.channels import woocommerce_listings as woo
from ingest.discover.kind import Found, Listed
from ingest.poll.kind import Answer, Denied, Instead, Later
from schemas.settings import Channel, Kind

SHOP = Channel(name="eu", kind=Kind.WOOCOMMERCE, since=0, base_url="https://shop.example.eu")
NONE = Answer(status=404, headers={}, body=b'{"code":"rest_no_route"}')


def ok(rows: object) -> Answer:
    return Answer(status=200, headers={}, body=orjson.dumps(rows))


def product(number: int, sku: object = "S", kind: str = "simple", **more: Any) -> dict[str, Any]:
    return {"id": number, "sku": sku, "type": kind, "manage_stock": True, "parent_id": 0, **more}


def listed(verdict: object) -> Listed[woo.State]:
    assert isinstance(verdict, Listed)
    return verdict


class Shop:
    """A shop's answers to the calls of a reading; `between` happens before each one."""

    def __init__(self, products: list[dict[str, Any]], variations: dict[int, list[dict[str, Any]]]) -> None:
        self.products, self.variations = products, variations
        self.paths: list[str] = []
        self.new = True
        self.between: Callable[[], None] = lambda: None

    def answer(self, state: woo.State) -> Answer:
        """Answer as WooCommerce pages: by number, in the order of ids."""
        self.between()
        asked = urlsplit(woo.request(SHOP, ("ck", "cs"), state).url)
        query = {name: values[0] for name, values in parse_qs(asked.query).items()}
        assert (query["orderby"], query["order"], query["per_page"]) == ("id", "asc", "100")
        self.paths.append(asked.path.removeprefix("/wp-json/wc/v3/"))
        rows = self.rows(self.paths[-1])
        at = int(query["offset"])
        return NONE if rows is None else ok(rows[at : at + 100])

    def rows(self, path: str) -> Sequence[dict[str, Any]] | None:
        """Return all rows of an address, None where there is none."""
        if path == "products":
            return self.products
        if path == "variations":
            every = [row for rows in self.variations.values() for row in rows]
            return sorted(every, key=lambda row: row["id"]) if self.new else None
        return self.variations.get(int(path.split("/")[1]))

    def read(self) -> list[Found]:
        """Read everything."""
        state: woo.State | None = woo.start()
        found: list[Found] = []
        while state is not None:
            verdict = woo.read(state, self.answer(state))
            assert isinstance(verdict, Listed | Instead), verdict
            found += verdict.found if isinstance(verdict, Listed) else ()
            state = verdict.next
            assert len(self.paths) < 100
        return found


def test_simple_products_are_listings_and_their_parents_are_not() -> None:
    """SKUs as given; a grouped or external product is sold by others; without stock management it is not tracked."""
    rows = [
        product(1, " tee "),
        product(2, ""),
        product(3, "EBOOK", manage_stock=False),
        product(4, "BOX", "grouped"),
        product(5, "AWAY", "external"),
    ]
    assert Shop(rows, {}).read() == [
        Found(listing_id="1", sku=" tee ", ids={"product": "1"}),
        Found(listing_id="2", sku="", ids={"product": "2"}),
        Found(listing_id="3", sku="EBOOK", ids={"product": "3"}, tracked=False),
    ]


@pytest.mark.parametrize("new", [True, False])
def test_variations_are_listings_of_new_shops_and_old_ones(*, new: bool) -> None:
    """From one list since 10.3, from each product before; one that shares its parent's stock is not tracked."""
    rows = [product(1, "A"), product(2, "", "variable"), product(3, "", "variable-subscription"), product(4, "B")]
    shop = Shop(
        rows,
        {
            2: [product(8, "RED", "variation", parent_id=2), product(9, "BLUE", "variation", parent_id=2)],
            3: [product(7, "SUB", "variation", parent_id=3, manage_stock="parent")],
        },
    )
    shop.new = new
    found = {one.listing_id: one for one in shop.read()}

    assert sorted(found) == ["1", "4", "7", "8", "9"]
    assert found["9"] == Found(listing_id="9", sku="BLUE", ids={"product": "2", "variation": "9"})
    assert found["7"] == Found(listing_id="7", sku="SUB", ids={"product": "3", "variation": "7"}, tracked=False)
    each = ["products/2/variations", "products/3/variations"]
    assert shop.paths == ["products", "variations"] if new else shop.paths == ["products", "variations", *each]


def test_a_shop_without_variations_is_not_asked_for_them() -> None:
    """One call is enough for a small shop."""
    shop = Shop([product(1)], {})
    shop.read()

    assert shop.paths == ["products"]


def test_an_old_shop_s_product_that_goes_meanwhile_stops_nothing() -> None:
    """Its variations are gone with it; the next product's are read."""
    rows = [product(1, "", "variable"), product(2, "", "variable")]
    shop = Shop(rows, {2: [product(5, "X", "variation", parent_id=2)]})
    shop.new = False

    assert [found.listing_id for found in shop.read()] == ["5"]


@pytest.mark.parametrize("removed", [1, 2, 99, 150, 205])
def test_rows_that_go_while_pages_are_read_make_no_other_row_be_skipped(removed: int) -> None:
    """A page that does not overlap the one before is taken back by a page, until it does."""
    shop = Shop([product(number) for number in range(1, 501)], {})

    def between() -> None:
        if len(shop.paths) == 2:
            del shop.products[:removed]

    shop.between = between
    found = [int(one.listing_id) for one in shop.read()]

    assert set(found) >= {row["id"] for row in shop.products}
    assert len(found) == len(set(found))


def test_rows_that_come_while_pages_are_read_are_read_too() -> None:
    """New products have the highest ids; one taken out of the bin pushes the others back, and none is read twice."""
    shop = Shop([product(number) for number in range(10, 260)], {})

    def between() -> None:
        if len(shop.paths) == 1:
            shop.products = [product(5), *shop.products, product(900)]

    shop.between = between
    found = [int(one.listing_id) for one in shop.read()]

    assert set(found) == {*range(10, 260), 900}
    assert len(found) == len(set(found))


def test_a_shop_that_does_not_page_is_not_asked_for_ever() -> None:
    """A cache that answers every page with the first one is told apart from the end."""
    same = ok([product(number) for number in range(1, 101)])
    verdict, state = woo.read(woo.start(), same), woo.start()
    for _ in range(3):
        if isinstance(verdict, Listed):
            assert verdict.next is not None
            state = verdict.next
            verdict = woo.read(state, same)

    assert isinstance(verdict, Later)


@pytest.mark.parametrize(
    "body",
    [b"", b"{}", b"[1]", b'[{"id":"1"}]', b'[{"id":0}]', b'[{"id":2},{"id":1}]', b'[{"id":1},{"id":1}]', b"[null]"],
)
def test_an_answer_of_another_shape_is_asked_for_again(body: bytes) -> None:
    """Rows without ids, or in another order than asked for, cannot be paged through."""
    assert isinstance(woo.read(woo.start(), Answer(status=200, headers={}, body=body)), Later)


def test_a_row_that_cannot_be_read_is_named_by_its_id() -> None:
    """The others are read."""
    read = listed(woo.read(woo.start(), ok([product(1, 7), product(2, "B"), {"id": 3, "type": 5}])))

    assert [found.listing_id for found in read.found] == ["2"]
    assert read.unread == ("product 1: sku: want text, got int", "product 3: type: want text, got int")


def test_refused_keys_end_the_reading_and_a_missing_api_is_asked_for_again() -> None:
    """A 401 ends it; a 404 for the products is no old shop but no shop at all."""
    assert isinstance(woo.read(woo.start(), Answer(status=401, headers={}, body=b"")), Denied)
    assert isinstance(woo.read(woo.start(), NONE), Later)
