"""Amazon's order poll: the calls, the answers, the two minutes, and that a poll and a notification agree."""

import json
from email.utils import formatdate
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from ingest.channels import amazon
from ingest.channels import amazon_poll as poll
from ingest.poll.kind import Answer, Denied, Expired, Instead, Later, Page, zulu
from ingest.poll.pace import Pace
from ingest.webhook import Ignored, NotUnderstood
from schemas.settings import Channel, Kind

HERE = Path(__file__).parent
T0 = 1_795_255_200_000
"""2026-11-21T10:00:00Z"""
MINUTE, DAY = 60_000, 86_400_000
SHOP = Channel(
    name="amazon-us",
    kind=Kind.AMAZON,
    since=0,
    base_url="https://sellingpartnerapi-na.amazon.com",
    alias="A3TH9S8BH6GOGM",
    marketplaces=("ATVPDKIKX0DER", "A2EUQ1WTGCTBG2"),
)
MUTE = Answer(status=0, headers={}, body=b"")


def stored(name: str, status: int = 200, headers: dict[str, str] | None = None) -> Answer:
    return Answer(status=status, headers=headers or {}, body=(HERE / "polls" / f"{name}.json").read_bytes())


def ok(value: Any, at: int | None = None) -> Answer:
    headers = {} if at is None else {"date": formatdate(at / 1_000, usegmt=True)}
    return Answer(status=200, headers=headers, body=json.dumps(value).encode())


def page(verdict: object) -> Page[poll.State]:
    assert isinstance(verdict, Page)
    return verdict


def asked(state: poll.State, channel: Channel = SHOP) -> tuple[str, dict[str, str]]:
    parts = urlsplit(poll.request(channel, ("Atza|x",), state).url)
    return parts.path, {name: value[0] for name, value in parse_qs(parts.query).items()}


def order(number: str, changed: str, **more: Any) -> dict[str, Any]:
    fulfillment = {"fulfillmentStatus": "UNSHIPPED", "fulfilledBy": "MERCHANT"}
    item = {"orderItemId": "1", "quantityOrdered": 2, "product": {"sellerSku": "TEE"}}
    times = {"createdTime": "2026-11-21T09:00:00Z", "lastUpdatedTime": changed}
    return {"orderId": number, **times, "fulfillment": fulfillment, "orderItems": [item], **more}


def test_the_search_asks_for_what_we_ship_and_for_no_persons() -> None:
    """From three minutes before the watermark, one page of 100, without names and addresses; the token in a header."""
    call = poll.request(SHOP, ("Atza|secret",), poll.start(T0 + 999))
    path, query = asked(poll.start(T0 + 999))

    assert call.url.startswith("https://sellingpartnerapi-na.amazon.com/orders/2026-01-01/orders?")
    assert path == "/orders/2026-01-01/orders"
    assert query == {
        "lastUpdatedAfter": "2026-11-21T09:57:00Z",
        "fulfilledBy": "MERCHANT",
        "includedData": "FULFILLMENT,CANCELLATION",
        "maxResultsPerPage": "100",
        "marketplaceIds": "ATVPDKIKX0DER,A2EUQ1WTGCTBG2",
    }
    assert call.headers["x-amz-access-token"] == "Atza|secret"
    assert "secret" not in repr(call)


def test_a_pages_token_is_sent_with_the_same_parameters() -> None:
    """Amazon wants all of them again."""
    first = poll.start(T0)
    second = page(poll.read(first, stored("page_one_of_two"))).next
    assert second is not None
    assert asked(second)[1] == {**asked(first)[1], "paginationToken": "2YgYW55IGNhcm5hbCBwbGVhc3VyZS4"}


def test_only_a_windows_last_page_proves_anything() -> None:
    """No order of results is promised; the end is where Amazon says it is, not the newest order that was seen."""
    first = page(poll.read(poll.start(T0), stored("page_one_of_two")))
    assert (first.through, len(first.orders)) == (None, 2)
    assert first.next is not None
    last = page(poll.read(first.next, ok({"orders": [], "lastUpdatedBefore": zulu(T0 + 9 * MINUTE)})))
    assert (last.through, last.next) == (T0 + 9 * DAY + 5 * MINUTE, None)


def test_orders_read_as_their_notifications_do() -> None:
    """Same order and item ids, same rules; a time in whole seconds stands for all of its second."""
    found = {one.number[-1]: one for one in page(poll.read(poll.start(T0), stored("orders"))).orders}
    lines = {number: poll.read_order(one.body, T0).lines for number, one in found.items()}

    assert {number: [(line.line, line.sku, line.qty) for line in some] for number, some in lines.items()} == {
        "1": [("1", "TEE-M", 2), ("2", "MUG", 2)],
        "2": [("3", "TEE-M", 0), ("4", "MUG", 1)],
        "3": [("5", "7001", 1)],
        "4": [("6", "TEE-L", 1)],
    }
    assert {number: one.modified - T0 for number, one in found.items()} == {
        "1": 5_999,
        "2": 120_999,
        "3": 60_250,
        "4": -29_001,
    }
    assert {line.revision for line in lines["1"]} == {found["1"].modified}
    assert [line.pending for number in "1234" for line in lines[number]] == [False] * 4 + [True, False]


