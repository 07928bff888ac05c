"""
Orders in over the channels' stand-ins in bad weather, judged by their own books: `make chaos`.

Real Kafka, the real services, and a stand-in account of every kind: webhooks doubled, lost, late and in any order,
cancels before creates, lines that change their SKU or leave, orders of last year touched, secrets rotated, bundles
re-bundled, SKUs mapped late, and services killed with SIGKILL.  Progress goes to standard error; the last line of
standard output is JSON; exit code 1 unless lost, doubled and wrong are 0.  A run that fails
keeps its data, but for one of a mutant, which is to fail.
"""

import argparse
import asyncio
import signal
import sys
import time
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.chaos.state import Run
    from tests.chaos.world import World

ROOT = Path(__file__).resolve().parents[2]
SHORT_S = 16.0
SHORT_ORDERS = 54
SHORT_REST_S = 50.0
LONG_REST_S = 120.0
MUTANT_REST_S = 20.0
OLD = 10
"""Orders of last year at each channel, a minute."""
SHOWN = 40
WIDTH = 110


def main(argv: list[str] | None = None) -> int:
    """Run; returns 0 when nothing was found."""
    sys.path.insert(0, str(ROOT))  # `compose` and these modules are part of the tree, not of the installed distribution
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: sys.exit(130))
    from tests.chaos.world import world

    options = _arguments(argv)
    began = time.monotonic()
    with world(options.seed, options.only, options.mutant) as running:
        _say(f"seed {options.seed}; {', '.join(account.name for account in running.accounts)}")
        for kind in running.left_out:
            _say(f"{kind}: no facts in tests/chaos/facts.py, left out")
        line, clean = asyncio.run(_run(running, options, began))
        if options.keep or not (clean or options.mutant):
            running.stack.supervisor.keep()
            _say(f"data and logs: {running.stack.data}")
    sys.stdout.write(f"{line}\n")
    return 0 if clean else 1


async def _run(running: "World", options: argparse.Namespace, began: float) -> tuple[str, bool]:
    import aiohttp

    from tests.chaos import report
    from tests.chaos.drive import play, rest
    from tests.chaos.facts import FACTS
    from tests.chaos.happenings import opening
    from tests.chaos.reading import Reader
    from tests.chaos.shops import Shop
    from tests.chaos.state import Run
    from tests.chaos.stories import draw

    length_s = options.minutes * 60 if options.minutes else SHORT_S
    orders = options.orders or round(SHORT_ORDERS * length_s / SHORT_S)
    stories = {
        account.name: draw(f"{options.seed}:{account.name}", FACTS[account.kind], orders, round(length_s * 1_000))
        for account in running.accounts
    }
    reader = Reader(running.stack.kafka.bootstrap)
    async with aiohttp.ClientSession() as session:
        run = Run(
            world=running,
            shops=[Shop(account=account, session=session) for account in running.accounts],
            stories=stories,
            length_s=length_s,
            kills=(),
            old=OLD * max(1, round(options.minutes)),
            rest_s=LONG_REST_S if options.minutes else MUTANT_REST_S if options.mutant else SHORT_REST_S,
            reader=reader,
        )
        ticking = asyncio.create_task(_progress(run))
        await opening(run)
        run.kills = _kills(running, options.seed, options.minutes)
        await play(run)
        evidence, counts, found = await rest(run)
        ticking.cancel()
        await asyncio.gather(ticking, return_exceptions=True)
    reader.close()
    for finding in found[:SHOWN]:
        _say(f"{finding.kind}: {finding.text}")
    killed = {"kills": len(run.killed), "kills_by_service": dict(sorted(Counter(run.killed).items()))}
    more = {**killed, "seed": options.seed, "seconds": round(time.monotonic() - began, 1)}
    return report.line(evidence, found, counts, run.counts, {**more, "left_out": [*running.left_out]}), not found


def _kills(running: "World", seed: str, minutes: float) -> list[str]:
    """Return which services are killed, in order: each sort once, and all of them again for every minute more."""
    from random import Random

    dice = Random(f"{seed}:kills")
    pollers = sorted(name for name in running.services if name.startswith("poll-"))
    others = [name for name in running.services if name not in pollers]
    kills: list[str] = []
    for _ in range(max(1, int(minutes))):
        turn = [*others, *([dice.choice(pollers)] if pollers else [])]
        dice.shuffle(turn)
        kills += turn
    return kills


async def _progress(run: "Run") -> None:
    """Show where the run stands: in place on a terminal, a line now and then elsewhere."""
    live, shown = sys.stderr.isatty(), ""
    try:
        while True:
            text = f"{run.clock_s:5.0f} s  {run.phase}; {run.counts['orders']} orders, {len(run.killed)} kills"
            if live:
                sys.stderr.write(f"\r{text[:WIDTH]:<{WIDTH}}")
                sys.stderr.flush()
            elif run.phase != shown:
                shown = run.phase
                _say(text)
            await asyncio.sleep(0.5)
    finally:
        if live:
            _say("")


def _say(text: str) -> None:
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()


def _arguments(argv: list[str] | None) -> argparse.Namespace:
    from compose.fakes.server import KINDS

    parser = argparse.ArgumentParser(prog="make chaos", description=__doc__)
    parser.add_argument("--minutes", type=float, default=0.0, help="how long orders come (default: the short mode)")
    parser.add_argument("--orders", type=int, default=0, help="orders of each channel (default: by the time)")
    parser.add_argument("--seed", default=str(int(time.time()) % 100_000), help="repeats a run's orders")
    parser.add_argument("--only", nargs="+", choices=sorted(KINDS), default=(), help="these kinds of channel only")
    parser.add_argument("--mutant", choices=("vanish",), default="", help="a product that lacks this")
    parser.add_argument("--keep", action="store_true", help="keep data and logs even if nothing was found")
    return parser.parse_args(argv)


if __name__ == "__main__":
    sys.exit(main())
