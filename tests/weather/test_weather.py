"""The runs' short mode: one seed, all kinds; and the oracle, which must see what is wrong."""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from schemas.words import AdjustmentKind, Status
from tests.weather import events, judge
from tests.weather.stage import WEATHER
from tests.weather.world import START_MS, World

RUN = Path(__file__).with_name("run.py")
CALM_MS = 120_000


@pytest.fixture
def calm() -> World:
    """Return a shop in fair weather, told everything."""
    world = World("woocommerce", 1, skus=24)
    world.start()
    world.clock.run(START_MS + CALM_MS)
    return world


def test_every_kind_is_right_again_after_bad_weather() -> None:
    """All listings show what they should, nothing is dead or forgotten, and nobody is told twice in the calm."""
    done = subprocess.run(
        [sys.executable, str(RUN), "--seeds", "1", "--first", "6"], capture_output=True, text=True, check=False
    )
    line = json.loads(done.stdout.splitlines()[-1])
    assert (done.returncode, line["failed"], line["runs"]) == (0, [], 5), done.stderr
    assert line["calls"] > 1_000


def test_equal_seeds_have_the_same_events() -> None:
    """Another seed, or another kind, has others."""
    assert events.draw("etsy", 5, *WEATHER) == events.draw("etsy", 5, *WEATHER)
    assert events.draw("etsy", 5, *WEATHER) != events.draw("etsy", 6, *WEATHER)
    assert events.draw("etsy", 5, *WEATHER) != events.draw("ebay", 5, *WEATHER)


def test_the_oracle_finds_nothing_wrong_in_fair_weather(calm: World) -> None:
    """A shop that was told everything shows everything."""
    assert [*judge.settled(calm), *judge.letters(calm)] == []


def test_the_oracle_sees_a_wrong_number_and_a_wrong_policy(calm: World) -> None:
    """Whatever the publisher believes."""
    calm.shop.numbers["10003"] += 1
    calm.shop.policy ^= {"10004"}
    found = [*judge.settled(calm)]
    assert len(found) == 2
    assert found[0].startswith("10003 (SKU-03) shows")
    assert found[1].startswith("10004 (SKU-04) sells on at 0")


def test_the_oracle_sees_what_is_dead_without_a_letter_and_what_is_under_way(calm: World) -> None:
    """By the records that the publishers have written."""
    for sku, status in (("SKU-03", Status.DEAD), ("SKU-04", Status.SENDING)):
        calm.journal.levels[sku] = replace(calm.journal.levels[sku], status=status)
    assert {*judge.letters(calm)} == {
        "SKU-03 is dead without a letter: None",
        "SKU-03 is dead: None",
        "SKU-04 is sending in the end: None",
    }


def test_the_oracle_sees_writes_in_a_quiet_hour_and_endless_questions(calm: World) -> None:
    """A number that is told once more where nothing has changed is a fault."""
    now = calm.clock.now
    calm.shop.writes += [(now + 1, "10003", 4), *[(now - at, "10004", 4) for at in range(judge.WRITES_MAX + 1)]]
    found = [*judge.quiet(calm, now - 1_000, now, judge.READS_MAX + 1)]
    assert [one.split(" ", 1)[0] for one in found] == ["10003", "10004", "61"]


def test_the_watch_counts_for_how_long_too_much_is_shown(calm: World) -> None:
    """From the first look at a number above its level to the last one."""
    watch = judge.Watch(calm)
    calm.owner().end("is killed")  # type: ignore[union-attr] # it began above
    calm.hub.adjust("SKU-03", AdjustmentKind.SET, 0)
    calm.shop.numbers["10003"] = 5
    calm.mapping = {"10003": calm.mapping["10003"]}
    calm.every(calm.clock.now + 2_000, 1_000, calm.clock.now + 60_000, watch.look)
    calm.clock.run(calm.clock.now + 60_000)
    assert [*watch.faults()] == ["10003 showed too much for 57000 ms"]
