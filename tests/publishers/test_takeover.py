"""What a publisher must not forget, repeat or believe across outages, stops and takeovers."""

from dataclasses import replace
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from publishers import fold
from publishers.book import SETTLE_MS
from publishers.push import ChannelDown, Response
from publishers.work import Call
from schemas.channel_records import ChannelLevel, Shown
from schemas.words import Command, Result, Status

LOST = Response(status=0, err="no answer within 10000 ms")
DOWN = Response(status=503)


def test_a_retrying_sku_whose_listing_has_ended_does_not_keep_the_circuit_open(bench_of: Any) -> None:
    """It can be no probe: after a takeover it is in step, and the probe goes to a SKU that is listed."""
    bench = bench_of("woocommerce", active=False)
    bench.controller.observed(ChannelLevel(sku="0-ENDED", status=Status.RETRYING, err="channel_down: x", at=1))
    bench.listing("A")
    bench.level("A", 5)
    dead = {"A": Shown(shown=9, sent=5, sent_version=1)}
    gone = ChannelLevel(sku="A", listings=dead, status=Status.DEAD, err="ladder_exhausted: x", attempt=5, at=1)
    bench.controller.observed(gone)
    bench.listing("B")
    bench.level("B", 5)
    bench.controller.activate(bench.now)
    assert bench.record("0-ENDED").status is Status.IN_STEP
    bench.controller.tasks.replay(["B"], "test", bench.now)
    for _ in range(3):
        bench.answer(bench.plan(), DOWN)
        bench.controller.tasks.replay(["B"], "test", bench.now)
    assert bench.controller.calling.circuit.is_open
    bench.controller.listing("B", None, 0, bench.now)
    bench.now += 60_000
    assert bench.work() == 1
    assert bench.shop.numbers["A"] == 5


def test_a_call_that_opened_the_circuit_is_not_made_again_as_its_probe(bench_of: Any) -> None:
    """Half a minute later its number is an old one: the row is read, and the newest number told."""
    bench = bench_of(levels={"A": 5, "B": 5})
    bench.level("B", 4)
    bench.answer(bench.plan(), LOST)
    bench.answer(bench.plan(), LOST)
    bench.level("A", 50)
    bench.answer(bench.plan(), LOST)
    assert bench.controller.calling.circuit.is_open
    bench.level("A", 1)
    bench.now += 30_000
    bench.work()
    assert {"A": 50} not in [told for word, told in bench.shop.calls if word == "tell"]
    assert bench.shop.numbers == {"A": 1, "B": 4}


def test_a_call_that_was_stopped_before_its_repetition_is_not_repeated_later(bench_of: Any) -> None:
    """The gate opens an hour later: what was unanswered is read, and the newest number told."""
    bench = bench_of(levels={"A": 5})
    bench.level("A", 50)
    bench.answer(bench.plan(), LOST)
    bench.command(Command.STOP)
    bench.level("A", 1)
    assert bench.work() == 0
    bench.now += 3_600_000
    bench.command(Command.ENABLE)
    bench.work()
    assert [word for word, _ in bench.shop.calls] == ["read", "tell"]
    assert bench.shop.numbers == {"A": 1}


def test_a_replay_does_not_overtake_the_call_of_a_dead_owner(bench_of: Any) -> None:
    """Neither a replay nor a changed listing is a reason to tell a SKU whose last call may still be on its way."""
    bench = bench_of("woocommerce", active=False)
    bench.listing("A")
    bench.level("A", 3)
    opened = Shown(shown=5, sent=4, sent_version=0, sent_at=bench.now, request_id="theirs")
    bench.controller.observed(ChannelLevel(sku="A", listings={"A": opened}, status=Status.SENDING, at=bench.now))
    bench.now += 1_000
    bench.controller.activate(bench.now)
    bench.command(Command.REPLAY, "A")
    assert bench.work() == 0
    bench.now += 9_500
    assert bench.work() == 1


def test_the_end_of_hidden_sales_waits_for_the_processor(bench_of: Any) -> None:
    """The poll's last orders are in Kafka and not yet in the level: the number is not raised over them meanwhile."""
    bench = bench_of(levels={"A": 10})
    bench.shop.numbers["A"] = 7
    bench.level("A", 9)
    bench.work()
    bench.shop.calls.clear()
    sold_at = bench.now - 1_000
    bench.watermark(bench.now + 60_000)
    bench.work(until=bench.now + SETTLE_MS - 1_500)
    assert bench.shop.numbers["A"] == 6
    bench.ordered("A", 6, 3, ordered_at=sold_at)
    bench.work(until=bench.now + SETTLE_MS)
    assert (bench.shop.numbers["A"], bench.record("A").hidden) == (6, 0)
    assert all(told["A"] <= 6 for word, told in bench.shop.calls if word == "tell")


