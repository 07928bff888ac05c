"""Reconciliation: runs over all that a channel shows, second looks, accepted numbers, and what is done about drifts."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from itertools import count

import pytest

from publishers.book import SETTLE_MS, Book
from publishers.confirm import PATIENCE_MS
from publishers.controller import Controller
from publishers.findings import DRIFTS_MAX
from publishers.inspection import END_MS, ON_ITS_WAY_MS, SLICE
from publishers.limiter import Window
from publishers.metrics import Metrics
from publishers.push import READ, TELL, Account
from publishers.readback import PASSED_MARGIN_MS, WRITE_MARGIN_MS
from publishers.reconcile import AGAIN_MS, FIRST_MS
from publishers.work import Call, Gate, Setup
from schemas.channel_records import ChannelLevel, Drift, PublisherCommand, Reconciliation, Shown
from schemas.codec import decode, encode
from schemas.settings import Rules
from schemas.words import Command, DriftAction, DriftCause, Result, Status
from tests.publishers.conftest import Bench
from tests.publishers.toyshop import FAST, Toy, Toyshop

EDITED, MISSED, UNMAPPED = DriftCause.EDITED, DriftCause.MISSED_ORDER, DriftCause.UNMAPPED
CORRECTED, WAITS, NONE = DriftAction.CORRECTED, DriftAction.WAITS, DriftAction.NONE
QUIET_MS = 60_000
"""Long enough for every write to be judged by."""


@dataclass
class Desk:
    """A bench with a toy shop, and a clock that both share."""

    bench: Bench
    shop: Toyshop
    numbers: Iterator[int] = field(default_factory=count)

    def until(self, now: int) -> None:
        """Work until a time; the shop answers each request as it is made."""
        bench = self.bench
        for _ in range(20_000):
            self.shop.now = bench.now
            step = bench.controller.plan(bench.now, f"r{next(self.numbers)}")
            bench.collect()
            if isinstance(step, Call):
                answered = self.shop.serve(step)
                bench.now += 1
                bench.controller.answer(step, answered, bench.now)
                bench.collect()
            elif bench.now >= now:
                return
            else:
                bench.now = min(max(now, bench.now + 1), bench.now + max(step, 1))
        pytest.fail("the controller never comes to rest")

    def wait(self, ms: int) -> None:
        """Work for so long."""
        self.until(self.bench.now + ms)

    def ask(self, *, dry: bool = False) -> str:
        """Ask for a run; returns its id."""
        now = self.bench.now
        command = PublisherCommand(command=Command.RECONCILE, reason="dry-run" if dry else "", at=now)
        self.bench.controller.command(command, now)
        return f"shop-{now}"

    def reconcile(self, *, dry: bool = False) -> Reconciliation:
        """Make a run and return its record."""
        run_id = self.ask(dry=dry)
        for _ in range(60):
            if found := [run for run in self.runs() if run.run_id == run_id]:
                return found[0]
            self.wait(1_000)
        pytest.fail("the run never ends")

    def runs(self) -> list[Reconciliation]:
        """Return the runs as they were written."""
        return [decode(Reconciliation, encode(one)) for one in self.bench.out if isinstance(one, Reconciliation)]

    def drifts(self) -> list[Drift]:
        """Return the drifts as they were written."""
        return [decode(Drift, encode(one)) for one in self.bench.out if isinstance(one, Drift)]

    def found(self) -> list[tuple[str | None, int | None, DriftCause, DriftAction]]:
        """Return the drifts in short."""
        return [(one.sku, one.shown, one.cause, one.action) for one in self.drifts()]

    def polled(self) -> None:
        """Let the order poll come up to now, and the processor decide."""
        self.bench.watermark(self.bench.now)
        self.wait(SETTLE_MS + 1)

    def sale(self, sku: str, units: int) -> None:
        """Let the channel sell: its own number falls, and nobody hears of it."""
        self.shop.numbers[sku] -= units

    def heard(self, sku: str, units: int, level: int) -> None:
        """Let the order of such a sale arrive."""
        at = self.bench.now - 1_000
        self.bench.ordered(sku, level, units, ordered_at=at)
        self.bench.outcome(sku, units, ordered_at=at)


def desk(
    levels: dict[str, int] | None = None,
    toy: Toy | None = None,
    *,
    gate: Gate = Gate.PUSH,
    every_ms: int = 0,
    scale: int = 1_000,
) -> Desk:
    """Make a desk where these SKUs are listed, and told a minute ago."""
    kind, shop = toy or Toy(), Toyshop()
    setup = Setup(
        channel="shop",
        kind=kind,
        account=Account(),
        limits=kind.LIMITS,
        ladder=kind.LADDER,
        call_timeout_ms=10_000,
        gate=gate,
        partitions=1,
        draw=lambda: 500,
        reconcile_every_ms=every_ms,
        scale=scale,
    )
    controller = Controller(setup, Book("shop", lambda _: Rules(), kind), 0)
    made = Desk(bench=Bench(controller=controller, shop=shop), shop=shop)  # type: ignore[arg-type]  # serves as one
    controller.activate(made.bench.now)
    for sku, quantity in (levels or {}).items():
        made.bench.listing(sku)
        made.bench.level(sku, quantity)
    made.wait(QUIET_MS)
    shop.calls.clear()
    made.bench.out.clear()
    return made


def test_a_run_over_a_channel_in_step_finds_nothing() -> None:
    """Its record counts what was shown; nothing is told and no record of a SKU is written."""
    one = desk({"A": 5, "B": 0})
    run = one.reconcile()
    assert (run.shown, run.left_out, run.drifts, run.err, run.dry_run) == (2, 0, {}, None, False)
    assert run.started_at <= run.ended_at
    assert (one.drifts(), one.shop.told()) == ([], [])
    assert not [record for record in one.bench.out if isinstance(record, ChannelLevel)]


def test_a_number_that_was_raised_by_hand_is_lowered_at_once() -> None:
    """The drift says what was shown, expected and wanted, and which run saw it; the queue tells the right number."""
    one = desk({"A": 5, "B": 7})
    one.shop.numbers["A"] = 50
    run = one.reconcile()
    one.wait(100)
    (drift,) = one.drifts()
    assert (drift.shown, drift.expected, drift.desired, drift.cause, drift.action) == (50, 5, 5, EDITED, CORRECTED)
    assert (drift.run_id, drift.listing_id, run.drifts) == (run.run_id, "A", {"edited_by_hand": 1})
    assert one.shop.told() == [{"A": 5}]
    assert one.bench.record("A").status is Status.IN_STEP


def test_a_dry_run_changes_nothing() -> None:
    """It shows the same drifts; nothing is told, written or remembered."""
    one = desk({"A": 5, "B": 7})
    one.shop.numbers.update(A=50, B=1)
    run = one.reconcile(dry=True)
    one.polled()
    one.wait(QUIET_MS)
    assert run.dry_run
    assert sorted(one.found()) == [("A", 50, EDITED, NONE), ("B", 1, MISSED, WAITS)]
    assert one.shop.told() == []
    assert not [record for record in one.bench.out if isinstance(record, ChannelLevel)]
    assert one.shop.numbers == {"A": 50, "B": 1}


def test_a_sale_on_its_way_is_no_drift() -> None:
    """The run looks again when the order has had its time; it came, and the numbers agree."""
    one = desk({"A": 5})
    one.sale("A", 2)
    one.ask()
    one.wait(ON_ITS_WAY_MS // 2)
    assert one.runs() == []
    one.heard("A", 2, 3)
    one.wait(END_MS)
    (run,) = one.runs()
    assert (run.drifts, one.drifts()) == ({}, [])


def test_a_missed_order_waits_for_the_poll_and_is_named_when_it_comes() -> None:
    """The number that is too low is never raised meanwhile; the order explains it, and nothing is left to correct."""
    one = desk({"A": 5})
    one.sale("A", 2)
    run = one.reconcile()
    assert one.found() == [("A", 3, MISSED, WAITS)]
    assert run.drifts == {"missed_order": 1}
    one.wait(20 * QUIET_MS)
    assert one.shop.told() == []
    one.heard("A", 2, 3)
    one.polled()
    one.wait(QUIET_MS)
    assert one.found()[1:] == [("A", 3, MISSED, NONE)]
    assert one.drifts()[1].run_id == run.run_id
    assert one.shop.numbers == {"A": 3}
    assert one.bench.record("A").status is Status.IN_STEP


def test_a_number_lowered_by_hand_is_raised_when_the_poll_has_passed_and_a_second_look_agrees() -> None:
    """Until then it may be a sale; the second look is one read of this listing alone."""
    one = desk({"A": 5, "B": 7})
    one.shop.numbers["A"] = 1
    one.reconcile()
    assert one.found() == [("A", 1, MISSED, WAITS)]
    one.wait(5 * QUIET_MS)
    assert one.shop.told() == []
    one.shop.calls.clear()
    one.polled()
    assert one.shop.calls == [("read", ["A"]), ("tell", {"A": 5})]
    assert one.found()[1:] == [("A", 1, EDITED, CORRECTED)]


def test_the_poll_must_have_passed_the_look_by_a_margin() -> None:
    """A mark at the look's own time says nothing of the sales of that moment."""
    one = desk({"A": 5})
    one.shop.numbers["A"] = 1
    seen_at = one.bench.now
    one.reconcile()
    one.shop.calls.clear()
    one.bench.watermark(seen_at + PASSED_MARGIN_MS - 1)
    one.wait(QUIET_MS)
    assert one.shop.calls == []
    one.bench.watermark(seen_at + PASSED_MARGIN_MS + 1)
    one.wait(QUIET_MS)
    assert one.shop.told() == [{"A": 5}]


