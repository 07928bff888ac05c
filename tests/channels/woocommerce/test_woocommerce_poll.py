"""WooCommerce's order poll: the calls, the answers, and that no order is skipped however a shop sorts."""

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import orjson
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from ingest.channels import woocommerce_poll as woo
from ingest.poll.kind import Answer, Denied, Later, Page
from schemas.settings import Channel, Kind

POLLS = Path(__file__).parent / "polls"
SHOP = Channel(name="woo", kind=Kind.WOOCOMMERCE, since=0, base_url="https://shop.example/sub")
T0 = 1_795_255_200_000
"""2026-11-21T10:00:00Z"""


def ok(value: object) -> Answer:
    return Answer(status=200, headers={}, body=orjson.dumps(value))


def page(verdict: object) -> Page[woo.State]:
    assert isinstance(verdict, Page)
    return verdict


def asked(state: woo.State) -> dict[str, str]:
    url = woo.request(SHOP, ("ck", "cs"), state).url
    return {name: value[0] for name, value in parse_qs(urlsplit(url).query).items()}


def test_the_first_call_asks_from_the_watermarks_second_on_oldest_change_first() -> None:
    """The filter is exclusive, so it names the second before; any status but the bin; Basic auth."""
    call = woo.request(SHOP, ("ck_1", "cs_2"), woo.start(T0 + 999))
    assert call.method == "GET"
    assert call.url.startswith("https://shop.example/sub/wp-json/wc/v3/orders?")
    assert asked(woo.start(T0 + 999)) == {
        "status": "any",
        "per_page": "100",
        "orderby": "modified",
        "order": "asc",
        "modified_after": "2026-11-21T09:59:59",
        "dates_are_gmt": "true",
    }
    assert call.headers["authorization"] == "Basic Y2tfMTpjc18y"
    assert "Y2tfMTpjc18y" not in repr(call)


def test_a_page_gives_its_orders_and_names_what_is_none() -> None:
    """Two orders with the times of the channel, one whose time cannot be read as refused; this is the end."""
    answer = Answer(status=200, headers={}, body=(POLLS / "orders.json").read_bytes())
    read = page(woo.read(woo.start(T0), answer))
    assert [(order.number, order.modified) for order in read.orders] == [("727", T0 + 5_000), ("728", T0 + 120_000)]
    assert [(refused.order, refused.reason) for refused in read.refused] == [("729", "unknown_shape")]
    assert (read.through, read.next) == (T0 + 120_000, None)


def test_an_order_reads_as_its_webhook_does() -> None:
    """`_reduced_stock` counts, a cancelled order holds nothing, a line without SKU goes by its variation."""
    answer = Answer(status=200, headers={}, body=(POLLS / "orders.json").read_bytes())
    first, second = (woo.read_order(order.body, T0) for order in page(woo.read(woo.start(T0), answer)).orders)
    assert [(line.line, line.sku, line.qty) for line in first.lines] == [("315", "TEE-M", 2)]
    assert [(line.line, line.listing_id, line.qty) for line in second.lines] == [("316", "95", 0)]


@pytest.mark.parametrize(
    ("status", "headers", "body", "wait"),
    [
        (429, {"retry-after": "7"}, b"", 7_000),
        (503, {"retry-after": "soon"}, b"", None),
        (502, {}, b"<html>", None),
        (0, {}, b"", None),
        (301, {}, b"", None),
        (200, {}, b"<html>maintenance</html>", None),
        (200, {}, b'{"code":"rest_no_route"}', None),
        (200, {}, b"\xff", None),
    ],
)
def test_what_is_no_list_of_orders_is_asked_for_again(
    status: int, headers: dict[str, str], body: bytes, wait: int | None
) -> None:
    """Throttling by the time that the shop names, everything else by our own back-off; nothing raises."""
    verdict = woo.read(woo.start(T0), Answer(status=status, headers=headers, body=body))
    assert isinstance(verdict, Later)
    assert verdict.after_ms == wait


@pytest.mark.parametrize("status", [401, 403])
def test_refused_credentials_are_refused_credentials(status: int) -> None:
    """They are not asked with again."""
    assert isinstance(woo.read(woo.start(T0), Answer(status=status, headers={}, body=b"")), Denied)


def test_named_orders_are_read_whenever_they_changed_and_prove_nothing_about_the_rest() -> None:
    """`include` without a date filter, and no watermark from it."""
    state = woo.some(["7", "9"])
    assert asked(state)["include"] == "7,9"
    assert "modified_after" not in asked(state)
    read = page(woo.read(state, ok([order(7, T0)])))
    assert (len(read.orders), read.through, read.next) == (1, None, None)


