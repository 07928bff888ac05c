"""The time of day is set back by minutes: nobody waits it out."""

import asyncio
from dataclasses import replace
from types import SimpleNamespace
from typing import Any, cast

import pytest

from publishers import life
from publishers.clock import STEP_MS, Steps
from publishers.journal import LostError
from publishers.life import Life, Parts
from publishers.push import Response
from schemas.channel_records import ChannelLevel, Shown
from schemas.words import Status

MINUTES = 600_000
DOWN = Response(status=503)


def test_a_step_back_is_found_and_a_correction_is_none() -> None:
    """By a time that nobody sets; small steps add up, and a step forward is no reason."""
    steps = Steps()
    assert [steps.back(1_000_000 + n, n) for n in (0, 10, 5_000)] == [0, 0, 0]
    assert steps.back(1_006_000 - STEP_MS, 6_000) == 0
    assert steps.back(1_007_000 - STEP_MS - 1, 7_000) == STEP_MS + 1
    assert steps.back(9_000_000, 8_000) == 0
    assert steps.back(9_001_000 - MINUTES, 9_000) == MINUTES


async def test_a_life_ends_when_the_clock_is_set_back(monkeypatch: pytest.MonkeyPatch) -> None:
    """Before it plans anything by that time."""
    now = 2_000_000_000_000
    monkeypatch.setattr(life, "now_ms", lambda: now)
    monkeypatch.setattr(life, "monotonic_ms", lambda: 5)
    given = SimpleNamespace(
        channel="shop", controller=None, access=None, wake=asyncio.Event(), alarm=SimpleNamespace(load=None)
    )
    one = Life(cast("Parts", given))
    with pytest.raises(AttributeError):  # it goes on, with nothing to go on with
        await one._step()
    now -= MINUTES
    with pytest.raises(LostError, match="the clock was set back by 600000 ms"):
        await one._step()


def heir_of(bench_of: Any, record: ChannelLevel, level: int) -> Any:
    """Make an owner that finds this record and whose level is another."""
    heir = bench_of("woocommerce", active=False)
    heir.listing("A")
    heir.level("A", level)
    heir.controller.observed(record)
    heir.controller.activate(heir.now)
    return heir


@pytest.mark.parametrize("own", [True, False])
def test_the_next_owner_waits_for_a_rung_no_longer_than_the_rung(bench_of: Any, *, own: bool) -> None:
    """The wait stands on record with a time that was ahead by ten minutes."""
    bench = bench_of("woocommerce", {"A": 5})
    bench.level("A", 4)
    bench.answer(bench.plan(), Response(status=200, body=b'{"update":[]}'))
    record = bench.record("A")
    assert record.status is Status.RETRYING
    ahead = record.next_attempt_at + MINUTES
    late = replace(record, next_attempt_at=ahead)
    if own:
        late = replace(late, listings={"A": replace(record.listings["A"], next_attempt_at=ahead)})
    heir = heir_of(bench_of, late, 4)
    first = heir.controller.setup.ladder[0]
    assert heir.work(until=heir.now + first - 1) == 0
    assert heir.work(until=heir.now + first) > 0
    assert heir.shop.numbers["A"] == 4


@pytest.mark.parametrize("ahead", [0, MINUTES])
def test_the_next_owner_waits_for_a_call_no_longer_than_a_call(bench_of: Any, ahead: int) -> None:
    """And no shorter: an intent whose time is still to come may be of a call that is on its way."""
    opened = Shown(shown=5, sent=4, sent_version=0, sent_at=bench_of().now + ahead, request_id="theirs")
    record = ChannelLevel(sku="A", listings={"A": opened}, status=Status.SENDING, at=opened.sent_at or 0)
    heir = heir_of(bench_of, record, 3)
    assert heir.work(until=heir.now + 10_000) == 0
    assert heir.work(until=heir.now + 1_000) > 0
    assert heir.shop.numbers["A"] == 3
