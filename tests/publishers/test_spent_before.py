"""What earlier processes used of a rolling day, from what they logged."""

from typing import Any

import pytest

from publishers.answers import log_rows
from publishers.findings import Ask, Run
from publishers.limiter import Limiter, Window
from publishers.push import READ, TELL, Answer, Request, Response, Retry, Row
from publishers.spent_before import Spent, fold, looks_back_ms, restore
from publishers.work import Call
from schemas.channel_records import Listing, Reconciliation, SyncLog

DAY_MS = 86_400_000
DAY = Window(amount=10, per_ms=DAY_MS, burst=10, rolling=True)


def row(call: str, listing: str = "L1", *, started: int = 100, took: int = 5, **more: Any) -> SyncLog:
    """Make a row of a call."""
    given: dict[str, Any] = {"verdict": "delivered", "requests": 2, **more}
    return SyncLog(
        call_id=call,
        channel="etsy",
        sku="A",
        listing_id=listing,
        quantity=1,
        version=1,
        response_code=200,
        err=None,
        started_at=started,
        duration_ms=took,
        lag_ms=0,
        **given,
    )


def sweep(run: str, ended: int, requests: int) -> Reconciliation:
    """Make a run's record."""
    return Reconciliation(
        run_id=run, channel="etsy", dry_run=False, started_at=1, ended_at=ended, shown=0, left_out=0, requests=requests
    )


def spent(call: str, at: int, bucket: str = TELL, listings: tuple[str, ...] = ("L1",), requests: int = 2) -> Spent:
    """Make a call."""
    return Spent(call_id=call, at=at, bucket=bucket, listings=listings, requests=requests)


def test_rows_of_a_call_are_one_call_that_told_each_listing_once() -> None:
    """And calls come in the order of their ends, whatever partition their rows were read from."""
    rows = [row("b", started=200), row("a", "L2"), row("a", "L1"), row("a", "L2", requests=3)]
    assert fold(rows) == [spent("a", 105, listings=("L2", "L1"), requests=3), spent("b", 205)]


def test_a_call_that_was_made_twice_is_two() -> None:
    """An unanswered one is sent once more under its own id."""
    assert fold([row("a"), row("a", started=300)]) == [spent("a", 105), spent("a", 305)]


@pytest.mark.parametrize("verdict", ["delivered", "rejected", "retry", "throttled"])
def test_a_row_of_an_older_release_is_a_tell_unless_it_was_read_back(verdict: str) -> None:
    """Such rows do not say what the call was for, and each tell has revised its listing, however it ended."""
    assert fold([row("a", verdict=verdict)]) == [spent("a", 105)]


@pytest.mark.parametrize("order", [1, -1])
def test_read_backs_are_charged_to_reading_and_revise_no_listing(order: int) -> None:
    """A row that shows a number says so of its whole call; a run says how many requests it took."""
    rows = [row("r", verdict="read_back"), row("r", "L2", verdict="retry")]
    assert fold([*rows[::order], sweep("run", 50, 20)]) == [
        spent("run", 50, READ, (), 20),
        spent("r", 105, READ, ()),
    ]


def test_a_call_is_charged_to_what_it_was_for_whatever_came_of_it() -> None:
    """Etsy's tells compare by themselves: one that found another number has used up tells; a failed read-back reads."""
    told = [row("t", verdict="read_back", reads=False), row("t", "L2", reads=False)]
    asked = [row("r", verdict="retry", started=200, reads=True)]
    assert fold([*told, *asked]) == [spent("t", 105, TELL, ("L1", "L2")), spent("r", 205, READ, ())]


def test_what_was_spent_is_taken_out_request_by_request_and_of_each_listing_once() -> None:
    """A tell of two requests revises its listing once."""
    own = Window(amount=3, per_ms=DAY_MS, burst=3, rolling=True, per_listing=True)
    limits = Limiter({TELL: (DAY, own), READ: (DAY,)}, 1_000)
    restore(limits, fold([row("a"), row("b"), sweep("run", 50, 7)]), 1_000)
    assert (limits.left(TELL, 1_000), limits.left(READ, 1_000)) == (6, 3)
    assert limits.wait(TELL, 0, 1_000, ["L1"]) == 0
    assert limits.wait(TELL, 0, 1_000, ["L1", "L1"]) > 0


def test_only_a_long_rolling_window_is_worth_looking_back() -> None:
    """A bucket refills, and a minute is over before the logs are read."""
    bucket = Window(amount=1, per_ms=DAY_MS, burst=1)
    minute = Window(amount=5, per_ms=600_000, burst=5, rolling=True)
    assert looks_back_ms({}) == looks_back_ms({TELL: (bucket, minute)}) == 0
    own = Window(amount=5, per_ms=DAY_MS, burst=5, rolling=True, per_listing=True)
    assert looks_back_ms({TELL: (bucket, own), READ: (minute,)}) == DAY_MS + 200


def test_a_calls_rows_and_a_runs_record_say_how_many_requests_it_took() -> None:
    """What the limiter counted is what a successor restores."""
    listing = Listing(channel="etsy", listing_id="L1", sku="A")
    told = Row(sku="A", listing=listing, quantity=1, version=1)
    call = Call(request_id="a", rows=(told,), at=1, since={"A": 1}, request=Request(path="/", body=b""), step=2)
    (logged,) = log_rows("etsy", {}, call, Answer(verdicts=(Retry("x"),)), Response(status=500), 9)
    assert (logged.requests, logged.reads) == (3, False)
    run = Run(ask=Ask(run_id="run", dry=False), started_at=1, shadow=False, keys=frozenset(), requests=4)
    assert run.record("etsy", 5).requests == 4
