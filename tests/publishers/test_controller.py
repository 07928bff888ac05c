"""The controller: what is told when, and what an answer does."""

from dataclasses import replace
from typing import Any

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from publishers.book import SETTLE_MS
from publishers.push import TELL, Answer, Delivered, Response, Throttled
from publishers.work import Call, Gate
from schemas.settings import Rules
from schemas.words import Command, Reason, Result, Status

DOWN = Response(status=503)
UNSENT = Response(status=0, err="refused", unsent=True)
LOST = Response(status=0, err="no answer within 10000 ms")


def mutation(*errors: dict[str, Any]) -> Response:
    """Make Shopify's answer with these user errors."""
    return Response(status=200, body=orjson.dumps({"data": {"inventorySetQuantities": {"userErrors": list(errors)}}}))


def row_error(row: int, code: str) -> dict[str, Any]:
    """Make a user error of one row."""
    return {"field": ["input", "quantities", str(row), "inventoryItemId"], "code": code, "message": "words"}


def test_an_unknown_number_is_read_before_it_is_told(bench_of: Any) -> None:
    """The first contact compares too: what the channel shows is asked, then changed from there."""
    bench = bench_of()
    bench.shop.numbers["A"] = 7
    bench.listing("A")
    bench.level("A", 5)
    assert bench.work() == 2
    assert bench.shop.calls == [("read", {}), ("tell", {"A": 5})]
    assert bench.shop.numbers == {"A": 5}
    record = bench.record("A")
    assert (record.status, record.hidden, record.attempt, record.dirty_since) == (Status.IN_STEP, 0, 0, None)
    assert (record.listings["A"].shown, record.listings["A"].request_id) == (5, None)


def test_the_intent_is_written_before_the_call_and_the_result_after_it(bench_of: Any) -> None:
    """Between the two the record says sending, with the number, the version and the request."""
    bench = bench_of("woocommerce", {"A": 9})
    bench.level("A", 8)
    call = bench.plan()
    assert isinstance(call, Call)
    (intent,) = bench.out
    sent = intent.listings["A"]
    assert (intent.status, sent.shown, sent.sent, sent.sent_version) == (Status.SENDING, 9, 8, 2)
    assert (sent.sent_at, sent.request_id) == (bench.now, call.request_id)
    bench.answer(call)
    log, result, closed = bench.out[1:]
    assert (log.verdict, log.quantity, log.version, log.response_code) == ("delivered", 8, 2, 200)
    assert (log.duration_ms, log.lag_ms, log.call_id) == (10, 10, call.request_id)
    assert (result.listings["A"].shown, result.listings["A"].request_id) == (8, None)
    assert closed.status is Status.IN_STEP


def test_a_thousand_changes_are_one_call_with_the_newest(bench_of: Any) -> None:
    """Level-triggered: what happened in between is nobody's business."""
    bench = bench_of("woocommerce", {"A": 9})
    for quantity in range(1_000):
        bench.level("A", quantity)
    assert bench.work() == 1
    assert bench.shop.calls == [("tell", {"A": 999})]


def test_a_level_that_is_shown_already_is_not_told(bench_of: Any) -> None:
    """Neither a new version with the same number nor a number that came back."""
    bench = bench_of("woocommerce", {"A": 9})
    bench.level("A", 9)
    bench.level("A", 8)
    bench.level("A", 9)
    assert bench.work() == 0


def test_what_is_not_stocked_not_listed_or_not_ours_is_not_told(bench_of: Any) -> None:
    """Quantity null is unknown, a SKU without listing has nowhere to go, a listing that ended is left."""
    bench = bench_of("woocommerce")
    bench.listing("A")
    bench.level("A", None)
    bench.level("B", 4)
    bench.listing("C")
    bench.level("C", 3)
    bench.controller.listing("C", None, 0, bench.now)
    assert bench.work() == 0


def test_a_listing_that_moves_to_another_sku_is_told_that_ones_level(bench_of: Any) -> None:
    """Where a listing belongs is a record like any other."""
    bench = bench_of("woocommerce", {"A": 9, "B": 4})
    listing = bench.controller.book.listings["A"]["A"]
    bench.controller.listing("A", replace(listing, sku="B"), 0, bench.now)
    bench.work()
    assert bench.record("B").listings["A"].shown == 4
    assert "A" not in bench.controller.book.listings


def test_a_listing_that_moves_during_its_call_is_told_the_other_level_after_it(bench_of: Any) -> None:
    """Told both at once, nobody would know which number the channel takes last."""
    bench = bench_of("woocommerce", {"A": 5, "B": 3})
    bench.level("A", 9)
    call = bench.plan()
    assert [row.listing.listing_id for row in call.rows] == ["A"]
    bench.listing("B", "A")
    assert isinstance(bench.plan(), int)
    bench.answer(call)
    bench.work()
    assert bench.shop.numbers["A"] == 3
    assert bench.record("B").status is bench.record("A").status is Status.IN_STEP


@pytest.mark.parametrize("order", [("old", "end", "new"), ("old", "new", "end"), ("new", "old", "end")])
def test_a_listing_that_moves_to_another_partition_survives_any_order(bench_of: Any, order: tuple[str, ...]) -> None:
    """One partition keeps its order, two do not: the old place's record and end, and the new place's record."""
    bench = bench_of("woocommerce", {"A": 9, "B": 4})
    listing = bench.controller.book.listings["A"]["A"]
    bench.controller.listing("A", None, 0, bench.now)
    records = {"old": (listing, 1), "end": (None, 1), "new": (replace(listing, sku="B"), 2)}
    for name in order:
        bench.controller.listing("A", *records[name], bench.now)
    assert set(bench.controller.book.listings["B"]) == {"A", "B"}
    assert "A" not in bench.controller.book.listings