def test_an_order_that_cannot_be_placed_is_refused_by_itself() -> None:
    """The others count; the error quotes nothing."""
    refused = page(poll.read(poll.start(T0), stored("orders"))).refused
    assert [(one.order, one.err) for one in refused] == [
        ("111-0000001-0000005", "order: lastUpdatedTime: want an ISO 8601 time with a zone")
    ]


def test_a_poll_corrects_an_older_notification_and_undoes_no_newer_one() -> None:
    """Revisions compare across both: the notification's milliseconds against the order's whole second."""
    body = json.loads((HERE / "webhooks" / "order_unshipped.json").read_text())["body"]

    def told(changed: str) -> int:
        body["Payload"]["OrderChangeNotification"]["OrderChangeTrigger"]["TimeOfOrderChange"] = changed
        return amazon.parse({}, json.dumps(body).encode(), T0).lines[0].revision

    def polled(changed: str) -> int:
        return poll.read_order(order("1", changed), T0).lines[0].revision

    same_second = polled("2026-11-21T10:00:05Z")
    assert told("2026-11-21T10:00:04.999Z") < same_second
    assert told("2026-11-21T10:00:05.640Z") < same_second
    assert told("2026-11-21T10:00:06.000Z") > same_second
    assert polled("2026-11-21T10:00:05.640Z") == told("2026-11-21T10:00:05.640Z")


def test_orders_of_the_last_two_minutes_are_left_to_the_next_reading() -> None:
    """Where Amazon names no end, its clock does; what is newer than the end is not taken, and the end is not passed."""
    rows = [order("1", zulu(T0)), order("2", zulu(T0 + 1_000)), order("3", zulu(T0 + 2 * MINUTE))]
    found = page(poll.read(poll.start(0), ok({"orders": rows}, at=T0 + 2 * MINUTE)))
    assert [one.number for one in found.orders] == ["1"]
    assert found.through == T0

    named = page(poll.read(poll.start(0), ok({"orders": rows, "lastUpdatedBefore": zulu(T0 + 1_000)}, at=T0)))
    assert ([one.number for one in named.orders], named.through) == (["1", "2"], T0 + 1_000)


def test_a_single_order_is_read_whole_unless_it_has_only_just_changed() -> None:
    """An order that Amazon does not know, or shows too early, is left to the search; the others go on."""
    state = poll.some(["202-1", "a/b c"])
    assert asked(state) == ("/orders/2026-01-01/orders/202-1", {"includedData": "FULFILLMENT,CANCELLATION"})
    first = page(poll.read(state, stored("order")))
    assert [one.number for one in first.orders] == ["202-1234567-8901234"]
    assert first.next is not None
    assert asked(first.next)[0] == "/orders/2026-01-01/orders/a%2Fb%20c"
    assert page(poll.read(first.next, stored("invalid_input", 404))) == Page(orders=(), through=None, next=None)
    fresh = page(poll.read(state, ok({"order": order("202-1", zulu(T0))}, at=T0 + MINUTE)))
    assert (fresh.orders, fresh.through) == ((), None)


def test_a_refused_pages_token_begins_a_window_half_as_long() -> None:
    """It lives 24 hours: a backlog that takes longer is cut until its parts fit, and each part proves its end."""
    state = poll.State(after=T0, token="old", horizon=T0 + 40 * MINUTE)
    verdict = poll.read(state, stored("invalid_input", 400))
    assert verdict == Instead(next=poll.State(after=T0, before=T0 + 20 * MINUTE))
    assert isinstance(verdict, Instead)
    assert asked(verdict.next)[1]["lastUpdatedBefore"] == zulu(T0 + 20 * MINUTE)
    done = page(poll.read(verdict.next, ok({"orders": [], "lastUpdatedBefore": zulu(T0 + 20 * MINUTE)})))
    assert (done.through, done.next) == (T0 + 20 * MINUTE, poll.State(after=T0 + 20 * MINUTE))
    again = poll.read(poll.State(after=T0, token="old", horizon=T0 + 1_000), stored("invalid_input", 400))
    assert again == Instead(next=poll.State(after=T0))


