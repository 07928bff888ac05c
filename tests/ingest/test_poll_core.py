"""The poller's pure parts: pace, watermark, held lines, what is due for an order."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.channels.calls import POLLS
from ingest.poll.held import Held, Known
from ingest.poll.pace import Pace, backoff_ms
from ingest.poll.snapshot import Seen, changed, gone
from ingest.poll.watermark import SETTLE_MS, begin, channel_now, moved
from ingest.webhook import NotUnderstood
from schemas.records import OrderConfirmed, OrderOutcome
from schemas.settings import Kind, Window
from schemas.words import Result

HOUR = 3_600_000
SEEN = Seen(channel="woo", number="7", revision=50_000, seen_at=70_000, received_at=70_500)


def record(
    sku: str = "A", line: int = 1, qty: int = 2, revision: int = 50_000, seen_at: int = 70_000
) -> OrderConfirmed:
    return OrderConfirmed(
        sku=sku,
        listing_sku=sku,
        qty=qty,
        channel="woo",
        order_id=f"woo_7_{line}",
        revision=revision,
        seen_at=seen_at,
        ordered_at=1,
        received_at=seen_at,
    )


def outcome(order_id: str = "woo_7_1", sku: str = "A", **more: Any) -> OrderOutcome:
    values: dict[str, Any] = {
        "channel": "woo",
        "revision": 10,
        "seen_at": 10,
        "qty": 2,
        "held": 2,
        "shortfall": 0,
        "delta": 2,
        "result": Result.ACCEPTED,
        "new_qty": 1,
        "version": 1,
        "ordered_at": 5,
        "timestamp": 10,
        "source": {},
    }
    return OrderOutcome(sku=sku, order_id=order_id, **(values | more))


def known(revision: int = 10, seen_at: int = 10, qty: int = 2, *, holds: bool = True) -> Known:
    return Known(revision=revision, seen_at=seen_at, qty=qty, holds=holds, ordered_at=5)


def test_a_burst_is_taken_at_once_and_the_rest_at_the_windows_rate() -> None:
    """Two at once, then one each half second; a wait takes nothing."""
    pace = Pace((Window(calls=2, per_ms=1_000, burst=2),), 0)
    assert [pace.take(0), pace.take(0), pace.take(0)] == [0, 0, 500]
    assert pace.take(499) == 1
    assert pace.take(500) == 0


def test_every_window_must_have_room() -> None:
    """The slower of two windows decides."""
    pace = Pace((Window(calls=10, per_ms=1_000, burst=10), Window(calls=1, per_ms=10_000, burst=1)), 0)
    assert [pace.take(0), pace.take(1_000)] == [0, 9_000]


def test_a_clock_that_goes_back_gives_no_tokens() -> None:
    """Time before the last call counts as no time."""
    pace = Pace((Window(calls=1, per_ms=1_000, burst=1),), 5_000)
    assert [pace.take(5_000), pace.take(0), pace.take(5_999), pace.take(6_000)] == [0, 1_000, 1, 0]


def test_the_back_off_doubles_up_to_its_longest_with_a_spread_of_a_fifth() -> None:
    """First, doubled, longest; luck moves it 20 % to either side."""
    assert [backoff_ms(n, 1_000, 60_000, 0.5) for n in (1, 2, 7, 100)] == [1_000, 2_000, 60_000, 60_000]
    assert (backoff_ms(1, 1_000, 60_000, 0.0), backoff_ms(1, 1_000, 60_000, 1.0)) == (800, 1_200)


@pytest.mark.parametrize(
    ("stored", "back_to", "expected"),
    [(None, None, 100), (500, None, 500), (500, 300, 300), (500, 900, 500), (None, 900, 100)],
)
def test_reading_begins_where_nothing_is_skipped(stored: int | None, back_to: int | None, expected: int) -> None:
    """At the watermark, at the connection where there is none, earlier where somebody asks, never later."""
    assert begin(stored, 100, back_to) == expected


@given(old=st.integers(0, 10**12), through=st.none() | st.integers(0, 10**12), asked=st.integers(0, 10**12))
def test_the_watermark_never_goes_back_and_never_comes_near_now(old: int, through: int | None, asked: int) -> None:
    """Whatever a page proves, the result is at least the old one and moves only below now less the settling time."""
    new = moved(old, through, asked, {})
    assert new >= old
    assert new == old or new <= asked - SETTLE_MS


def test_the_channels_own_clock_holds_the_watermark_back() -> None:
    """An answer dated earlier than our clock says how late it really is; a date that is none is no date."""
    date = {"date": "Sun, 22 Nov 2026 10:00:00 GMT"}
    ten = 1_795_341_600_000
    assert channel_now(ten + HOUR, date) == ten
    assert channel_now(ten - HOUR, date) == ten - HOUR
    assert channel_now(ten, {"date": "yesterday"}) == ten
    assert channel_now(ten, {"date": "Sun, 22 Nov 99999999999999999999 10:00:00 GMT"}) == ten


def test_a_line_that_is_known_as_it_is_needs_no_record() -> None:
    """Same revision, same units, both settled: nothing; another quantity or revision: the record."""
    settled = known(revision=50_000, seen_at=65_000)
    key = ("woo_7_1", "A")
    assert [*changed([record()], {key: settled})] == []
    assert [*changed([record(qty=3)], {key: settled})] == [record(qty=3)]
    assert [*changed([record(revision=60_000)], {key: settled})] == [record(revision=60_000)]
    assert [*changed([record()], {})] == [record()]


def test_a_state_seen_within_its_own_second_is_said_again_once_it_is_settled() -> None:
    """Two changes of one second share a revision: the settled sight decides, and only once."""
    early = known(revision=50_000, seen_at=50_200)
    key = ("woo_7_1", "A")
    assert [*changed([record(seen_at=55_000)], {key: early})] == []
    assert [*changed([record(seen_at=70_000)], {key: early})] == [record(seen_at=70_000)]


def test_a_state_older_than_what_is_known_is_not_said() -> None:
    """A slow answer that was overtaken by a webhook changes nothing."""
    assert [*changed([record(qty=9)], {("woo_7_1", "A"): known(revision=50_001)})] == []


def test_a_line_that_is_no_longer_named_gives_up_what_it_holds() -> None:
    """Gone from the order: 0 units at the order's revision, with the line's own order time."""
    held = {("woo_7_1", "A"): known(), ("woo_7_2", "B"): known()}
    (left,) = gone(SEEN, ["1"], [record()], held)
    assert (left.order_id, left.sku, left.qty, left.revision, left.seen_at) == ("woo_7_2", "B", 0, 50_000, 70_000)
    assert left.ordered_at == 5


def test_a_line_that_moved_to_another_sku_gives_up_the_old_one() -> None:
    """Line 1 is there as B now: A is given up."""
    held = {("woo_7_1", "A"): known()}
    assert [r.sku for r in gone(SEEN, ["1"], [record("B")], held)] == ["A"]


def test_a_line_that_is_there_but_not_counted_keeps_what_it_holds() -> None:
    """Not ours any more, not mapped, not readable: no evidence that anything came back to the shelf."""
    held = {("woo_7_1", "A"): known(), ("woo_7_2", "B"): known()}
    assert [*gone(SEEN, ["1", "2"], [record()], held)] == []
    assert [*gone(SEEN, None, [record()], held)] == []


@pytest.mark.parametrize("kind", [*POLLS])
def test_lines_that_cannot_be_told_apart_are_not_told_apart(kind: Kind) -> None:
    """A line without an id, or no list of lines: whatever is held stays held."""
    for field in ("line_items", "orderItems", "lineItems", "transactions"):
        for bad in ([{"name": "?"}], "none", {"id": 1}, [7]):
            order: dict[str, Any] = {
                "line_items": [],
                "orderItems": [],
                "lineItems": [],
                "transactions": [],
                field: bad,
            }
            try:
                found = POLLS[kind].lines(order)
            except NotUnderstood:
                continue
            assert found == [], "another kind's field"


def test_a_line_without_units_or_newer_than_the_order_is_left_alone() -> None:
    """Nothing to give up, or a webhook that was faster than this answer."""
    held = {("woo_7_2", "B"): known(holds=False), ("woo_7_3", "C"): known(revision=50_001)}
    assert [*gone(SEEN, [], [], held)] == []


def test_the_index_knows_the_newest_state_decided_or_only_sent() -> None:
    """A record that Kafka has is known before the processor decides it; the decision replaces it."""
    held, key = Held("woo"), ("woo_7_1", "A")
    held.take(outcome())
    held.tell(record(qty=5))
    newest = held.newest(key)
    assert newest is not None
    assert (newest.qty, newest.revision) == (5, 50_000)
    held.take(outcome(revision=50_000, seen_at=70_000, qty=5, held=5))
    assert held.lines("7")[key].qty == 5
    assert len(held) == 1


def test_a_line_that_was_sent_and_not_decided_belongs_to_its_order_too() -> None:
    """A line that vanishes before the processor has come to it is given up, and given up once."""
    held = Held("woo")
    held.tell(record(revision=10, seen_at=10))
    assert [left.qty for left in gone(SEEN, [], [], held.lines("7"))] == [0]
    held.tell(record(qty=0))
    assert [*gone(SEEN, [], [], held.lines("7"))] == []


def test_what_was_sent_is_remembered_for_a_bounded_number_of_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    """Beyond the bound the oldest is forgotten, and would be sent once more."""
    monkeypatch.setattr("ingest.poll.held.TOLD_MAX", 2)
    held = Held("woo")
    for line in (1, 2, 3):
        held.tell(record(line=line))
    assert [*sorted(held.lines("7"))] == [("woo_7_2", "A"), ("woo_7_3", "A")]


def test_the_index_tells_orders_and_channels_with_like_names_apart() -> None:
    """Order 7 is not order 77, and `woo` is not `woo-2`."""
    held = Held("woo")
    held.take(outcome())
    held.take(outcome("woo_77_1"))
    assert [*held.lines("7")] == [("woo_7_1", "A")]
    assert held.ours(b"woo_7_1|A")
    assert not held.ours(b"woo-2_7_1|A")
    assert not held.ours(b"adj_x|A")


def test_an_order_with_an_older_line_that_holds_units_is_torn_until_it_agrees() -> None:
    """A delayed webhook brings back a line that a newer snapshot had not named: the order must be read again."""
    held = Held("woo")
    held.take(outcome("woo_7_1", revision=20))
    assert [*held.torn()] == []
    held.take(outcome("woo_7_2", "B", revision=10))
    assert [*held.torn()] == ["woo_7_"]
    held.take(outcome("woo_7_2", "B", revision=20, qty=0, held=0, delta=-2))
    assert [*held.torn()] == []


def test_a_long_order_is_gone_through_once_and_not_with_each_line(monkeypatch: pytest.MonkeyPatch) -> None:
    """The longest order has 10,000 lines: a look at all of them for each one would stop the poller for seconds."""
    marked, look = list[str](), Held._mark

    def mark(held: Held, order: str) -> None:
        marked.append(order)
        look(held, order)

    monkeypatch.setattr(Held, "_mark", mark)
    held = Held("woo")
    for line in range(100):
        held.take(outcome(f"woo_7_{line}", revision=20 + line // 99))
    assert [*held.torn()] == ["woo_7_"]
    assert [*held.torn()] == ["woo_7_"]
    assert marked == ["woo_7_"]


def test_a_tombstone_forgets_a_line_and_with_the_last_one_its_order() -> None:
    """What the processor no longer knows holds nothing."""
    held = Held("woo")
    held.take(outcome("woo_7_1", revision=20))
    held.take(outcome("woo_7_2", "B|x"))
    held.forget(b"woo_7_2|B|x")
    assert [*held.lines("7")] == [("woo_7_1", "A")]
    held.forget(b"woo_7_1|A")
    assert (len(held), [*held.torn()]) == (0, [])
