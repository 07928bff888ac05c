"""
`python -m compose.demo`: a day of orders and a flash sale on a real Kafka, two stand-in shops, and a judge.

Ends with a table and one line of JSON; exit code 1 unless no order was lost or counted twice and every level is true.
"""

import argparse
import asyncio
import json
import signal
import sys
import time
from pathlib import Path

import aiohttp
from rich.console import Console

from compose.flashsale import report
from compose.flashsale.demand import BadFile, Demand, from_rows, made_up
from compose.flashsale.deployment import LISTING_COLUMNS, PARTITIONS, Deployment, deploy
from compose.flashsale.drive import Run, in_step, play, rest
from compose.flashsale.shops import Control, listing_row
from compose.flashsale.view import watch
from compose.flashsale.witness import Witness
from compose.runner.errors import CannotRun
from compose.runner.stack import Stack, stack

CHANNELS = ("shopify-uk", "woo-eu")
COLUMNS = 110
"""How wide lines are where there is no terminal to ask."""
CONTROL_TIMEOUT = aiohttp.ClientTimeout(total=30)


def main(argv: list[str] | None = None) -> int:
    """Run the rehearsal; returns 0 when it is clean, 1 when it is not, 2 when it could not run."""
    args = _parser().parse_args(argv)
    console = Console(stderr=args.json, width=None if sys.stdout.isatty() else COLUMNS)
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: sys.exit(130))
    try:
        return _rehearse(args, console)
    except (BadFile, OSError, CannotRun) as error:
        console.print(str(error), style="red", highlight=False, soft_wrap=True)
        return 2
    except KeyboardInterrupt:
        console.print("stopped")
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m compose.demo", description=__doc__)
    parser.add_argument("--orders", type=int, default=847, help="orders of the day (default %(default)s)")
    parser.add_argument(
        "--seconds", type=float, default=60.0, help="into which the day is pressed (default %(default)s)"
    )
    parser.add_argument("--skus", type=int, default=500, help="size of the catalogue (default %(default)s)")
    parser.add_argument("--seed", type=int, default=1, help="the same seed, the same shoppers (default %(default)s)")
    parser.add_argument("--json", action="store_true", help="standard output carries the line of JSON only")
    parser.add_argument("--keep", action="store_true", help="keep the data and the logs")
    parser.add_argument("--from", dest="orders_file", type=Path, help="orders.csv to replay instead")
    parser.add_argument("--stock", type=Path, help="stock.csv (sku,qty) for --from")
    parser.add_argument("--respect-levels", action="store_true", help="with --from: a shop that shows 0 sells nothing")
    parser.add_argument(
        "--kill", help="kill -9 this service in the middle: processor, ingest, poller, publisher, ledger"
    )
    return parser


def _demand(args: argparse.Namespace) -> Demand:
    if args.orders_file is None:
        return made_up(orders=args.orders, seconds=args.seconds, skus=args.skus, seed=args.seed, channels=CHANNELS)
    stock = args.stock.read_text(encoding="utf-8-sig").splitlines() if args.stock else None
    orders = args.orders_file.read_text(encoding="utf-8-sig").splitlines()
    return from_rows(orders, stock, seconds=args.seconds, seed=args.seed)


def _rehearse(args: argparse.Namespace, console: Console) -> int:
    demand = _demand(args)
    began = time.monotonic()
    with stack() as running:
        result: dict[str, object] = {}
        try:
            result = _on(running, args, demand, console, began)
        finally:
            if args.keep or not report.clean(result):
                running.supervisor.keep()
                console.print(f"data and logs stay in {running.data}", highlight=False, soft_wrap=True)
    print(json.dumps(result), flush=True)
    return 0 if report.clean(result) else 1


def _on(running: Stack, args: argparse.Namespace, demand: Demand, console: Console, began: float) -> dict[str, object]:
    with console.status("opening the shops"):
        deployment = deploy(running, demand.channels, args.seed)
    for account in deployment.accounts:
        console.print(f"{account.name}: a {account.kind} stand-in at {account.url}", highlight=False)
    with Witness(running.kafka.bootstrap, PARTITIONS) as witness:
        return asyncio.run(_run(args, demand, deployment, witness, console, began))


async def _run(
    args: argparse.Namespace,
    demand: Demand,
    deployment: Deployment,
    witness: Witness,
    console: Console,
    began: float,
) -> dict[str, object]:
    async with aiohttp.ClientSession(timeout=CONTROL_TIMEOUT) as session:
        run = Run(
            demand=demand,
            deployment=deployment,
            shops=[Control(session, account) for account in deployment.accounts],
            witness=witness,
            respect_levels=args.orders_file is None or args.respect_levels,
            kills=args.kill.split(",") if args.kill else (),
        )
        with console.status("filling the shelves, starting the services, waiting until all is in step"):
            await _open(run)
        setup_s = round(time.monotonic() - began - deployment.stack.download_s, 1)
        console.print(f"ready after {setup_s} s; {len(demand.wishes)} shoppers are coming", highlight=False)
        watching = asyncio.create_task(watch(run, console))
        await play(run)
        evidence, verdict = await rest(run)
        watching.cancel()
        result = report.summary(demand, evidence, verdict, _facts(deployment.stack, setup_s))
        report.show(console, result, verdict)
        why = await asyncio.to_thread(deployment.run, "publishers", "explain", verdict.wrong_sku or demand.hot[0])
        console.print(why, highlight=False, markup=False, soft_wrap=True)
        return result


async def _open(run: Run) -> None:
    """Fill shops and hub with the same stock through the front doors, start the services, wait until all is in step."""
    deployment, stock = run.deployment, run.demand.stock
    skus = dict.fromkeys([*stock, *(wish.sku for wish in run.demand.wishes)])
    rows = [
        listing_row(shop.account, listing)
        for shop in run.shops
        for listing in await shop.stock((sku, 0) for sku in skus)
    ]
    await asyncio.to_thread(deployment.import_file, "listings.csv", LISTING_COLUMNS, rows)
    await asyncio.to_thread(deployment.import_file, "stock.csv", ("sku", "qty"), stock.items())
    await asyncio.to_thread(deployment.start_services)
    for name in run.kills:
        deployment.matching(name)  # a name that does not exist is said now, not in the middle of the sale
    for shop in run.shops:
        await shop.webhooks_to(f"{deployment.ingest_url}/webhooks/{shop.account.name}/order")
    await in_step(run)


def _facts(running: Stack, setup_s: float) -> dict[str, float]:
    return {
        "memory_mib_peak": round(running.supervisor.memory.peak_mib),
        "setup_s": setup_s,
        "download_mib": round(running.download_mib, 1),
    }


if __name__ == "__main__":
    sys.exit(main())
