"""What a worker notices about itself: age, silence, and a loop that stands still."""

import asyncio
import threading

import pytest

from processor.ages import Ages
from processor.pulse import Pulse


def test_what_moves_or_has_nothing_behind_it_does_not_age() -> None:
    """Only standing still before something counts, from the first look at it."""
    ages = Ages[str]()
    assert ages.note({"moves": (1, 9), "stands": (1, 9), "done": (9, 9)}, 10.0) == {
        "moves": 0.0, "stands": 0.0, "done": 0.0,
    }  # fmt: skip
    assert ages.note({"moves": (2, 9), "stands": (1, 9), "done": (9, 9)}, 15.0) == {
        "moves": 0.0, "stands": 5.0, "done": 0.0,
    }  # fmt: skip
    assert ages.note({"stands": (1, 9)}, 70.0) == {"stands": 60.0}


def test_a_place_that_was_given_away_begins_anew() -> None:
    """Another worker had it meanwhile."""
    ages = Ages[str]()
    ages.note({"p": (1, 2)}, 0.0)
    ages.note({}, 5.0)
    assert ages.note({"p": (1, 2)}, 10.0) == {"p": 0.0}


@pytest.mark.parametrize("blocked", [True, False])
async def test_a_loop_that_stands_still_ends_the_worker(*, blocked: bool) -> None:
    """A call that blocks keeps heartbeats and partitions; a loop that is merely idle is none."""
    ended = threading.Event()
    pulse = Pulse(ended.set, look_s=0.02, looks=10)

    async def beating() -> None:
        while True:
            pulse.beat()
            await asyncio.sleep(0.01)

    task = asyncio.create_task(beating())
    await asyncio.sleep(0.05)
    if blocked:
        assert ended.wait(5)  # as a computation without end would
    else:
        await asyncio.sleep(0.5)
        assert not ended.is_set()
    task.cancel()
    pulse.end()