def test_a_repeated_call_that_is_stale_may_have_been_carried_out_before(bench_of: Any) -> None:
    """The answer was lost, the level went back meanwhile: what the channel shows is read, not believed."""
    bench = bench_of(levels={"A": 40})
    bench.level("A", 44)
    bench.shop.lost = 1
    bench.answer(bench.plan())
    bench.level("A", 40)
    bench.work()
    assert (bench.shop.numbers["A"], bench.record("A").status) == (40, Status.IN_STEP)


def test_a_stale_number_is_read_even_where_the_level_is_what_we_believed(bench_of: Any) -> None:
    """The level went back while the call was refused: the channel shows neither."""
    bench = bench_of(levels={"A": 10})
    bench.shop.numbers["A"] = 9
    bench.level("A", 12)
    call = bench.plan()
    bench.level("A", 10)
    bench.answer(call)
    bench.work()
    assert [word for word, _ in bench.shop.calls] == ["tell", "read"]
    assert (bench.record("A").hidden, bench.shop.numbers["A"]) == (1, 9)


def test_a_sale_that_the_last_owner_has_told_about_does_not_hide_another(bench_of: Any) -> None:
    """Tables come in any order: a level read after the channel's record must not count its old sale a second time."""
    bench = bench_of(levels={"A": 10})
    bench.shop.numbers["A"] = 8
    level = bench.ordered("A", 8, 2, ordered_at=bench.now - 10_000)
    bench.work()
    heir = bench_of(active=False)
    heir.listing("A")
    heir.controller.observed(bench.record("A"))
    heir.controller.level(level, bench.now)
    heir.versions["A"] = level.version
    heir.now = bench.now + 1_000
    heir.controller.activate(heir.now)
    assert heir.work() == 0
    heir.shop.numbers["A"] = 6
    heir.level("A", 20)
    heir.work()
    assert (heir.shop.numbers["A"], heir.record("A").hidden) == (6, 2)


def test_long_words_of_a_channel_fit_into_the_records(bench_of: Any) -> None:
    """They are cut in bytes: a record that cannot be written would end every life of the publisher."""
    bench = bench_of("woocommerce", {"A": 5})
    bench.level("A", 4)
    error = '{"update": [{"id": 0, "error": {"code": "x", "message": "' + "\U0001f6d2" * 400 + '", "data": null}}]}'
    bench.answer(bench.plan(), Response(status=200, body=error.encode()))
    assert bench.record("A").status is Status.DEAD
    written = [*bench.log(), *bench.letters(), bench.record("A")]
    assert all(len((one.err or "").encode()) <= 1_000 for one in written)


def test_a_letter_of_the_ladders_end_carries_the_time_of_the_end() -> None:
    """Not that of the rung before it, an hour ago; no call is made for a rung while the circuit is open."""
    waits = ChannelLevel(sku="A", status=Status.RETRYING, attempt=4, next_attempt_at=9_000, at=1_000)
    dead = fold.failed(waits, ChannelDown("x"), fold.Moment(now=9_000, due=lambda _: None))
    assert fold.dead_letter("shop", dead).at == 9_000


def test_the_unanswered_call_is_still_repeated_at_once(bench_of: Any) -> None:
    """While the circuit is closed the same body once more tells what became of it."""
    bench = bench_of(levels={"A": 5})
    bench.level("A", 4)
    first = bench.plan()
    bench.answer(first, LOST, took=10_000)
    second = bench.plan()
    assert isinstance(second, Call)
    assert replace(second, at=0, again=False) == replace(first, at=0)


def heir_of(bench_of: Any, dead: Any) -> Any:
    """Return the next owner: it has what the dead one wrote, the newest levels, and hears the rest of the sales."""
    heir = bench_of(active=False)
    heir.shop, heir.now, heir.versions, heir.said = dead.shop, dead.now + 500, dead.versions, dead.said
    for sku in dead.controller.book.listings:
        heir.listing(sku)
    for level in dead.controller.book.levels.values():
        heir.controller.level(level, heir.now)
    written = {one.sku: one for one in dead.out if isinstance(one, ChannelLevel)}
    for record in written.values():
        heir.controller.observed(record)
    start = heir.controller.hearing.listen_from({0: len(dead.said)})[0]
    for offset, outcome in list(enumerate(dead.said))[start:]:
        heir.controller.outcome(outcome, offset, heir.now)
    heir.out += written.values()
    heir.controller.activate(heir.now)
    heir.collect()
    return heir