def test_every_listing_of_a_sku_shows_its_level(bench_of: Any) -> None:
    """Two listings of one SKU are two rows, in as many calls as their groups."""
    bench = bench_of("woocommerce")
    bench.listing("A", "1", product="1")
    bench.listing("A", "2", product="2", variation="22")
    bench.level("A", 6)
    assert bench.work() == 2
    assert {name: shown.shown for name, shown in bench.record("A").listings.items()} == {"1": 6, "2": 6}
    assert bench.record("A").status is Status.IN_STEP


def test_rows_share_a_call_up_to_the_kinds_limit(bench_of: Any) -> None:
    """250 products make three calls of WooCommerce; variations of another parent have their own."""
    bench = bench_of("woocommerce")
    for n in range(250):
        bench.listing(f"S{n}", product=str(n))
        bench.level(f"S{n}", 5)
    bench.listing("V", product="7", variation="70")
    bench.level("V", 5)
    bench.work()
    assert sorted(len(told) for _, told in bench.shop.calls) == [1, 50, 100, 100]


def test_recently_sold_rows_travel_in_small_calls(bench_of: Any) -> None:
    """One stale row fails its whole call, so those that may be stale do not travel with 250."""
    bench = bench_of(levels={f"S{n}": 50 for n in range(40)})
    for n in range(40):
        if n < 25:
            bench.ordered(f"S{n}", 49, 1, ordered_at=bench.now, channel="other")
        else:
            bench.level(f"S{n}", 49)
    bench.work()
    assert sorted(len(told) for _, told in bench.shop.calls) == [5, 10, 10, 15]


def test_one_refused_row_fails_alone(bench_of: Any) -> None:
    """The others of its call are told at once without it; it is a dead letter with the channel's words."""
    bench = bench_of(levels={"A": 1, "B": 1, "C": 1})
    for sku in "ABC":
        bench.level(sku, 2)
    call = bench.plan()
    bad = next(n for n, row in enumerate(call.rows) if row.sku == "B")
    bench.answer(call, mutation(row_error(bad, "NON_MUTABLE_INVENTORY_ITEM")))
    bench.work()
    assert bench.shop.numbers == {"A": 2, "B": 1, "C": 2}
    assert bench.record("B").status is Status.DEAD
    (letter,) = bench.letters()
    assert (letter.sku, letter.reason, letter.channel, letter.qty) == ("B", Reason.REJECTED, "shop", 2)
    assert letter.err == "NON_MUTABLE_INVENTORY_ITEM: words"


def test_a_fault_without_a_row_is_found_by_halving(bench_of: Any) -> None:
    """Smaller and smaller calls until the row at fault is alone; then larger ones again."""
    bench = bench_of("woocommerce", {f"S{n}": 1 for n in range(8)})
    for n in range(8):
        bench.level(f"S{n}", 2)
    refused = Response(status=400, body=b'{"code": "rest_invalid_param"}')
    sizes = []
    for _ in range(40):
        call = bench.plan()
        if not isinstance(call, Call):
            bench.now += 1_000
            continue
        sizes.append(len(call.rows))
        bench.answer(call, refused if any(row.sku == "S3" for row in call.rows) else None)
    assert sizes[:4] == [8, 4, 4, 2] or sizes[:2] == [8, 4]
    assert [letter.sku for letter in bench.letters()] == ["S3"]
    assert {sku: number for sku, number in bench.shop.numbers.items() if number != 2} == {"S3": 1}
    assert bench.controller.calling.picker.cap > 1


def test_a_dead_sku_is_tried_again_when_its_level_or_its_listing_changes(bench_of: Any) -> None:
    """Its letter is resolved then, and a second death writes a second letter."""
    bench = bench_of("woocommerce", {"A": 1})
    gone = Response(status=404, body=b'{"code": "woocommerce_rest_product_invalid_id"}')
    bench.shop.answers = [gone, gone]
    bench.level("A", 2)
    bench.work()
    assert (bench.record("A").status, len(bench.letters())) == (Status.DEAD, 1)
    bench.now += 60_000
    assert bench.work() == 0
    bench.level("A", 3)
    bench.work()
    first, resolved, second = bench.letters()
    assert (resolved.resolves, second.resolves) == (first.dead_letter_id, None)
    assert second.dead_letter_id != first.dead_letter_id
    bench.listing("A")
    bench.work()
    assert bench.shop.numbers["A"] == 3
    assert bench.letters()[-1].resolves == second.dead_letter_id
    assert bench.record("A").status is Status.IN_STEP


def test_a_dead_sku_whose_difference_is_gone_is_in_step(bench_of: Any) -> None:
    """The level went back to what is shown: nothing to tell, the letter is closed."""
    bench = bench_of("woocommerce", {"A": 1})
    bench.shop.answers = [Response(status=404, body=b'{"code": "woocommerce_rest_product_invalid_id"}')]
    bench.level("A", 2)
    bench.work()
    bench.level("A", 1)
    bench.collect()
    assert bench.record("A").status is Status.IN_STEP
    assert bench.letters()[1].resolves == bench.letters()[0].dead_letter_id


