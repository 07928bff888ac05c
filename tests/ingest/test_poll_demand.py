"""Reading on demand: from when, how far it has come, and its last line."""

import argparse
import os
import pty
import subprocess
import sys

import orjson
import pytest

from ingest.poll.kind import zulu
from ingest.poll.progress import Place
from ingest.poll.report import Reading, as_json, sentence
from ingest.poll_cli import CODES, back_to
from ingest.poller import Ended
from schemas.cluster import now_ms

NINE = 1_795_251_600_000
"""2026-11-21T09:00:00Z"""


def reading(ended: str) -> Reading:
    return Reading(
        channel="shop",
        ended=ended,
        since=NINE,
        reached=NINE + 60_000,
        orders=12,
        changed=30,
        gone=2,
        dead=1,
        took_ms=2_340,
    )


@pytest.mark.parametrize(
    ("text", "before"), [("90s", 90_000), ("90m", 5_400_000), ("2h", 7_200_000), ("7d", 604_800_000)]
)
def test_a_span_is_counted_back_from_now(text: str, before: int) -> None:
    """Seconds, minutes, hours, days."""
    assert abs(now_ms() - before - back_to(text)) < 10_000


@pytest.mark.parametrize("text", ["2026-11-21T09:00:00Z", "2026-11-21T10:00:00+01:00"])
def test_a_time_with_its_zone_is_taken_as_it_is(text: str) -> None:
    """What the last line of a stopped reading says can be given back."""
    assert back_to(text) == NINE
    assert back_to(zulu(NINE)) == NINE


@pytest.mark.parametrize("text", ["", "2", "h", "-2h", "2w", "yesterday", "2026-11-21T09:00:00", "9999999h"])
def test_what_is_no_time_is_refused(text: str) -> None:
    """A time without a zone would mean another one on another machine."""
    with pytest.raises(argparse.ArgumentTypeError, match="with its zone"):
        back_to(text)


def test_the_last_line_says_what_is_in_kafka_or_from_when_to_go_on() -> None:
    """Counts first; a reading that did not come to its end names the time for the next one."""
    assert sentence(reading("read")) == (
        "shop: 12 orders read, 30 line states written, 2 lines given up, 1 dead letters, 2.3 s;"
        " all that changed since 2026-11-21T09:00:00Z is in Kafka"
    )
    assert sentence(reading("stopped")).endswith("`--since 2026-11-21T09:01:00Z` goes on from there")


def test_the_last_line_for_scripts_is_one_object() -> None:
    """Every count under its name."""
    assert orjson.loads(as_json(reading("gave_up"))) == {
        "channel": "shop",
        "ended": "gave_up",
        "since": "2026-11-21T09:00:00Z",
        "reached": "2026-11-21T09:01:00Z",
        "orders": 12,
        "changed": 30,
        "gone": 2,
        "deadLetters": 1,
        "tookMs": 2_340,
    }


def test_every_end_has_an_exit_code_of_its_own() -> None:
    """Scripts tell them apart."""
    assert CODES.keys() == {ended.value for ended in Ended} | {"stopped"}
    assert sorted(CODES.values()) == [0, 3, 4, 5]


def test_the_share_that_is_read_stays_within_its_bounds() -> None:
    """A watermark beyond the end, an empty span, nothing read yet."""
    assert Place(doing="", since=100, reached=150, until=200).share == 0.5
    assert Place(doing="", since=100, reached=500, until=200).share == 1.0
    assert Place(doing="", since=100, reached=0, until=200).share == 0.0
    assert Place(doing="", since=100, reached=100, until=100).share == 0.0


SCRIPT = """
import asyncio
from ingest.poll import progress
from ingest.poll.progress import Place, show

progress.QUIET_S, progress.EVERY_S = QUIET, 0.05

async def main():
    showing = asyncio.ensure_future(show("shop", lambda: Place(doing="reading", orders=7, since=0, reached=5, until=9)))
    await asyncio.sleep(0.7)
    showing.cancel()
    await asyncio.gather(showing, return_exceptions=True)

asyncio.run(main())
"""


def shown(quiet: float, *, terminal: bool) -> str:
    """Return what stands on standard error."""
    ours, theirs = pty.openpty() if terminal else os.pipe()
    command = [sys.executable, "-c", SCRIPT.replace("QUIET,", f"{quiet},")]
    subprocess.run(command, stderr=theirs, check=True, timeout=60, env=os.environ | {"TERM": "xterm", "COLUMNS": "120"})
    os.close(theirs)
    try:
        return os.read(ours, 65_536).decode()
    except OSError:  # how a terminal says that nothing was written and nobody is there any more
        return ""
    finally:
        os.close(ours)


def test_a_person_sees_a_bar_once_it_takes_a_while() -> None:
    """On a terminal, with the count; what is done at once shows none."""
    assert "7 orders" in shown(0.0, terminal=True)
    assert shown(60.0, terminal=True) == ""


def test_a_pipe_sees_no_bar() -> None:
    """A log or a script is not filled with escape codes."""
    assert shown(0.0, terminal=False) == ""