def test_units_that_go_missing_between_two_looks_start_anew() -> None:
    """A second look that misses more than the first may see a sale on its way: the poll must pass that one too."""
    one = desk({"A": 9})
    one.shop.numbers["A"] = 5
    one.reconcile()
    one.sale("A", 1)
    one.polled()
    one.wait(QUIET_MS)
    one.heard("A", 1, 8)
    one.polled()
    assert (one.shop.told(), one.shop.numbers) == ([], {"A": 4})
    one.polled()
    one.wait(QUIET_MS)
    one.polled()
    assert one.shop.told() == [{"A": 8}]


def test_what_was_told_during_a_sweep_is_judged_by_a_second_look() -> None:
    """What the sweep saw before our write is not held against it; a difference is looked at again, after the margin."""
    one = desk({"A": 5, "B": 7})
    one.shop.numbers.update(A=50)
    one.bench.level("A", 6)
    one.bench.level("B", 8)
    one.until(one.bench.now + 10)
    one.shop.calls.clear()
    one.shop.numbers.update(A=60)
    run = one.reconcile()
    one.wait(100)
    assert [word for word, _ in one.shop.calls] == ["sweep", "read", "tell"]
    assert run.left_out == 1
    assert one.found() == [("A", 60, EDITED, CORRECTED)]