def order(number: int, modified: int) -> dict[str, Any]:
    stamp = datetime.fromtimestamp(modified / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%S")
    return {"id": number, "status": "processing", "date_modified_gmt": stamp, "date_created_gmt": stamp}


MODIFIED = "date_modified_gmt"
NOW = T0 + 7_200_000


class Model:
    """
    A shop by the vendor's words: exclusive bounds of whole seconds, `offset`, at most 100 a page.

    With each call the next of `leaving` (where there is one) is edited: it leaves its second for the present.
    """

    def __init__(self, orders: dict[int, int], *, tidy: bool, leaving: Sequence[int] = ()) -> None:
        self.orders, self.tidy, self.calls, self.leaving = orders, tidy, 0, [*leaving]

    def answer(self, query: dict[str, str]) -> Answer:
        """Answer one call; a reading that never ends fails."""
        self.calls += 1
        assert self.calls < 2_000, "the poll goes round in circles"
        after, before = query.get("modified_after", ""), query.get("modified_before", "~")
        assert sum(map(len, query.values())) < 2_000, "longer than a URL may be"
        if self.leaving:
            self.orders[self.leaving.pop(0)] = NOW
        rows = [order(number, at) for number, at in self.orders.items() if after < order(number, at)[MODIFIED] < before]
        if query["orderby"] == "id":
            rows.sort(key=lambda row: int(row["id"]))
        else:
            rows.sort(key=lambda row: (row[MODIFIED], row["id"]) if self.tidy else (row["id"] * 7_919 % 101, row["id"]))
        start = int(query.get("offset", "0"))
        return ok(rows[start : start + 100])


@settings(max_examples=60, deadline=None)
@given(
    gaps=st.lists(st.sampled_from([0, 0, 0, 0, 1, 1, 3, 900]), min_size=0, max_size=450),
    start=st.integers(0, 3),
    tidy=st.booleans(),
)
def test_no_order_is_skipped_whatever_shares_a_second_and_however_the_shop_sorts(
    gaps: list[int],
    start: int,
    tidy: bool,  # noqa: FBT001 - Hypothesis draws it
) -> None:
    """Every order since the start is read, and the watermark never passes one that is not."""
    at, orders = T0, {}
    for number, gap in enumerate(gaps, 1):
        at += gap * 1_000
        orders[number] = at
    shop, seen = Model(orders, tidy=tidy), set[int]()
    state: woo.State | None = woo.start(T0 + start * 1_000)
    wanted = {number for number, at in orders.items() if at >= T0 + start * 1_000}
    while state is not None:
        read = page(woo.read(state, shop.answer(asked(state))))
        seen |= {int(order.number) for order in read.orders}
        if read.through is not None:
            assert {number for number in wanted if orders[number] < read.through} <= seen
        state = read.next
    assert wanted <= seen


def read_all(shop: Model) -> list[int]:
    """Return the numbers of all orders that one reading shows."""
    state: woo.State | None = woo.start(T0)
    seen = list[int]()
    while state is not None:
        read = page(woo.read(state, shop.answer(asked(state))))
        seen += [int(order.number) for order in read.orders]
        state = read.next
    return seen


def test_a_page_of_one_second_is_read_on_by_number() -> None:
    """A bulk edit of 2,500 orders: some 26 pages of that second, with URLs of the usual length."""
    shop = Model(dict.fromkeys(range(1, 2_501), T0), tidy=True)
    assert {*read_all(shop)} == {*range(1, 2_501)}
    assert shop.calls < 30


def test_a_leap_within_a_page_in_order_proves_nothing() -> None:
    """An hour that comes twice by the shop's clock: the last row is of the second time, what is left of the first."""
    rows = [order(number, T0 + number * 1_000) for number in range(1, 100)]
    read = page(woo.read(woo.start(T0), ok([*rows, order(100, T0 + 3_600_000)])))
    assert (read.through, read.next and read.next.before is not None) == (None, True)

    read = page(woo.read(woo.start(T0), ok([*rows, order(100, T0 + 900_000)])))

    assert read.through == T0 + 900_000


@settings(max_examples=60, deadline=None)
@example(size=154, leaving=[41], tidy=False)
@given(
    size=st.integers(100, 450),
    leaving=st.lists(st.integers(1, 450), unique=True, max_size=450),
    tidy=st.booleans(),
)
def test_no_order_is_skipped_while_others_leave_the_second(
    size: int,
    leaving: list[int],
    tidy: bool,  # noqa: FBT001 - Hypothesis draws it
) -> None:
    """One order after the other is edited while its second is being read: all the others, and those too, are seen."""
    shop = Model(dict.fromkeys(range(1, size + 1), T0), tidy=tidy, leaving=[n for n in leaving if n <= size])
    assert {*read_all(shop)} == {*range(1, size + 1)}


def test_a_page_by_number_that_is_not_in_order_proves_nothing() -> None:
    """A shop whose plugin sorts otherwise: asked for again and shown as a failure, never skipped over."""
    state = woo.State(after=T0, before=T0 + 2_000, walk=woo.Walk())
    assert isinstance(woo.read(state, ok([order(2, T0), order(1, T0)])), Later)
    assert isinstance(woo.read(state, ok([{"date_modified_gmt": "?"}])), Later)


def test_a_whole_page_that_cannot_be_read_proves_nothing() -> None:
    """A hundred rows without a time: asked for again, so that the watermark does not pass them unseen."""
    assert isinstance(woo.read(woo.start(T0), ok([{"id": number} for number in range(100)])), Later)