def test_throttling_costs_no_attempt_and_is_waited_out(bench_of: Any) -> None:
    """Nothing is called before the time that the channel named."""
    bench = bench_of("woocommerce", {"A": 1})
    bench.level("A", 2)
    bench.shop.answers = [Response(status=429, headers={"retry-after": "3"})]
    bench.work()
    throttled_at = bench.now
    assert (bench.record("A").attempt, bench.record("A").status) == (0, Status.SENDING)
    assert bench.plan() == 1_000
    bench.now = throttled_at + 2_999
    assert bench.plan() == 1
    bench.now += 1
    assert bench.work() == 1
    assert bench.shop.numbers["A"] == 2
    assert [row.verdict for row in bench.log()] == ["throttled", "delivered"]


def test_one_throttled_row_among_others_is_the_channel_s_wish(bench_of: Any) -> None:
    """A call of several requests may be throttled at its last."""
    bench = bench_of("woocommerce", {"A": 1, "B": 1})
    bench.level("A", 2)
    bench.level("B", 2)
    bench.controller.calling._weather(bench.plan(), Answer(verdicts=(Delivered(), Throttled(5_000))), bench.now)
    assert bench.controller.calling.limiter.silent_until(TELL) == bench.now + 5_000


def test_what_the_channel_says_of_the_budget_counts(bench_of: Any) -> None:
    """Shopify's own points bind where they are fewer than ours."""
    bench = bench_of(levels={"A": 1})
    bench.level("A", 2)
    cost = {"requestedQueryCost": 20, "throttleStatus": {"currentlyAvailable": 5}}
    body = {"data": {"inventorySetQuantities": {"userErrors": []}}, "extensions": {"cost": cost}}
    bench.answer(bench.plan(), Response(status=200, body=orjson.dumps(body)))
    bench.level("A", 3)
    limiter = bench.controller.calling.limiter
    assert bench.plan() == limiter.wait(TELL, 20, bench.now) > 0
    assert limiter.cost(TELL, 13) == 20


def test_a_failed_row_climbs_the_ladder_and_the_newest_level_is_sent(bench_of: Any) -> None:
    """30 s, then 2 min; a retry never sends the number that failed."""
    bench = bench_of("woocommerce", {"A": 1, "B": 1})
    failed = Response(status=200, body=b'{"update": [{"error": {"code": "x", "data": {"status": 500}}}]}')
    bench.level("A", 2)
    bench.shop.answers = [failed, failed]
    bench.work()
    record = bench.record("A")
    assert (record.status, record.attempt, record.next_attempt_at) == (Status.RETRYING, 1, bench.now + 30_000)
    assert record.err == "retry: x: "
    bench.level("A", 3)
    assert bench.work() == 0
    bench.now += 30_000
    bench.work()
    assert (bench.record("A").attempt, bench.record("A").next_attempt_at) == (2, bench.now + 120_000)
    bench.now += 120_000
    bench.work()
    assert bench.shop.numbers["A"] == 3
    record = bench.record("A")
    assert (record.status, record.attempt, record.err, record.next_attempt_at) == (Status.IN_STEP, 0, None, None)


def test_after_the_ladder_comes_the_dead_letter_and_replay_heals_it(bench_of: Any) -> None:
    """First try and the rungs, then ladder_exhausted; replay sends the newest level at once."""
    bench = bench_of("woocommerce", {"A": 1}, ladder=(1_000, 2_000))
    failed = Response(status=200, body=b'{"update": [{"error": {"code": "x", "data": {"status": 500}}}]}')
    bench.level("A", 2)
    bench.shop.answers = [failed] * 3
    bench.work(until=bench.now + 10_000)
    record = bench.record("A")
    assert (record.status, record.attempt) == (Status.DEAD, 3)
    (letter,) = bench.letters()
    assert (letter.reason, letter.attempts, letter.err) == (Reason.LADDER_EXHAUSTED, 3, "x: ")
    bench.command(Command.REPLAY)
    bench.work()
    assert bench.shop.numbers["A"] == 2


def test_three_failures_open_the_circuit_and_only_probes_are_sent(bench_of: Any) -> None:
    """5 s, 10 s, ... one row each; the first that is answered heals everything at once."""
    bench = bench_of("woocommerce", {f"S{n}": 1 for n in range(6)})
    for n in range(3):
        bench.level(f"S{n}", 2)
        bench.answer(bench.plan(), DOWN)
    assert bench.controller.calling.circuit.is_open
    for n in range(6):
        bench.level(f"S{n}", 3)
    opened = bench.now
    assert bench.plan() == 1_000
    bench.now = opened + 5_000
    probe = bench.plan()
    assert isinstance(probe, Call)
    assert (probe.probe, len(probe.rows)) == (True, 1)
    bench.answer(probe, DOWN)
    attempts = {sku: bench.record(sku).attempt for sku in ("S0", "S1", "S2")}
    assert set(attempts.values()) == {1}
    bench.now += 10_000
    bench.work()
    assert not bench.controller.calling.circuit.is_open
    assert set(bench.shop.numbers.values()) == {3}
    assert bench.letters() == []


def test_an_outage_longer_than_the_ladder_ends_in_dead_letters_without_calls(bench_of: Any) -> None:
    """A rung that falls due takes the probe's last answer; when the circuit closes the dead are tried again."""
    bench = bench_of("woocommerce", {"A": 1, "B": 1, "C": 1}, ladder=(6_000, 7_000))
    for sku in "ABC":
        bench.level(sku, 2)
        bench.answer(bench.plan(), DOWN)
    bench.shop.answers = [DOWN] * 5
    start = bench.now
    bench.work(until=start + 40_000)
    assert len(bench.shop.answers) == 2
    assert {letter.sku for letter in bench.letters()} == {"A", "B", "C"}
    assert {letter.reason for letter in bench.letters()} == {Reason.LADDER_EXHAUSTED}
    bench.shop.answers = []
    bench.work(until=bench.now + 40_000)
    assert bench.shop.numbers == {"A": 2, "B": 2, "C": 2}
    assert {bench.record(sku).status for sku in "ABC"} == {Status.IN_STEP}