def test_a_hot_listing_is_left_out() -> None:
    """Its level moves after each look, so nothing can be said; it is told all the time anyway."""
    one = desk({"A": 50})
    one.bench.level("A", 48)
    one.wait(10)
    one.shop.numbers["A"] = 70
    one.ask()
    for quantity in range(49, 29, -1):
        one.bench.level("A", quantity)
        one.wait(1_000)
        one.shop.numbers["A"] = 70
    one.wait(END_MS)
    (run,) = one.runs()
    assert (run.left_out, run.drifts) == (1, {})


def test_listings_that_only_one_side_knows_are_named() -> None:
    """
    The channel's own id, and SKU, of one that is not mapped: people know it by that.  And one of ours that it does not
    show, unless it is retired.
    """
    one = desk({"A": 5, "B": 6, "C": 7})
    one.shop.numbers["X"], one.shop.skus["X"] = 3, "MUG" + "\N{SNOWMAN}" * 100
    del one.shop.numbers["B"], one.shop.numbers["C"]
    one.bench.listing("C", retired=True)
    del one.shop.numbers["C"]
    run = one.reconcile()
    assert run.shown == 2
    found = {(drift.sku, drift.listing_id, drift.cause, drift.action) for drift in one.drifts()}
    assert found == {(None, "key-X", UNMAPPED, NONE), ("B", "B", DriftCause.NOT_SHOWN, NONE)}
    called = {drift.cause: drift.channel_sku for drift in one.drifts()}
    assert called == {UNMAPPED: "MUG" + "\N{SNOWMAN}" * 84, DriftCause.NOT_SHOWN: None}


