"""What of a publisher's state becomes an incident, and what its next owner goes on with."""

import asyncio
from typing import Any

import pytest

from publishers.alarm import Alarm, state
from publishers.brake import Brake
from publishers.incidents import Incidents
from publishers.push import Response
from publishers.slack import Messenger
from publishers.work import Gate
from schemas.channel_records import Incident
from schemas.config import Secrets
from schemas.settings import Publishers, Rules
from schemas.words import Command, IncidentKind

SKUS = [f"S{n:02}" for n in range(20)]
DOWN = Response(status=503)


def alarm() -> Alarm:
    """Make an alarm that nobody hears."""
    return Alarm(Incidents("shop"), Messenger(Publishers(), Secrets({}), asyncio.Event()), None)


def incidents(bench: Any) -> list[Incident]:
    """Take the incidents that would be written."""
    bench.collect()
    return [one for one in bench.out if isinstance(one, Incident)]


def watched(bench: Any, given: Alarm, seconds: int) -> None:
    """Let a publisher work under an alarm for so long."""
    until = bench.now + seconds * 1_000
    while bench.now < until:
        bench.work(until=min(until, bench.now + 1_000))
        given.look(bench.controller, bench.now)


def sold(bench: Any, failures: int) -> None:
    """Let a SKU sell while the channel fails so often."""
    bench.shop.answers = [DOWN] * failures
    for left in (4, 3, 2, 1):
        bench.level("A", left)
        bench.work()


def test_a_short_outage_is_written_nowhere_and_a_long_one_once(bench_of: Any) -> None:
    """From the circuit of a real publisher: it opens and closes, and stays open for two minutes."""
    bench, given = bench_of("woocommerce", {"A": 5}), alarm()
    sold(bench, 5)
    assert bench.controller.calling.circuit.is_open
    watched(bench, given, 120)
    assert (bench.shop.numbers["A"], incidents(bench)) == (1, [])
    sold(bench, 40)
    watched(bench, given, 120)
    (begun,) = incidents(bench)
    assert (begun.kind, begun.until) == (IncidentKind.CHANNEL_DOWN, None)
    bench.shop.answers = []
    watched(bench, given, 200)
    assert [one.until is None for one in incidents(bench)] == [True, False]
    assert bench.shop.numbers["A"] == 1


def test_what_the_channel_refuses_for_good_is_an_incident_until_it_is_discarded(bench_of: Any) -> None:
    """However many SKUs; a discarded letter worries nobody."""
    bench, given = bench_of("woocommerce", {"A": 5, "B": 5}), alarm()
    bench.shop.answers = [Response(status=400, body=b'{"code":"woocommerce_rest_x","message":"no"}')] * 3
    bench.level("A", 4)
    bench.level("B", 4)
    watched(bench, given, 10)
    (begun,) = incidents(bench)
    assert (begun.kind, begun.skus) == (IncidentKind.DEAD_LETTERS, 2)
    bench.command(Command.DISCARD)
    watched(bench, given, 120)
    assert incidents(bench)[-1].until is not None


def emptied(bench_of: Any) -> Any:
    """Make a publisher whose rules would empty the shop."""
    bench = bench_of("woocommerce", dict.fromkeys(SKUS, 9))
    book = bench.controller.book
    book.brake.percent = 20
    book.rules_for = lambda _: Rules(percent=0)
    for sku in SKUS:
        bench.controller.tasks.touch(sku, bench.now)
    return bench


def test_a_held_change_is_an_incident_but_not_in_shadow(bench_of: Any) -> None:
    """There nothing is told anyway."""
    bench = emptied(bench_of)
    assert state(bench.controller, None).zeros == 20
    bench.command(Command.SHADOW)
    assert state(bench.controller, None).zeros == 0
    assert bench.controller.gate is Gate.SHADOW


async def test_the_next_owner_holds_what_is_left_of_a_change(bench_of: Any) -> None:
    """Few are left, which alone would be told: the incident says that they are part of more."""
    bench, given = emptied(bench_of), alarm()
    watched(bench, given, 10)
    (held,) = incidents(bench)
    assert (held.kind, held.skus) == (IncidentKind.BRAKE, 20)

    heir, taken = bench_of("woocommerce", dict.fromkeys(SKUS[:3], 9)), alarm()
    heir.controller.book.brake = Brake(20)
    heir.controller.book.brake.listings = 20
    taken.load(held)
    taken.begin(heir.controller)
    heir.controller.book.rules_for = lambda _: Rules(percent=0)
    heir.controller.activate(heir.now)
    assert (heir.work(), set(heir.shop.numbers.values())) == (0, {9})
    heir.command(Command.BRAKE_RELEASE)
    heir.work()
    assert set(heir.shop.numbers.values()) == {0}


@pytest.mark.parametrize("held", [True, False])
async def test_an_inherited_incident_without_anything_left_does_not_brake(bench_of: Any, held: bool) -> None:  # noqa: FBT001 - a parameter
    """The change was taken back while nobody owned the channel."""
    heir, taken = bench_of("woocommerce", {"A": 9}), alarm()
    if held:
        incident = Incident(incident_id="x", channel="shop", kind=IncidentKind.BRAKE, since=0, skus=20, at=0)
        taken.load(incident)
    taken.begin(heir.controller)
    assert heir.controller.book.brake.engaged is held
    heir.controller.activate(heir.now)
    heir.level("A", 0)
    heir.work()
    assert (heir.shop.numbers, heir.controller.book.brake.engaged) == ({"A": 0}, False)