def test_a_hot_sku_keeps_its_ladder_through_an_outage_of_seconds(bench_of: Any) -> None:
    """Each new level is in the queue at once, but a rung is taken at its own time: ten changes are not ten attempts."""
    bench = bench_of("woocommerce", {"A": 20, "B": 1, "C": 1}, ladder=(30_000, 60_000))
    for sku in "ABC":
        bench.level(sku, 19)
        bench.answer(bench.plan(), DOWN)
    bench.shop.answers = [DOWN] * 5
    for quantity in range(18, 8, -1):
        bench.level("A", quantity)
        bench.work(until=bench.now + 1_000)
    assert bench.letters() == []
    assert bench.record("A").status is Status.RETRYING
    bench.shop.answers = []
    bench.work(until=bench.now + 30_000)
    assert bench.shop.numbers["A"] == 9
    assert bench.record("A").status is Status.IN_STEP


def test_a_newer_level_does_not_wait_for_the_rung_of_a_channel_that_was_down(bench_of: Any) -> None:
    """One lost call must not keep a hot SKU for 30 s."""
    bench = bench_of("woocommerce", {"A": 5})
    bench.level("A", 4)
    bench.answer(bench.plan(), UNSENT)
    assert bench.record("A").status is Status.RETRYING
    assert bench.work() == 0
    bench.level("A", 3)
    assert bench.work() == 1
    assert bench.shop.numbers["A"] == 3


def test_refused_credentials_stop_all_calls_until_something_changes(bench_of: Any) -> None:
    """No attempt is lost; enable, replay or new secrets go on."""
    bench = bench_of("woocommerce", {"A": 5})
    for go_on in (
        lambda: bench.command(Command.ENABLE),
        lambda: bench.command(Command.REPLAY, "A"),
        bench.controller.secrets_changed,
    ):
        bench.level("A", bench.shop.numbers["A"] + 1)
        bench.answer(bench.plan(), Response(status=401))
        assert bench.controller.calling.refused
        bench.now += 1_000_000
        assert bench.work() == 0
        assert bench.record("A").attempt == 0
        go_on()
        assert bench.work() == 1


def test_missing_secrets_are_as_good_as_refused_ones(bench_of: Any) -> None:
    """A call that cannot be made leaves no open intent, and no circuit opens for it."""
    bench = bench_of("woocommerce", {"A": 5})
    bench.level("A", 4)
    call = bench.plan()
    bench.controller.withheld(call, "secret SHOP_CONSUMER_KEY is missing", bench.now)
    assert bench.controller.calling.refused == "secret SHOP_CONSUMER_KEY is missing"
    assert bench.record("A").listings["A"].request_id is None
    assert not bench.controller.calling.circuit.failures


def test_shadow_and_stop_make_no_call_and_write_nothing(bench_of: Any) -> None:
    """The difference is known all the same, and can be named."""
    bench = bench_of("woocommerce", gate=Gate.SHADOW)
    bench.listing("A")
    bench.level("A", 5)
    assert bench.plan() == 1_000
    assert bench.out == []
    assert bench.controller.sample() == ["A: None -> 5"]
    bench.command(Command.ENABLE)
    assert bench.work() == 1
    bench.command(Command.STOP)
    bench.level("A", 4)
    assert bench.work() == 0
    bench.command(Command.RECONCILE)
    assert bench.controller.gate is Gate.STOPPED


def test_a_standby_keeps_tables_and_tells_nothing(bench_of: Any) -> None:
    """What it has kept is work the moment it becomes active."""
    bench = bench_of("woocommerce", active=False)
    bench.listing("A")
    bench.level("A", 5)
    bench.watermark(1)
    assert bench.plan() == 1_000
    bench.controller.activate(bench.now)
    assert bench.work() == 1
    theirs = replace(bench.record("A"), hidden=3)
    bench.controller.observed(theirs)
    assert bench.record("A").hidden == 0


def test_a_new_owner_waits_until_an_open_intent_is_older_than_a_call(bench_of: Any) -> None:
    """The dead owner's call may still be on its way; after its time-out the newest number is told."""
    bench = bench_of("woocommerce", {"A": 5})
    bench.level("A", 4)
    call = bench.plan()
    assert isinstance(call, Call)
    heir = bench_of("woocommerce", active=False)
    heir.listing("A")
    heir.versions["A"] = 3
    heir.level("A", 3)
    heir.controller.observed(bench.record("A"))
    heir.now = bench.now + 1_000
    heir.controller.activate(heir.now)
    assert heir.work() == 0
    heir.now = bench.now + 10_499
    assert heir.work() == 0
    heir.now += 1
    assert heir.work() == 1
    assert heir.shop.numbers["A"] == 3