@pytest.mark.parametrize(
    ("answer", "verdict"),
    [
        (stored("token_expired", 403), Expired),
        (stored("token_revoked", 403), Expired),
        (stored("right_missing", 403), Denied),
        (stored("right_missing", 401), Denied),
        (stored("quota_exceeded", 429), Later),
        (stored("quota_exceeded", 503), Later),
        (MUTE, Later),
        (stored("invalid_input", 400), Later),
        (ok([]), Later),
        (ok({}), Later),
        (ok({"orders": {}}), Later),
    ],
)
def test_what_else_an_answer_may_mean(answer: Answer, verdict: type) -> None:
    """A token that has ended is not a right that is missing, though both are a 403."""
    assert type(poll.read(poll.start(T0), answer)) is verdict


@pytest.mark.parametrize(
    ("state", "headers", "wait"),
    [
        (poll.start(T0), {"x-amzn-ratelimit-limit": "0.0167"}, 59_880),
        (poll.start(T0), {}, 178_571),
        (poll.start(T0), {"x-amzn-ratelimit-limit": "soon"}, 178_571),
        (poll.start(T0), {"x-amzn-ratelimit-limit": "0"}, 600_000),
        (poll.start(T0), {"x-amzn-ratelimit-limit": "nan"}, 600_000),
        (poll.start(T0), {"retry-after": "7", "x-amzn-ratelimit-limit": "0.0167"}, 7_000),
        (poll.some(["1"]), {}, 2_000),
    ],
)
def test_a_throttled_call_waits_as_long_as_one_call_takes_to_come_back(
    state: poll.State, headers: dict[str, str], wait: int
) -> None:
    """The header names the rate in force, not what is left; without one the operation's own rate counts."""
    verdict = poll.read(state, stored("quota_exceeded", 429, headers))
    assert verdict == Later(why="throttled", after_ms=wait)


def test_the_budget_is_twenty_calls_and_then_one_in_three_minutes() -> None:
    """`searchOrders`: 0.0056 a second, burst 20."""
    pace = Pace(poll.LIMIT, 0)
    assert [pace.take(0) for _ in range(20)] == [0] * 20
    assert pace.take(0) == 178_571
    assert pace.take(178_572) == 0


def test_amazons_own_stock_is_never_counted() -> None:
    """`getOrder` shows those orders too."""
    body = order("1", zulu(T0), fulfillment={"fulfillmentStatus": "UNSHIPPED", "fulfilledBy": "AMAZON"})
    assert poll.read_order(body, T0).ignored == (Ignored.FULFILLED_BY_CHANNEL,)
    assert poll.read_order(body, T0).lines == ()


@pytest.mark.parametrize(
    ("item", "status", "qty"),
    [
        ({"quantityOrdered": 3}, "UNSHIPPED", 3),
        ({"quantityOrdered": 0}, "UNSHIPPED", 0),
        ({"quantityOrdered": 3}, "CANCELLED", 0),
        ({"quantityOrdered": 3, "fulfillment": {"quantityFulfilled": 1}}, "CANCELLED", 1),
        ({"quantityOrdered": 3, "cancellation": {"cancellationRequest": {}}}, "UNSHIPPED", 3),
        ({"quantityOrdered": 3, "cancellation": {"cancellationExecution": {}}}, "UNSHIPPED", 3),
        (
            {
                "quantityOrdered": 3,
                "cancellation": {"cancellationExecution": {}},
                "fulfillment": {"quantityFulfilled": 1, "quantityUnfulfilled": 0},
            },
            "PARTIALLY_SHIPPED",
            1,
        ),
        (
            {"quantityOrdered": 3, "fulfillment": {"quantityFulfilled": 1, "quantityUnfulfilled": 0}},
            "PARTIALLY_SHIPPED",
            3,
        ),
    ],
)
def test_an_item_holds_what_has_gone_and_what_still_will(item: dict[str, Any], status: str, qty: int) -> None:
    """Units come back on evidence only: a cancelled order, or a cancellation that was carried out."""
    rows = [{"orderItemId": "1", "product": {"sellerSku": "A"}, **item}]
    body = order("1", zulu(T0), orderItems=rows, fulfillment={"fulfillmentStatus": status})
    assert [line.qty for line in poll.read_order(body, T0).lines] == [qty]


def test_an_order_without_a_status_is_not_guessed() -> None:
    """Without `FULFILLMENT` nothing says what the order holds."""
    none: tuple[Any, ...] = (None, {}, {"fulfillmentStatus": ""}, [])
    for fulfillment in none:
        with pytest.raises(NotUnderstood):
            poll.read_order(order("1", zulu(T0), fulfillment=fulfillment), T0)


def test_all_items_are_named_counted_or_not() -> None:
    """What is named has not left the order."""
    rows = [{"orderItemId": "1"}, {"orderItemId": "2", "quantityOrdered": "x"}]
    body = order("1", zulu(T0), orderItems=rows)
    assert poll.lines(body) == ["1", "2"]
    assert [one.line for one in poll.read_order(body, T0).refused] == ["1", "2"]
