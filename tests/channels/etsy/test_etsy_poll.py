"""Etsy's order poll: the calls, the answers, the budget, and that no receipt is skipped whatever the list does."""

from email.utils import formatdate
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.channels import etsy_poll as etsy
from ingest.poll.kind import Answer, Denied, Later, Page
from schemas.settings import Channel, Kind
from schemas.topics import DAY_MS

POLLS = Path(__file__).parent / "polls"
SHOP = Channel(name="acme", kind=Kind.ETSY, since=0, base_url="https://api.etsy.example", alias="12345678")
SECRETS = ("keystring", "shared", "1.token")
T0 = 1_795_255_200_000
"""2026-11-21T10:00:00Z"""


def ok(value: object, **headers: str) -> Answer:
    return Answer(
        status=200, headers={f"x-{k.replace('_', '-')}": v for k, v in headers.items()}, body=orjson.dumps(value)
    )


def captured(name: str) -> Answer:
    return Answer(status=200, headers={}, body=(POLLS / name).read_bytes())


def page(verdict: object) -> Page[etsy.State]:
    assert isinstance(verdict, Page)
    return verdict


def asked(state: etsy.State) -> dict[str, str]:
    url = etsy.request(SHOP, SECRETS, state).url
    return {name: value[0] for name, value in parse_qs(urlsplit(url).query).items()}


def test_the_first_call_asks_for_what_changed_since_oldest_change_first() -> None:
    """A second earlier, should the bound be exclusive; keystring, shared secret and token, in no readable form."""
    call = etsy.request(SHOP, SECRETS, etsy.start(T0 + 999))
    assert call.method == "GET"
    assert call.url.startswith("https://api.etsy.example/v3/application/shops/12345678/receipts?")
    assert asked(etsy.start(T0 + 999)) == {
        "min_last_modified": "1795255199",
        "sort_on": "updated",
        "sort_order": "asc",
        "limit": "100",
        "offset": "0",
    }
    assert call.headers["x-api-key"] == "keystring:shared"
    assert call.headers["authorization"] == "Bearer 1.token"
    assert "shared" not in repr(call)
    assert "1.token" not in repr(call)


def test_times_that_the_api_refuses_are_not_asked_for() -> None:
    """Nothing is older than the year 2000, says the API, and answers 400 to anything else."""
    assert asked(etsy.start(0))["min_last_modified"] == "946684800"


def test_a_page_gives_its_receipts_and_names_what_is_none() -> None:
    """Two receipts with the channel's times, one that cannot be placed as refused; this is the end."""
    read = page(etsy.read(etsy.start(T0), captured("receipts.json")))
    assert [(order.number, order.modified) for order in read.orders] == [
        ("3210987654", T0 + 1_000),
        ("3210987655", T0 + 60_000),
    ]
    assert [(refused.order, refused.reason) for refused in read.refused] == [("3210987656", "unknown_shape")]
    assert (read.through, read.next) == (T0 + 60_000, None)


def test_named_receipts_are_read_one_by_one_by_their_own_address() -> None:
    """There is no list of ids.  One that the shop does not have ends nothing, and is not shown."""
    state = etsy.some(["3210987654", "9"])
    call = etsy.request(SHOP, SECRETS, state)
    assert call.url == "https://api.etsy.example/v3/application/shops/12345678/receipts/3210987654"
    first = page(etsy.read(state, captured("receipt.json")))
    assert [order.number for order in first.orders] == ["3210987654"]
    assert first.through is None
    assert first.next is not None
    assert etsy.request(SHOP, SECRETS, first.next).url.endswith("/receipts/9")
    for status in (400, 404):
        gone = page(etsy.read(first.next, Answer(status=status, headers={}, body=b'{"error":"Could not find"}')))
        assert (gone.orders, gone.through, gone.next) == ((), None, None)


@pytest.mark.parametrize("odd", ["..", "a/b", "1?x=y", "\u0663", "", "-1", "1" * 40 + "x"])
def test_what_is_no_receipt_id_never_gets_into_an_address(odd: str) -> None:
    """The address keeps its shape whatever a record named."""
    url = etsy.request(SHOP, SECRETS, etsy.some([odd])).url
    assert url == "https://api.etsy.example/v3/application/shops/12345678/receipts/0"