def test_a_new_owner_finds_the_retrying_the_dead_and_the_hidden(bench_of: Any) -> None:
    """Everything it needs stands in the records."""
    bench = bench_of(levels={"A": 5, "B": 5, "C": 5})
    dead = replace(bench.record("A"), status=Status.DEAD, err="rejected: words")
    later = replace(bench.record("B"), status=Status.RETRYING, attempt=1, next_attempt_at=bench.now + 777)
    hidden = replace(bench.record("C"), hidden=2)
    heir = bench_of(active=False)
    for record in (dead, later, hidden):
        heir.listing(record.sku)
        heir.shop.numbers[record.sku] = 5
        heir.versions[record.sku] = 0
        heir.level(record.sku, 4)
        heir.controller.observed(record)
    heir.now = bench.now
    heir.watermark(1)
    heir.controller.activate(heir.now)
    assert heir.controller.tasks.troubled == {
        Status.RETRYING: {"B"},
        Status.DEAD: {"A"},
    }
    heir.work()
    assert heir.shop.numbers == {"A": 5, "B": 5, "C": 2}
    heir.now += 777
    heir.work()
    assert heir.shop.numbers["B"] == 4


def test_hidden_sales_that_the_poll_has_passed_end_at_the_takeover(bench_of: Any) -> None:
    """The watermark came while nobody was active."""
    bench = bench_of(levels={"A": 5})
    heir = bench_of(active=False)
    heir.listing("A")
    heir.shop.numbers["A"] = 5
    heir.level("A", 5)
    heir.now = bench.now + 60_000
    heir.controller.observed(replace(bench.record("A"), hidden=1))
    heir.watermark(heir.now)
    heir.now += SETTLE_MS
    heir.controller.observed(replace(bench.record("A"), hidden=2))
    heir.controller.activate(heir.now)
    assert heir.record("A").hidden == 0
    assert heir.work() == 0


def test_a_sale_that_we_have_not_heard_of_is_hidden_and_never_offered_again(bench_of: Any) -> None:
    """Stale below what we believed: the difference is hidden, and the number is lowered by it, never raised."""
    bench = bench_of(levels={"A": 10})
    bench.shop.numbers["A"] = 7
    bench.level("A", 9)
    bench.work()
    assert (bench.shop.numbers["A"], bench.record("A").hidden) == (6, 3)
    bench.level("A", 30)
    bench.work()
    assert bench.shop.numbers["A"] == 6
    sold_at = bench.now - 1_000
    bench.ordered("A", 28, 2, ordered_at=sold_at)
    bench.work()
    assert (bench.shop.numbers["A"], bench.record("A").hidden) == (6, 1)
    bench.ordered("A", 27, 1, ordered_at=sold_at)
    bench.work()
    assert (bench.shop.numbers["A"], bench.record("A").hidden) == (27, 0)


def test_the_same_order_is_not_taken_out_of_the_hidden_twice(bench_of: Any) -> None:
    """It comes with the level and with the outcome."""
    bench = bench_of(levels={"A": 10})
    bench.shop.numbers["A"] = 7
    bench.level("A", 9)
    bench.work()
    bench.ordered("A", 8, 1, ordered_at=bench.now - 1_000)
    bench.outcome("A", 1, ordered_at=bench.now - 1_000)
    assert bench.record("A").hidden == 2


def test_an_order_larger_than_what_is_hidden_lowers_what_we_expect(bench_of: Any) -> None:
    """One unit was hidden, the order has three: two more must have been sold since."""
    bench = bench_of(levels={"A": 10})
    bench.shop.numbers["A"] = 9
    bench.level("A", 9)
    bench.work()
    assert (bench.shop.numbers["A"], bench.record("A").hidden) == (8, 1)
    bench.shop.numbers["A"] = 6
    bench.ordered("A", 6, 3, ordered_at=bench.now)
    assert bench.controller.book.expected("A", "A") == 6
    bench.work()
    assert (bench.shop.numbers["A"], bench.record("A").hidden) == (6, 0)
    assert bench.shop.calls[-1] == ("tell", {"A": 6})


def test_hidden_sales_end_when_the_order_poll_has_passed_them(bench_of: Any) -> None:
    """Five seconds beyond their discovery; another channel's poll says nothing."""
    bench = bench_of(levels={"A": 10})
    bench.shop.numbers["A"] = 7
    bench.level("A", 9)
    bench.work()
    found = bench.controller.book.hiding["A"]
    bench.watermark(found + 60_000, channel="other")
    bench.watermark(found + 4_999)
    bench.now += SETTLE_MS
    bench.plan()
    assert bench.record("A").hidden == 3
    bench.watermark(found + 5_000)
    bench.now += SETTLE_MS - 1
    bench.plan()
    assert bench.record("A").hidden == 3
    bench.now += 1
    bench.work()
    assert (bench.shop.numbers["A"], bench.record("A").hidden) == (9, 0)


def test_a_number_raised_by_hand_is_corrected_from_there(bench_of: Any) -> None:
    """Stale above what we believed hides nothing."""
    bench = bench_of(levels={"A": 10})
    bench.shop.numbers["A"] = 50
    bench.level("A", 9)
    bench.work()
    assert (bench.shop.numbers["A"], bench.record("A").hidden) == (9, 0)


def test_known_sales_are_not_taken_for_hidden_ones(bench_of: Any) -> None:
    """The order came in the gap between two levels: what the channel must show is worked out, and no row is stale."""
    bench = bench_of(levels={"A": 10})
    bench.shop.numbers["A"] = 8
    bench.outcome("A", 2, ordered_at=bench.now, version=2)
    bench.versions["A"] = 2
    bench.level("A", 5)
    bench.work()
    assert bench.shop.calls == [("tell", {"A": 5})]
    assert bench.record("A").hidden == 0