def test_a_listing_that_came_during_the_run_is_not_missed() -> None:
    """The sweep may have passed its place before it was there."""
    one = desk({"A": 5})
    one.ask()
    step = one.bench.plan()
    assert isinstance(step, Call)
    one.bench.listing("B")
    answered = one.shop.serve(step)
    one.bench.controller.answer(step, replace(answered, body=b'{"A": {"quantity": 5}}'), one.bench.now)
    one.wait(1_000)
    assert one.runs()[0].drifts == {}


def test_a_listing_that_is_switched_off_is_no_drift() -> None:
    """Whatever its number, it sells nothing, and it is there."""
    one = desk({"A": 5})
    one.shop.numbers.update(A=99, X=5)
    one.shop.off = {"A", "X"}
    assert one.reconcile().drifts == {}


def test_a_paused_listing_that_would_sell_on_is_paused_again() -> None:
    """Somebody allowed it to sell at 0: the number is right and all the same it is told."""
    one = desk({"A": 5}, Toy(PAUSES=True))
    rules = Rules(paused=True)
    one.bench.controller.book.rules_for = lambda _: rules
    one.bench.level("A", 6)
    one.wait(QUIET_MS)
    one.shop.calls.clear()
    assert one.reconcile().drifts == {}
    one.shop.oversells = {"A"}
    assert one.reconcile().drifts == {"edited_by_hand": 1}
    one.wait(100)
    assert one.shop.told() == [{"A": 0}]


def test_a_number_that_the_channel_dropped_is_told_again() -> None:
    """It said yes and went on showing what it showed; an older one that came back was overwritten."""
    one = desk({"A": 9})
    one.bench.level("A", 5)
    one.wait(QUIET_MS)
    one.shop.numbers["A"] = 9
    one.reconcile()
    one.bench.level("A", 4)
    one.wait(QUIET_MS)
    one.reconcile()
    one.shop.numbers["A"] = 5
    one.reconcile()
    one.wait(100)
    causes = [drift.cause for drift in one.drifts()]
    assert causes == [DriftCause.NOT_APPLIED, DriftCause.OVERWRITTEN]
    assert one.shop.numbers == {"A": 4}


def test_a_read_back_that_has_seen_a_number_knows_that_it_was_applied() -> None:
    """What shows the number before it afterwards has been overwritten, and was not dropped."""
    one = desk({"A": 9})
    one.bench.level("A", 5)
    one.wait(QUIET_MS)
    one.reconcile()
    one.shop.numbers["A"] = 9
    one.reconcile()
    assert [drift.cause for drift in one.drifts()] == [DriftCause.OVERWRITTEN]


def test_shadow_shows_what_it_would_tell() -> None:
    """The first contact: each listing that shows another number than it should, and nothing is written about it."""
    one = desk(gate=Gate.SHADOW)
    for sku, quantity, shows in (("A", 5, 7), ("B", 6, 6), ("C", 7, 0)):
        one.bench.listing(sku)
        one.bench.level(sku, quantity)
        one.shop.numbers[sku] = shows
    one.bench.listing("D")  # never stocked
    run = one.reconcile()
    assert run.dry_run
    assert one.found() == [("A", 7, DriftCause.NOT_TOLD, NONE), ("C", 0, DriftCause.NOT_TOLD, NONE)]
    assert [(drift.expected, drift.desired) for drift in one.drifts()] == [(None, 5), (None, 7)]
    assert (one.shop.told(), one.bench.controller.book.observed) == ([], {})


def test_shadow_after_pushing_shows_what_was_not_told_since() -> None:
    """A level that moved while nobody told it."""
    one = desk({"A": 5})
    one.bench.command(Command.SHADOW)
    one.bench.level("A", 2)
    one.wait(QUIET_MS)
    one.reconcile()
    assert one.found() == [("A", 5, DriftCause.NOT_TOLD, NONE)]


def test_what_was_never_told_is_left_out_while_the_queue_works_on_it() -> None:
    """At the first push every number differs, and none has drifted."""
    one = desk()
    one.bench.listing("A")
    one.bench.level("A", 5)
    one.bench.controller.tasks.queue.discard("A")
    assert (one.reconcile().left_out, one.drifts()) == (1, [])