@pytest.mark.parametrize(
    ("status", "headers", "body", "wait"),
    [
        (429, {"retry-after": "7"}, b"", 7_000),
        (429, {}, b'{"error":"Exceeded daily quota"}', None),
        (503, {"retry-after": "soon"}, b"", None),
        (400, {}, b'{"error":"Invalid parameter"}', None),
        (404, {}, b"", None),
        (0, {}, b"", None),
        (301, {}, b"", None),
        (200, {}, b"<html>maintenance</html>", None),
        (200, {}, b'{"count": 1}', None),
        (200, {}, b'{"count": 1, "results": {}}', None),
        (200, {}, b"[]", None),
        (200, {}, b"\xff", None),
    ],
)
def test_what_is_no_list_of_receipts_is_asked_for_again(
    status: int, headers: dict[str, str], body: bytes, wait: int | None
) -> None:
    """Throttling by the time that Etsy names, everything else by our own back-off; nothing raises."""
    verdict = etsy.read(etsy.start(T0), Answer(status=status, headers=headers, body=body))
    assert isinstance(verdict, Later)
    assert verdict.after_ms == wait


@pytest.mark.parametrize("state", [etsy.start(T0), etsy.some(["1"])], ids=["list", "named"])
@pytest.mark.parametrize("status", [401, 403])
def test_refused_credentials_are_refused_credentials(status: int, state: etsy.State) -> None:
    """A token that has ended, or a key without its shared secret."""
    assert isinstance(etsy.read(state, Answer(status=status, headers={}, body=b"")), Denied)


@pytest.mark.parametrize(
    ("budget", "pause"),
    [
        ({}, 0),
        ({"limit_per_day": "10000", "remaining_today": "5000"}, 0),
        ({"limit_per_day": "10000", "remaining_today": "4999"}, 57_611),
        ({"limit_per_day": "10000", "remaining_today": "0"}, 60_000),
        ({"limit_per_day": "100000", "remaining_today": "40000"}, 7_200),
        ({"limit_per_day": "10000", "remaining_today": "9000", "remaining_this_second": "0"}, 1_000),
        ({"limit_per_day": "-1", "remaining_today": "many", "remaining_this_second": "9" * 30}, 0),
    ],
)
def test_orders_leave_the_larger_share_of_the_day_to_levels(budget: dict[str, str], pause: int) -> None:
    """Below half of the day's calls, orders take three in ten of what is left; never less than one a minute."""
    read = page(etsy.read(etsy.some(["1", "2"]), ok({"receipt_id": 1, "updated_timestamp": 1}, **budget)))
    assert read.pause_ms == pause
    assert sum(window.calls + window.burst for window in etsy.LIMIT if window.per_ms == DAY_MS) == 3_000