def test_an_order_that_could_not_be_served_lowered_the_channel_all_the_same(bench_of: Any) -> None:
    """Its shortfall is what the channel took; a settlement later takes nothing more there."""
    bench = bench_of(levels={"A": 1})
    bench.shop.numbers["A"] = -2
    more = {"result": Result.INSUFFICIENT, "shortfall": 3, "version": None}
    bench.outcome("A", 0, ordered_at=bench.now, **more)
    bench.outcome("A", 3, ordered_at=bench.now, result=Result.SETTLED, version=9)
    bench.level("A", 0)
    bench.work()
    assert bench.shop.calls == [("tell", {"A": 0})]


def test_orders_of_others_change_no_expectation(bench_of: Any) -> None:
    """Their channels lowered their own numbers, not this one's."""
    bench = bench_of(levels={"A": 10})
    bench.outcome("A", 2, ordered_at=bench.now, channel="other")
    assert bench.controller.book.expected("A", "A") == 10


@pytest.mark.parametrize("kind", ["shopify", "woocommerce"])
def test_an_own_sale_is_told_even_if_the_level_is_back_at_the_number_shown(bench_of: Any, kind: str) -> None:
    """The channel sold one and lowered itself; one unit came in: the level is what it was."""
    bench = bench_of(kind, {"A": 10})
    bench.shop.numbers["A"] = 9
    bench.versions["A"] += 1
    bench.outcome("A", 1, ordered_at=bench.now)
    assert bench.work() == 0
    bench.level("A", 10)
    assert bench.work() == 1
    assert bench.shop.numbers["A"] == 10
    assert bench.work() == 0


def test_an_outcome_that_comes_after_its_level_is_told_too(bench_of: Any) -> None:
    """The two topics have no common order."""
    bench = bench_of("woocommerce", {"A": 10})
    bench.shop.numbers["A"] = 9
    bench.versions["A"] += 1
    bench.level("A", 10)
    assert bench.work() == 0
    bench.outcome("A", 1, ordered_at=bench.now, version=2)
    assert bench.work() == 1
    assert bench.shop.numbers["A"] == 10


def test_a_new_owner_tells_what_moved_while_nobody_listened(bench_of: Any) -> None:
    """The level is what is shown, but by way of changes that may have been the channel's own sales."""
    bench = bench_of(levels={"A": 10})
    heir = bench_of(active=False)
    heir.listing("A")
    heir.shop.numbers["A"] = 9
    heir.versions["A"] = 6
    heir.level("A", 10)
    heir.controller.observed(bench.record("A"))
    assert heir.controller.hearing.listen_from({0: 7}) == {0: 0}
    heir.outcome("A", 1, ordered_at=heir.now, version=5)
    heir.controller.activate(heir.now)
    heir.work()
    assert heir.shop.numbers["A"] == 10
    told = {"A": replace(bench.record("A").listings["A"], sent_version=9)}
    calm = bench_of(active=False)
    calm.listing("A")
    calm.level("A", 10)
    calm.controller.observed(replace(bench.record("A"), listings=told, heard=1))
    assert calm.controller.hearing.listen_from({0: 7}) == {0: 7}
    calm.outcome("A", 1, ordered_at=calm.now, version=1)
    calm.controller.activate(calm.now)
    assert calm.work() == 0


@pytest.mark.parametrize("kind", ["shopify", "woocommerce"])
def test_the_source_channel_is_left_alone_when_its_own_sale_explains_the_number(bench_of: Any, kind: str) -> None:
    """The record then says that the number was worked out."""
    bench = bench_of(kind, {"A": 10})
    sent_at = bench.record("A").listings["A"].sent_at
    bench.shop.numbers["A"] = 8
    bench.ordered("A", 8, 2, ordered_at=sent_at + 5_001)
    assert bench.work() == 0
    shown = bench.record("A").listings["A"]
    assert (shown.shown, shown.inferred) == (8, True)
    assert bench.out == []
    bench.outcome("A", 2, ordered_at=sent_at + 5_001)
    assert bench.work() == 0
    assert bench.out[-1] == bench.record("A")
    bench.level("A", 7)
    bench.work()
    assert bench.shop.calls == [("tell", {"A": 7})]
    assert bench.record("A").listings["A"].inferred is False


def opened(bench: Any) -> None:
    """Leave an intent without an answer."""
    record = bench.record("A")
    open_one = {"A": replace(record.listings["A"], request_id="r")}
    bench.controller.book.put_observed(replace(record, listings=open_one))


DOUBTS: dict[str, tuple[Any, dict[str, Any]]] = {
    "the order is too young": (lambda _: None, {"ordered_at": 5_000}),
    "a cancel": (lambda _: None, {"quantity": 12, "units": -2}),
    "a bundle was sold": (lambda _: None, {"listing_sku": "SET"}),
    "something else moved the level too": (lambda _: None, {"quantity": 7}),
    "another channel's order": (lambda _: None, {"channel": "other"}),
    "two listings": (lambda bench: bench.listing("A", "A2"), {}),
    "hidden sales": (lambda b: b.controller.book.put_observed(replace(b.record("A"), hidden=1)), {}),
    "an open intent": (opened, {}),
    "no confirmed number": (lambda b: b.controller.book.put_observed(replace(b.record("A"), listings={})), {}),
    "another sale that is not told yet": (lambda b: b.controller.book.sales.add("A", "0", 1), {}),
    "shadow": (lambda bench: bench.command(Command.SHADOW), {}),
}


@pytest.mark.parametrize("doubt", DOUBTS)
def test_the_source_channel_is_told_when_anything_else_may_have_moved_it(bench_of: Any, doubt: str) -> None:
    """Each condition alone is enough to tell it."""
    bench = bench_of("woocommerce", {"A": 10})
    sent_at = bench.record("A").listings["A"].sent_at
    prepare, more = DOUBTS[doubt]
    prepare(bench)
    order = {"quantity": 8, "units": 2, "ordered_at": 5_001, **more}
    order["ordered_at"] += sent_at
    bench.ordered("A", order.pop("quantity"), order.pop("units"), **order)
    bench.collect()
    written = [one for one in bench.out if getattr(one, "listings", {}).get("A") and one.listings["A"].inferred]
    assert written == []