def test_a_hidden_sale_whose_order_came_while_nobody_told_is_found_by_the_next_owner(bench_of: Any) -> None:
    """Else the channel would show a unit too few until the order poll has passed it, minutes later in a quiet shop."""
    bench = bench_of(active=True)
    bench.listing("A")
    bench.level("A", 8)
    bench.work()
    bench.shop.numbers["A"] = 6
    bench.ordered("A", 7, 1, ordered_at=bench.now)
    bench.outcome("A", 1, ordered_at=bench.now)
    hidden_at = bench.now
    bench.work()
    assert (bench.shop.numbers["A"], bench.record("A").hidden) == (6, 1)
    bench.controller.active = False
    bench.ordered("A", 6, 1, ordered_at=hidden_at)
    bench.outcome("A", 1, ordered_at=hidden_at)
    bench.level("A", 5)
    heir = heir_of(bench_of, bench)
    heir.work()
    assert (heir.shop.numbers["A"], heir.record("A").hidden) == (5, 0)


def test_sales_that_nobody_heard_are_not_taken_for_hidden_ones(bench_of: Any) -> None:
    """Three sales were decided while the publisher was away: the next owner expects what the channel shows."""
    bench = bench_of(active=True)
    bench.listing("A")
    bench.level("A", 5)
    bench.work()
    bench.controller.active = False
    for left in (4, 3, 2):
        bench.shop.numbers["A"] -= 1
        bench.ordered("A", left, 1, ordered_at=bench.now)
        bench.outcome("A", 1, ordered_at=bench.now)
    bench.level("A", 1)
    heir = heir_of(bench_of, bench)
    heir.shop.calls.clear()
    heir.work()
    assert heir.shop.calls == [("tell", {"A": 1})]
    assert heir.record("A").hidden == 0


def test_a_sale_found_among_the_hidden_is_not_found_again_by_the_next_owner(bench_of: Any) -> None:
    """Two units are hidden and one has been found: the other one stays hidden, or it would be offered again."""
    bench = bench_of(active=True)
    bench.listing("A")
    bench.level("A", 10)
    bench.work()
    bench.shop.numbers["A"] = 8
    bench.level("A", 9)
    bench.work()
    assert bench.record("A").hidden == 2
    bench.ordered("A", 8, 1, ordered_at=bench.now - 1_000)
    bench.outcome("A", 1, ordered_at=bench.now - 1_000)
    bench.collect()
    heir = heir_of(bench_of, heir_of(bench_of, bench))
    heir.work()
    assert (heir.shop.numbers["A"], heir.record("A").hidden) == (7, 1)


def test_sales_before_an_unanswered_call_count_for_the_number_before_it_only(bench_of: Any) -> None:
    """Two of four sales have been heard, the call about the first was never made: two are hidden, not three."""
    bench = bench_of(active=True)
    bench.listing("A")
    bench.level("A", 40)
    bench.work()
    bench.shop.numbers["A"] = 36
    for left in (39, 38):
        bench.ordered("A", left, 1, ordered_at=bench.now)
        bench.outcome("A", 1, ordered_at=bench.now)
        if left == 39:
            assert isinstance(bench.plan(), Call)
            bench.controller.active = False
    heir = heir_of(bench_of, bench)
    heir.now += 20_000
    heir.work()
    assert (heir.shop.numbers["A"], heir.record("A").hidden) == (36, 2)


moves = st.lists(
    st.tuples(st.sampled_from(["sale", "arrive", "other", "step", "step", "die", "later"]), st.integers(1, 4)),
    max_size=40,
)


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(moves)
def test_owners_may_come_and_go_the_channel_shows_the_level_as_soon_as_all_orders_are_here(
    bench_of: Any, trade_of: Any, history: list[tuple[str, int]]
) -> None:
    """
    Without any help of the order poll: nothing is believed hidden that has been heard, by whichever owner.

    No owner dies during a call here: after that nobody can know which of two numbers the sales came on top of.
    """
    trade = trade_of(bench_of(active=True))
    trade.bench.listing("A")
    trade.bench.level("A", trade.hub)
    trade.bench.work()
    for move, units in history:
        if move == "die":
            trade.bench = heir_of(bench_of, trade.bench)
        else:
            trade.happens(move, units)
    trade.all_arrive()
    bench = heir_of(bench_of, trade.bench)
    bench.work(until=bench.now + 60_000)
    assert (bench.shop.numbers["A"], bench.record("A").hidden) == (max(0, trade.hub), 0)


def test_an_own_order_read_once_more_does_not_send_a_sku_back_to_its_ladder(bench_of: Any) -> None:
    """The channel is back and all are told at once; a repeated delivery meanwhile makes none wait for its rung."""
    bench = bench_of("woocommerce", {"A": 10, "B": 10})
    bench.level("A", 9)
    bench.answer(bench.plan(), DOWN)
    bench.level("B", 9)
    bench.answer(bench.plan())
    bench.outcome("A", 0, ordered_at=bench.now, result=Result.UNCHANGED, version=None)
    assert bench.work() == 1
    assert bench.shop.numbers == {"A": 9, "B": 9}