def receipt(number: int, modified: int) -> dict[str, Any]:
    return {"receipt_id": number, "status": "Paid", "updated_timestamp": modified // 1_000, "created_timestamp": 1}


class Model:
    """
    A shop by the vendor's words: whole seconds, at most 100 a page, nothing said of the order within a second.

    `inclusive` says whether the bounds are; `tidy` whether the list is sorted by change at all.  `moves` are receipts
    that change (to `later`) while the list is made, one at each call: found and sorted as they were, shown as they are.
    """

    def __init__(self, receipts: dict[int, int], *, inclusive: bool, tidy: bool, moves: list[int], later: int) -> None:
        self.receipts, self.inclusive, self.tidy, self.moves, self.later = receipts, inclusive, tidy, moves, later
        self.calls = 0

    def answer(self, query: dict[str, str]) -> Answer:
        """Answer one call; a reading that never ends fails."""
        self.calls += 1
        assert self.calls < 2_000, "the poll goes round in circles"
        slack = 0 if self.inclusive else 1_000
        low = int(query["min_last_modified"]) * 1_000 + slack
        high = int(query.get("max_last_modified", "9999999999")) * 1_000 - slack
        rows = [(at, number) for number, at in self.receipts.items() if low <= at <= high]
        rows.sort(key=lambda row: self.key(query, *row))
        if self.moves:
            self.receipts[self.moves.pop()] = self.later
        first = int(query["offset"])
        results = [receipt(number, self.receipts[number]) for _, number in rows[first : first + 100]]
        body = orjson.dumps({"count": len(rows), "results": results})
        return Answer(status=200, headers={"date": formatdate(self.later // 1_000, usegmt=True)}, body=body)

    def key(self, query: dict[str, str], at: int, number: int) -> tuple[int, ...]:
        """Sort as asked; receipts of one second stand in another order on every page."""
        shuffled = (number * 7_919 + self.calls * 31) % 101
        if query["sort_on"] == "receipt_id":
            return (number,)
        return (at, shuffled, number) if self.tidy else (shuffled, number)


def everything(shop: Model, since: int) -> set[int]:
    """Read a shop to its end and return what was seen; the watermark never passes what was not."""
    seen, wanted = set[int](), {number for number, at in shop.receipts.items() if at >= since}
    state: etsy.State | None = etsy.start(since)
    while state is not None:
        read = page(etsy.read(state, shop.answer(asked(state))))
        seen |= {int(order.number) for order in read.orders}
        if read.through is not None:
            assert {number for number in wanted if shop.receipts[number] < read.through} <= seen
        state = read.next
    assert wanted <= seen
    return seen


@settings(max_examples=60, deadline=None)
@given(
    blocks=st.lists(
        st.tuples(st.sampled_from([1, 1, 2, 3, 900]), st.sampled_from([1, 1, 2, 40, 99, 100, 101, 230])), max_size=7
    ),
    begin=st.integers(0, 3),
    how=st.tuples(st.booleans(), st.booleans()),
    moved=st.lists(st.integers(0, 449), max_size=12),
)
def test_no_receipt_is_skipped_whatever_shares_a_second_moves_or_is_out_of_order(
    blocks: list[tuple[int, int]], begin: int, how: tuple[bool, bool], moved: list[int]
) -> None:
    """Every receipt since the start is read, however Etsy counts its bounds, while some of them change."""
    at, receipts = T0, dict[int, int]()
    for gap, size in blocks:
        at += gap * 1_000
        receipts |= dict.fromkeys(range(len(receipts) + 1, len(receipts) + size + 1), at)
    moves = [number + 1 for number in moved if number < len(receipts)]
    everything(Model(receipts, inclusive=how[0], tidy=how[1], moves=moves, later=at + 5_000), T0 + begin * 1_000)


def test_a_receipt_that_changes_while_the_list_is_made_hides_none_behind_it() -> None:
    """Sorted as the hundredth and shown with the time of now: reading on from now would skip the other hundred."""
    receipts = {number: T0 + number * 1_000 for number in range(1, 201)}
    shop = Model(receipts, inclusive=True, tidy=True, moves=[100], later=T0 + 3_600_000)
    assert len(everything(shop, T0)) == 200


def test_a_bulk_change_is_read_by_id_within_its_second() -> None:
    """250 receipts of one second: pages that overlap by the receipt read last, and once more for the bounds."""
    shop = Model(dict.fromkeys(range(1, 251), T0), inclusive=True, tidy=True, moves=[], later=0)
    assert len(everything(shop, T0)) == 250
    assert shop.calls == 9


def test_a_second_that_a_receipt_left_while_it_was_read_is_read_anew() -> None:
    """Rows before the offset moved up, and one was about to be skipped: seen, and waited for before the next try."""
    state = etsy.State(after=T0, before=T0 + 1_000, offset=100, last="100")
    rows = [receipt(number, T0) for number in range(101, 180)]
    read = page(etsy.read(state, ok({"results": rows})))
    assert read.next == etsy.State(after=T0, before=T0 + 1_000, anew=1)
    assert (len(read.orders), read.through, read.pause_ms) == (79, None, 2_000)
    empty = page(etsy.read(state, ok({"results": []})))
    assert empty.next == read.next
    whole = page(etsy.read(state, ok({"results": [receipt(100, T0), *rows]})))
    assert (whole.through, whole.next) == (T0 + 1_000, etsy.State(after=T0 + 1_000))


def test_a_whole_page_that_cannot_be_read_proves_nothing() -> None:
    """A hundred rows without a time: asked for again, so that the watermark does not pass them unseen."""
    rows = [{"receipt_id": number} for number in range(100)]
    assert isinstance(etsy.read(etsy.start(T0), ok({"results": rows})), Later)