def test_a_channel_that_shows_nothing_yet_infers_nothing(bench_of: Any) -> None:
    """No record, no belief; an unstocked level is no number."""
    bench = bench_of("woocommerce")
    bench.listing("A")
    bench.ordered("A", 8, 2, ordered_at=bench.now)
    assert bench.work() == 1
    bench.ordered("A", None, 2, ordered_at=bench.now + 9_000)
    assert bench.work() == 0


def test_an_unanswered_call_is_made_once_more_with_the_same_body(bench_of: Any) -> None:
    """Its key makes that harmless; the second silence costs an attempt and the row is read before it is told."""
    bench = bench_of(levels={"A": 10})
    bench.level("A", 5)
    first = bench.plan()
    bench.answer(first, LOST)
    second = bench.plan()
    assert isinstance(second, Call)
    assert (second.request, second.again, second.request_id) == (first.request, True, first.request_id)
    assert bench.out[-1].listings["A"].sent_at == bench.now
    bench.shop.lost = 1
    bench.answer(second)
    record = bench.record("A")
    assert (record.status, record.attempt) == (Status.RETRYING, 1)
    assert record.listings["A"].request_id == first.request_id
    bench.now += 1_000
    bench.work()
    assert [word for word, _ in bench.shop.calls] == ["tell", "read"]
    assert (bench.shop.numbers["A"], bench.record("A").hidden) == (5, 0)
    assert bench.record("A").status is Status.IN_STEP


def test_of_two_beliefs_the_higher_one_counts_for_hidden_sales(bench_of: Any) -> None:
    """After a silence we believe the old or the told number; below both, the safe side is the greater difference."""
    bench = bench_of(levels={"A": 10})
    bench.level("A", 5)
    bench.answer(bench.plan(), LOST)
    bench.answer(bench.plan(), LOST)
    bench.shop.numbers["A"] = 4
    bench.now += 1_000
    bench.work()
    assert bench.record("A").hidden == 6
    assert bench.shop.numbers["A"] == 0


def test_an_answer_that_was_never_heard_closes_no_intent(bench_of: Any) -> None:
    """A failed read-back leaves the doubt about the call before it."""
    bench = bench_of(levels={"A": 10})
    bench.level("A", 5)
    bench.answer(bench.plan(), LOST)
    bench.answer(bench.plan(), LOST)
    bench.now += 1_000
    read = bench.plan()
    assert read.reads
    bench.answer(read, UNSENT)
    assert bench.record("A").listings["A"].request_id is not None
    assert bench.record("A").attempt == 2


def test_a_row_that_is_stale_again_and_again_goes_to_the_ladder(bench_of: Any) -> None:
    """Five times in a row: somebody else writes this number all the time."""
    bench = bench_of(levels={"A": 10})
    bench.level("A", 5)
    stale = mutation(
        {"field": ["input", "quantities", "0", "changeFromQuantity"], "code": "CHANGE_FROM_QUANTITY_STALE"}
    )
    told = 0
    while bench.record("A").status is not Status.RETRYING:
        call = bench.plan()
        assert isinstance(call, Call)
        told += not call.reads
        bench.answer(call, None if call.reads else stale)
    assert told == 5
    assert bench.record("A").err == "retry: another number than expected 5 times in a row"
    bench.now += 1_000
    bench.work()
    assert bench.shop.numbers["A"] == 5


def test_a_read_that_names_an_unknown_item_is_a_dead_letter(bench_of: Any) -> None:
    """There was no intent, so the letter has no quantity."""
    bench = bench_of()
    bench.listing("A")
    bench.level("A", 5)
    read = bench.plan()
    bench.answer(read, Response(status=200, body=b'{"data": {"nodes": [null]}}'))
    (letter,) = bench.letters()
    assert (letter.sku, letter.qty, letter.reason) == ("A", None, Reason.REJECTED)


def test_an_intent_that_grew_old_is_written_again_before_the_call(bench_of: Any) -> None:
    """A process that was paused in between finds out by that write whether it still owns the channel."""
    bench = bench_of("woocommerce", {"A": 10})
    bench.level("A", 5)
    call = bench.plan()
    bench.now += 3_000
    renewed = bench.controller.renew(call, bench.now)
    bench.collect()
    assert (renewed.at, bench.out[-1].listings["A"].sent_at) == (bench.now, bench.now)


def test_an_order_in_the_gap_between_two_levels_is_found_among_the_hidden(bench_of: Any) -> None:
    """The level that follows it has another cause; the outcome alone tells of it."""
    bench = bench_of(levels={"A": 10})
    bench.shop.numbers["A"] = 8
    bench.level("A", 9)
    bench.work()
    assert bench.record("A").hidden == 2
    bench.versions["A"] += 1
    bench.level("A", 9)
    bench.outcome("A", 2, ordered_at=bench.now - 1_000, version=3)
    assert bench.record("A").hidden == 0
    bench.work()
    assert bench.shop.numbers["A"] == 9


def test_in_shadow_the_end_of_hidden_sales_is_not_written(bench_of: Any) -> None:
    """Nothing is, in shadow."""
    bench = bench_of(levels={"A": 10})
    bench.controller.book.put_observed(replace(bench.record("A"), hidden=2))
    bench.command(Command.SHADOW)
    bench.watermark(bench.now + 60_000)
    bench.now += SETTLE_MS
    bench.plan()
    assert bench.out == []
    assert bench.record("A").hidden == 0