def test_a_stopped_or_refused_channel_answers_at_once() -> None:
    """Who asks is told why nothing is read."""
    one = desk({"A": 5})
    one.bench.command(Command.STOP)
    assert one.reconcile().err == "the channel is stopped"
    one.bench.command(Command.ENABLE)
    one.shop.status = 401
    run = one.reconcile()
    assert (run.err, one.bench.controller.calling.refused) == ("HTTP 401", "HTTP 401")
    assert one.reconcile().err == "HTTP 401"
    assert [word for word, _ in one.shop.calls] == ["sweep"]


def test_a_sweep_that_comes_to_no_end_says_so() -> None:
    """What it did show is judged; what it did not show is not missed."""
    one = desk({"A": 5})
    one.shop.status = 503
    run = one.reconcile()
    assert (run.err, run.drifts, run.shown) == ("HTTP 503", {}, 0)


def test_a_channel_without_listings_is_not_asked() -> None:
    """A conversation may end before its first request."""
    one = desk()
    run = one.reconcile()
    assert (run.shown, run.err, one.shop.calls) == (0, None, [])


def test_runs_are_made_by_the_clock() -> None:
    """The first soon after the channel has become ours, then at every interval; enabling asks for one too."""
    one = desk({"A": 5}, every_ms=300_000)
    one.wait(0)
    one.bench.out.clear()
    one.wait(300_000)
    assert len(one.runs()) == 1
    one.wait(600_000)
    assert len(one.runs()) == 3
    one.bench.command(Command.SHADOW)
    one.wait(FIRST_MS + 2_000)
    assert [run.dry_run for run in one.runs()] == [False, False, False, True]


