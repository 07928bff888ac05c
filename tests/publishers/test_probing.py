"""Calls under way while the channel is down, or is not to be told: who is the probe, and what is given up."""

from collections.abc import Sequence
from dataclasses import replace

import pytest

from publishers.book import Book
from publishers.circuit import Circuit
from publishers.controller import Controller
from publishers.kind import Bulk, Conversation
from publishers.push import TELL, Account, Answer, Delivered, Request, Response, Row
from publishers.work import Call, Gate, Purpose, Setup
from schemas.channel_records import PublisherCommand
from schemas.settings import Rules
from schemas.words import Command, Status
from tests.publishers.conftest import Bench, Shop
from tests.publishers.toyshop import Toy

DOWN = Circuit(failures=3, probe_at=1_005_000, gap_ms=5_000, err="503")
MINUTE = 60_000
GOOD, BAD = Response(status=200, body=b"{}"), Response(status=503)


def feed(rows: Sequence[Row], _account: Account, _request_id: str) -> Conversation:
    """Hand a feed in, and ask after it until it is done."""
    yield Request(path="file", body=b"")
    yield Request(path="create", body=b"", after_ms=1_000, within_ms=MINUTE)
    while (yield Request(path="ask", body=b"", method="GET", after_ms=60_000)).status != 200:
        pass
    return Answer(verdicts=(Delivered(),) * len(rows))


@pytest.fixture
def bench() -> Bench:
    """Return a bench whose channel takes feeds."""
    kind = Toy(BULK=Bulk(least=3, most=10, bucket=TELL, tell=feed))
    setup = Setup(
        channel="shop",
        kind=kind,
        account=Account(),
        limits=kind.LIMITS,
        ladder=(1_000,),
        call_timeout_ms=10_000,
        gate=Gate.PUSH,
        partitions=1,
        draw=lambda: 500,
    )
    made = Bench(controller=Controller(setup, Book("shop", lambda _: Rules(), kind), 0), shop=Shop("toy"))
    made.controller.activate(made.now)
    return made


def next_call(bench: Bench, ms: int) -> Call | None:
    """Return the call that comes within so long, None where none does."""
    until = bench.now + ms
    while bench.now < until:
        if isinstance(step := bench.plan(), Call):
            return step
        bench.now += max(1, step)
    return None


def feeds(bench: Bench) -> Call:
    """Begin a feed of three SKUs; it is made."""
    bench.controller.answer(begun(bench), GOOD, bench.now)
    call = next_call(bench, 2_000)
    assert call is not None
    bench.controller.answer(call, GOOD, bench.now)
    return call


def begun(bench: Bench) -> Call:
    """Return the first request of a feed of three SKUs."""
    for sku in "ABC":
        bench.listing(sku)
        bench.level(sku, 5)
    call = next_call(bench, 1_000)
    assert call is not None
    assert call.purpose is Purpose.BULK
    return call


def test_a_feed_is_gone_on_with_where_every_sku_that_could_be_a_probe_is_in_it(bench: Bench) -> None:
    """Else the circuit would stay open, and the SKUs in the feed taken, until another SKU differs."""
    feeds(bench)
    bench.controller.calling.circuit = replace(DOWN)
    call = next_call(bench, 120_000)
    assert call is not None
    assert (call.request.path, call.probe) == ("ask", True)
    bench.answer(call, GOOD)
    assert not bench.controller.calling.circuit.is_open
    bench.work(bench.now + 5_000)
    assert {bench.record(sku).status for sku in "ABC"} == {Status.IN_STEP}


def test_a_feed_that_waits_to_be_asked_after_keeps_no_sku_from_being_the_probe(bench: Bench) -> None:
    """It failed as the probe; a SKU that differs meanwhile is told within the circuit's gap."""
    feeds(bench)
    bench.controller.calling.circuit = replace(DOWN)
    call = next_call(bench, 120_000)
    assert call is not None
    bench.controller.answer(call, BAD, bench.now)
    assert bench.controller.calling.circuit.is_open
    bench.listing("D")
    bench.level("D", 1)
    probe = next_call(bench, 30_000)
    assert probe is not None
    assert ([row.sku for row in probe.rows], probe.probe) == (["D"], True)


@pytest.mark.parametrize("gate", [Command.ENABLE, Command.SHADOW])
def test_a_run_that_is_asked_for_closes_a_circuit_that_nothing_else_would_try(bench: Bench, gate: Command) -> None:
    """Nothing differs, or nothing may be told: what is read is the probe."""
    bench.listing("A")
    bench.controller.command(PublisherCommand(command=gate, at=bench.now), bench.now)
    bench.controller.calling.circuit = replace(DOWN)
    bench.controller.command(PublisherCommand(command=Command.RECONCILE, at=bench.now), bench.now)
    call = next_call(bench, 60_000)
    assert call is not None
    assert (call.purpose, call.probe) == (Purpose.SWEEP, True)
    bench.controller.answer(call, GOOD, bench.now)
    assert not bench.controller.calling.circuit.is_open


def test_a_feed_that_is_not_made_when_the_channel_is_stopped_is_never_made(bench: Bench) -> None:
    """Its numbers would be as old as the stop was long; its SKUs are told anew."""
    first = begun(bench)
    bench.controller.command(PublisherCommand(command=Command.STOP, at=bench.now), bench.now)
    bench.controller.answer(first, GOOD, bench.now)
    bench.now += MINUTE // 2
    bench.controller.command(PublisherCommand(command=Command.ENABLE, at=bench.now), bench.now)
    call = next_call(bench, 2_000)
    assert call is not None
    assert call.request.path == "file"


def test_a_feed_that_was_not_made_in_its_time_is_given_up(bench: Bench) -> None:
    """The channel was down for longer: its SKUs are told anew, whoever is the probe."""
    bench.controller.answer(begun(bench), GOOD, bench.now)
    bench.controller.calling.circuit = replace(DOWN, probe_at=bench.now + 5 * MINUTE)
    call = next_call(bench, 6 * MINUTE)
    assert call is not None
    assert (call.request.path, call.purpose) == ("tell", Purpose.TELL)


def test_a_feed_that_is_made_is_followed_to_its_end_after_a_stop(bench: Bench) -> None:
    """Whatever it does, it does: what became of it must be known."""
    feeds(bench)
    bench.controller.command(PublisherCommand(command=Command.STOP, at=bench.now), bench.now)
    bench.now += 5 * MINUTE
    bench.controller.command(PublisherCommand(command=Command.ENABLE, at=bench.now), bench.now)
    call = next_call(bench, 2_000)
    assert call is not None
    assert call.request.path == "ask"


def test_a_feed_that_nobody_may_ask_after_leaves_its_numbers_open(bench: Bench) -> None:
    """Its secrets are gone, not what it does: a level that comes back to the old number is told all the same."""
    feeds(bench)
    call = next_call(bench, 2 * MINUTE)
    assert call is not None
    bench.controller.withheld(call, "a secret is missing", bench.now)
    assert {bench.record(sku).listings[sku].request_id for sku in "ABC"} == {call.request_id}