def test_a_sale_during_a_call_outlives_its_answer(bench_of: Any) -> None:
    """Only the sales that the told number reflects are settled by it."""
    bench = bench_of(levels={"A": 10})
    bench.shop.numbers["A"] = 9
    bench.ordered("A", 9, 1, ordered_at=bench.now - 10_000)
    call = bench.plan()
    answer = bench.shop.serve(call)
    bench.shop.numbers["A"] = 8
    bench.ordered("A", 8, 1, ordered_at=bench.now)
    bench.answer(call, answer)
    assert bench.controller.book.expected("A", "A") == 8
    bench.work()
    assert bench.shop.calls == [("tell", {"A": 9}), ("tell", {"A": 8})]


def test_replay_of_what_has_no_listing_or_no_trouble_does_no_harm(bench_of: Any) -> None:
    """An operator may name any SKU."""
    bench = bench_of("woocommerce", {"A": 10})
    bench.command(Command.REPLAY, "STRANGER")
    bench.command(Command.REPLAY, "A")
    assert bench.work() == 0


def test_an_open_circuit_with_nothing_to_probe_waits(bench_of: Any) -> None:
    """All differences went away while the channel was down."""
    bench = bench_of("woocommerce", {"A": 10})
    for quantity in (9, 8, 7):
        bench.level("A", quantity)
        bench.answer(bench.plan(), UNSENT)
    bench.level("A", 10)
    bench.now += 60_000
    assert bench.plan() == 1_000


def test_many_listings_of_a_hot_sku_do_not_break_the_size_of_a_call(bench_of: Any) -> None:
    """What does not fit waits for the next call."""
    bench = bench_of("woocommerce", {"Z": 1})
    for n in range(3):
        bench.listing("A", f"a{n}", product=str(n))
        bench.listing("B", f"b{n}", product=str(n + 10))
    bench.level("A", 6)
    bench.level("B", 6)
    bench.controller.calling.picker.cap = 4
    bench.work()
    assert sum(len(told) for _, told in bench.shop.calls) == 6
    assert {bench.shop.numbers[name] for name in ("a0", "a1", "a2", "b0", "b1", "b2")} == {6}
    bench.level("A", 5)
    bench.level("B", 5)
    bench.controller.calling.picker.cap = 3
    bench.now += 10_000
    call = bench.plan()
    assert isinstance(call, Call)
    assert len({row.sku for row in call.rows}) == 1
    bench.answer(call)
    bench.work()
    assert bench.record("B").listings["b2"].shown == 5
    bench.listing("C", "c0", product="77")
    for sku in "ZBCA":
        bench.level(sku, 4)
    bench.controller.calling.picker.cap = 3
    bench.work()
    assert set(bench.shop.numbers.values()) == {4}
    for sku in "ZBCA":
        bench.level(sku, 3)
    bench.controller.calling.picker.cap = 3
    bench.work()
    assert set(bench.shop.numbers.values()) == {3}


def test_a_queue_entry_that_needs_no_call_is_dropped(bench_of: Any) -> None:
    """Somebody else's record can end a difference that is queued."""
    bench = bench_of("woocommerce", {"A": 10})
    bench.level("A", 9)
    record = bench.record("A")
    bench.controller.book.put_observed(replace(record, listings={"A": replace(record.listings["A"], shown=9)}))
    assert bench.plan() == 0
    assert bench.work() == 0


def test_more_listings_of_a_sku_than_a_call_takes_are_told_in_several(bench_of: Any) -> None:
    """A call that had to be split holds one row, whatever belongs to the same SKU."""
    bench = bench_of("woocommerce")
    for n in range(3):
        bench.listing("A", str(n), product=str(n))
    bench.level("A", 6)
    bench.controller.calling.picker.cap = 1
    bench.work()
    assert [len(told) for _, told in bench.shop.calls] == [1, 2]
    assert {shown.shown for shown in bench.record("A").listings.values()} == {6}


def test_the_rules_of_the_channel_decide_what_is_told(bench_of: Any) -> None:
    """A buffer of two keeps two back."""
    bench = bench_of("woocommerce", {"A": 10, "B": 1}, rules=Rules(buffer=2))
    assert bench.shop.numbers == {"A": 8, "B": 0}


moves = st.lists(
    st.tuples(st.sampled_from(["sale", "arrive", "other", "step", "step", "lose", "later"]), st.integers(1, 4)),
    max_size=40,
)


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(moves)
def test_whatever_is_hidden_in_flight_the_final_levels_agree(
    bench_of: Any, trade_of: Any, history: list[tuple[str, int]]
) -> None:
    """
    Sales whose orders come late, changes elsewhere and lost answers, in any order: once all orders have arrived and the
    poll has passed, the channel shows the level, and nothing is left open.
    """
    bench = bench_of(levels={"A": 40})
    trade = trade_of(bench)
    for move, units in history:
        trade.happens(move, units)
    trade.all_arrive()
    bench.shop.lost = 0
    bench.work(until=bench.now + 2_000_000)
    bench.watermark(bench.now + 60_000)
    bench.work(until=bench.now + SETTLE_MS)
    assert bench.shop.numbers["A"] == max(0, trade.hub)
    record = bench.record("A")
    assert (record.status, record.hidden) == (Status.IN_STEP, 0)
    assert all(shown.request_id is None for shown in record.listings.values())