def test_a_rehearsals_first_run_is_as_much_sooner_as_its_other_waits() -> None:
    """A twentieth of the time: not after the rehearsal."""
    one = desk({"A": 5}, every_ms=3_600_000, scale=50)
    before = len(one.runs())
    one.bench.command(Command.SHADOW)
    one.wait(FIRST_MS // 20 + 100)
    assert len(one.runs()) == before + 1


def test_runs_that_are_asked_for_follow_one_another() -> None:
    """Each has its own record; beyond a bound they are refused."""
    one = desk({"A": 5})
    asked = []
    for _ in range(20):
        asked.append(one.ask())
        one.bench.now += 1
    one.wait(60_000)
    assert sorted(run.run_id for run in one.runs()) == sorted(asked)
    assert Counter(run.err for run in one.runs()) == {None: 16, "too many runs are asked for": 4}


def test_what_stays_unmapped_is_written_once_by_the_clock() -> None:
    """And by every run that somebody asked for; it is counted each time."""
    one = desk({"A": 5}, every_ms=60_000)
    one.shop.numbers["X"] = 1
    one.wait(200_000)
    assert len(one.drifts()) == 1
    assert [run.drifts for run in one.runs()] == [{"unmapped": 1}] * len(one.runs())
    assert len(one.runs()) >= 3
    one.reconcile()
    assert len(one.drifts()) == 2


def test_a_run_writes_so_many_drifts_and_counts_the_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    """A shop that was never mapped does not fill the topic."""
    assert DRIFTS_MAX == 10_000
    monkeypatch.setattr("publishers.findings.DRIFTS_MAX", 5)
    one = desk({"A": 5})
    one.shop.numbers.update({f"X{n}": 1 for n in range(20)})
    assert one.reconcile().drifts == {"unmapped": 20}
    assert len(one.drifts()) == 5


def test_a_look_that_is_not_answered_is_made_again() -> None:
    """A second look finds the channel down; nothing is believed of it, and a later one decides."""
    one = desk({"A": 5})
    one.shop.numbers["A"] = 1
    one.reconcile()
    one.shop.status = 503
    one.polled()
    assert one.shop.told() == []
    one.shop.status = 200
    one.wait(AGAIN_MS + 2_000)
    assert one.shop.told() == [{"A": 5}]


def test_reads_are_batched_by_group() -> None:
    """Only listings of one group share a call, at most so many."""
    one = desk(dict.fromkeys(("A1", "A2", "A3", "B1", "B2"), 5), Toy(READ_BATCH=2))
    one.shop.numbers.update(dict.fromkeys(one.shop.numbers, 1))
    one.reconcile(dry=True)
    reads = [what for word, what in one.shop.calls if word == "read"]
    assert sorted(map(sorted, reads)) == [["A1", "A2"], ["A3"], ["B1", "B2"]]


def test_a_dead_sku_is_not_told_by_a_drift() -> None:
    """It was given up; what it shows is known again, and a person or a new level moves it."""
    one = desk({"A": 5})
    book = one.bench.controller.book
    book.put_observed(replace(book.observed["A"], status=Status.DEAD, err="rejected: no"))
    one.shop.numbers["A"] = 50
    one.reconcile()
    assert one.found() == [("A", 50, EDITED, NONE)]
    assert one.shop.told() == []


def test_a_look_that_comes_back_when_the_gate_is_closed_changes_nothing() -> None:
    """Neither one that was on its way, nor a whole run: what they find is written down and not put right."""
    one = desk({"A": 5, "B": 7})
    one.shop.numbers["A"] = 50
    one.ask()
    sweep = one.bench.plan()
    assert isinstance(sweep, Call)
    one.bench.command(Command.SHADOW)
    one.bench.controller.answer(sweep, one.shop.serve(sweep), one.bench.now)
    one.wait(QUIET_MS)
    assert one.found() == [("A", 50, EDITED, NONE)]
    assert not [record for record in one.bench.out if isinstance(record, ChannelLevel)]


def test_what_is_believed_after_a_drift_holds_the_known_sales() -> None:
    """The number that the channel shows was looked at after them: they are not taken off it once more."""
    one = desk({"A": 10})
    book = one.bench.controller.book
    book.put_observed(replace(book.observed["A"], status=Status.DEAD, err="rejected: no"))
    one.bench.outcome("A", 2, ordered_at=one.bench.now, version=None, shortfall=2, result=Result.INSUFFICIENT)
    assert book.expected("A", "A") == 8
    one.shop.numbers["A"] = 50
    one.reconcile()
    assert book.expected("A", "A") == 50
    assert one.bench.record("A").heard == len(one.bench.said)


def test_a_large_shop_is_judged_between_other_work() -> None:
    """What must be told is told after some of the listings, not after all."""
    one = desk({f"S{n}": 5 for n in range(4 * SLICE)})
    one.shop.numbers["X"] = 1
    one.ask()
    sweep = one.bench.plan()
    assert isinstance(sweep, Call)
    one.bench.controller.answer(sweep, one.shop.serve(sweep), one.bench.now)
    one.bench.level("S7", 4)
    told = one.bench.plan()
    assert isinstance(told, Call)
    assert [row.sku for row in told.rows] == ["S7"]
    assert (one.bench.controller.reconciler.busy, one.runs()) == (True, [])
    one.bench.answer(told)
    assert one.bench.plan() == 0
    one.wait(1_000)
    assert (one.runs()[0].shown, one.runs()[0].drifts) == (4 * SLICE + 1, {"unmapped": 1})


def test_so_many_listings_wait_for_the_poll_and_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    """A shop whose numbers were all lowered does not fill the memory; the next run looks at the others again."""
    monkeypatch.setattr("publishers.inspection.CASES_MAX", 3)
    one = desk({f"S{n}": 5 for n in range(10)})
    one.shop.numbers.update(dict.fromkeys(one.shop.numbers, 1))
    one.reconcile()
    assert len(one.bench.controller.reconciler.inspection.cases) == 3
    one.polled()
    assert Counter(one.shop.numbers.values()) == {5: 3, 1: 7}


def test_hidden_sales_are_not_contradicted() -> None:
    """The channel sold 3 that we have not heard of: what it shows is what we believe, and it is not raised."""
    one = desk({"A": 10})
    one.sale("A", 3)
    book = one.bench.controller.book
    observed = book.observed["A"]
    lowered = replace(observed.listings["A"], shown=7, shown_at=one.bench.now)
    book.put_observed(replace(observed, hidden=3, listings={"A": lowered}))
    assert one.reconcile().drifts == {}
    assert one.shop.told() == []
    one.shop.numbers["A"] = 12
    one.reconcile()
    one.wait(100)
    assert one.shop.told() == [{"A": 7}]


def test_a_run_without_secrets_ends_with_their_reason() -> None:
    """Nobody is asked; a look that could not be made is made again."""
    one = desk({"A": 5})
    one.ask()
    sweep = one.bench.plan()
    assert isinstance(sweep, Call)
    one.bench.controller.withheld(sweep, "SHOP_TOKEN is missing", one.bench.now)
    one.wait(1_000)
    assert one.runs()[0].err == "SHOP_TOKEN is missing"
    one.bench.controller.secrets_changed()
    one.shop.numbers["A"] = 1
    one.reconcile()
    one.bench.watermark(one.bench.now)
    one.bench.now += SETTLE_MS + 1
    look = one.bench.plan()
    assert isinstance(look, Call)
    one.bench.controller.withheld(look, "SHOP_TOKEN is missing", one.bench.now)
    one.bench.controller.secrets_changed()
    one.wait(AGAIN_MS + 2_000)
    assert one.shop.told() == [{"A": 5}]


AMAZON = Toy(APPLIES_MS=30_000)


def accepted(*levels: int) -> Desk:
    """Make a desk where "A" was confirmed at the first level and then accepted the others."""
    one = desk({"A": levels[0]}, AMAZON)
    one.shop.late = True
    for level in levels[1:]:
        one.bench.level("A", level)
        one.wait(10)
    one.shop.calls.clear()
    one.bench.out.clear()
    return one


def shown(one: Desk) -> Shown:
    """Return what is known of A."""
    return one.bench.record("A").listings["A"]


def test_an_accepted_number_is_open_until_it_is_read_back() -> None:
    """It is not told again meanwhile; the read-back closes it."""
    one = accepted(9, 5)
    assert (shown(one).shown, shown(one).sent, shown(one).accepted_at is None) == (9, 5, False)
    assert len(one.bench.controller.book.trail.confirmations) == 1
    one.wait(29_000)
    assert one.shop.calls == []
    one.shop.apply()
    one.wait(2_000)
    assert one.shop.calls == [("read", ["A"])]
    assert (shown(one).shown, shown(one).accepted_at) == (5, None)
    assert len(one.bench.controller.book.trail.confirmations) == 0
    assert one.drifts() == []


def measured(metrics: Metrics, one: Desk, word: str) -> float:
    """Return how long, or how many, numbers took to show, as the publisher's metrics say."""
    metrics.show(one.bench.controller, 0, one.bench.now)
    name = f"lastunit_publisher_applied_seconds_{word}"
    return metrics.registry.get_sample_value(name, {"channel": "shop"}) or 0.0


def test_it_is_measured_how_long_an_accepted_number_takes_to_show() -> None:
    """Once, by the owner that has seen it; one that was dropped and told again counts from its second telling on."""
    one, metrics = accepted(9, 5), Metrics("shop")
    one.bench.controller.book.trail.confirmations.applied.clear()
    one.shop.apply()
    one.wait(31_000)
    assert 30 <= measured(metrics, one, "sum") <= 31
    assert measured(metrics, one, "count") == 1
    one.shop.dead = True
    one.bench.level("A", 4)
    one.wait(10)
    one.shop.apply()
    one.wait(PATIENCE_MS + WRITE_MARGIN_MS)
    one.shop.dead = one.shop.late = False
    assert measured(metrics, one, "count") == 1
    one.wait(PATIENCE_MS)
    assert measured(metrics, one, "count") == 2
    assert measured(metrics, one, "sum") < PATIENCE_MS / 1_000


def test_an_accepted_number_may_come_late() -> None:
    """It is looked at again and again, and never told twice within its time."""
    one = accepted(9, 5)
    one.wait(PATIENCE_MS - 120_000)
    assert one.shop.told() == []
    assert 5 < len(one.shop.calls) < 13
    one.shop.apply()
    one.wait(120_000)
    assert (shown(one).shown, one.drifts()) == (5, [])


def test_an_accepted_number_that_was_dropped_is_found_named_and_told_again() -> None:
    """After its time the channel still shows the old one."""
    one = accepted(9, 5)
    one.shop.dead = True
    one.shop.apply()
    one.wait(PATIENCE_MS - 1_000)
    assert one.drifts() == []
    one.shop.dead, one.shop.late = False, False
    one.wait(120_000)
    assert one.found() == [("A", 9, DriftCause.NOT_APPLIED, CORRECTED)]
    assert one.drifts()[0].run_id is None
    assert one.shop.told() == [{"A": 5}]
    one.wait(40_000)
    assert (shown(one).shown, shown(one).accepted_at) == (5, None)


def test_an_accepted_number_of_a_listing_that_is_gone_is_told_again() -> None:
    """After its time; the channel then says itself why it does not take it."""
    one = accepted(9, 5)
    del one.shop.numbers["A"]
    one.wait(PATIENCE_MS + 150_000)
    assert one.found()[0] == ("A", None, DriftCause.NOT_APPLIED, CORRECTED)
    assert one.shop.told() == [{"A": 5}]


def test_only_the_newest_accepted_number_counts() -> None:
    """A newer one went out before the older was confirmed; that the older shows is no drift and no confirmation."""
    one = accepted(9, 5, 3)
    one.shop.numbers["A"] = 5
    one.wait(60_000)
    assert (shown(one).accepted_at is None, one.drifts(), one.shop.told()) == (False, [], [])
    one.shop.numbers["A"] = 3
    one.wait(120_000)
    assert (shown(one).shown, shown(one).accepted_at) == (3, None)


def test_an_old_feed_that_comes_after_newer_numbers_is_found_and_healed() -> None:
    """The newest was seen; a run finds an older one and says overwritten."""
    one = accepted(9, 5, 3)
    one.shop.apply()
    one.wait(40_000)
    assert shown(one).shown == 3
    one.shop.numbers["A"], one.shop.late = 5, False
    one.reconcile()
    one.wait(100)
    assert one.found() == [("A", 5, DriftCause.OVERWRITTEN, CORRECTED)]
    assert one.shop.told() == [{"A": 3}]


def test_a_new_owner_reads_back_what_an_old_one_had_accepted() -> None:
    """The record says that it is open; nothing else is needed."""
    one = accepted(9, 5)
    record = one.bench.record("A")
    other = desk(None, AMAZON)
    other.shop.numbers["A"] = 9
    other.bench.now = one.bench.now
    other.bench.controller.active = False
    other.bench.controller.observed(record)
    other.bench.listing("A")
    other.bench.versions["A"] = 1
    other.bench.level("A", 5)
    other.bench.controller.activate(other.bench.now)
    other.shop.numbers["A"] = 5
    other.wait(31_000)
    assert ("read", ["A"]) in other.shop.calls
    assert other.shop.told() == []
    assert other.bench.record("A").listings["A"].accepted_at is None


def test_a_sweep_confirms_too() -> None:
    """Whoever sees the number first closes it."""
    one = accepted(9, 5)
    one.shop.apply()
    one.wait(WRITE_MARGIN_MS + 10)
    one.shop.calls.clear()
    one.reconcile()
    assert [word for word, _ in one.shop.calls] == ["sweep"]
    assert shown(one).accepted_at is None


def test_an_answer_to_a_look_is_logged_and_touches_nothing_else() -> None:
    """`sync.log` has a row for each number that was read."""
    one = accepted(9, 5)
    one.shop.apply()
    one.wait(32_000)
    (row,) = one.bench.log()
    assert (row.verdict, row.quantity, row.sku) == ("read_back", 5, "A")


def test_reads_before_tells_keep_to_the_limit_for_reads() -> None:
    """Numbers that are not known are asked for first, by another limit than the one for telling; it is never broken."""
    slow = (Window(amount=1, per_ms=1_000, burst=1),)
    one = desk(toy=Toy(COMPARES=True, LIMITS={TELL: FAST, READ: slow}, READ_BATCH=5))
    for n in range(20):
        one.bench.listing(f"S{n}")
        one.bench.level(f"S{n}", 5)
    began = one.bench.now
    one.wait(0)
    while one.shop.numbers != {f"S{n}": 5 for n in range(20)}:
        one.wait(1_000)
        assert one.bench.now - began < 10_000
    assert [word for word, _ in one.shop.calls].count("read") == 4
