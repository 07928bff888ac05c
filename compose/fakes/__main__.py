"""`python -m compose.fakes`: run one stand-in account until SIGTERM.

Secrets come from the environment: FAKE_WEBHOOK_SECRET signs the webhooks (`whsec_...` for the generic kind), FAKE_TOKEN
is the Shopify access token (or the `client id:client secret` that buy tokens of a day), or `ck_...:cs_...` for
WooCommerce.
"""

import argparse
import asyncio
import os
import signal
from collections.abc import Sequence
from pathlib import Path

import orjson
from aiohttp import web

from compose.fakes import report
from compose.fakes.account import Secrets
from compose.fakes.server import ACCOUNT, KINDS, application

HOST = "127.0.0.1"
SHUTDOWN_S = 1.0


def arguments(given: Sequence[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m compose.fakes", description="One stand-in sales channel.")
    parser.add_argument("--kind", required=True, choices=sorted(KINDS))
    parser.add_argument("--name", required=True, help="the channel account's name")
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one")
    parser.add_argument("--seed", type=int, default=0, help="for the dice of dropped webhooks")
    parser.add_argument("--time-scale", type=float, default=1.0, help="compresses the retry ladder, e.g. 0.001")
    parser.add_argument("--state", type=Path, help="write the final state here at the end")
    return parser.parse_args(given)


async def serve(options: argparse.Namespace, secrets: Secrets) -> None:
    """Serve until a signal asks for the end."""
    app = application(
        kind=options.kind, name=options.name, secrets=secrets, seed=options.seed, time_scale=options.time_scale
    )
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=SHUTDOWN_S)
    await runner.setup()
    await web.TCPSite(runner, HOST, options.port).start()
    print(f"READY {HOST}:{runner.addresses[0][1]}", flush=True)
    ended = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, ended.set)
    await ended.wait()
    if options.state is not None:
        options.state.write_bytes(orjson.dumps(report.state(app[ACCOUNT], 0)))
    await runner.cleanup()


def main(given: Sequence[str] | None = None) -> None:
    """Run the command."""
    options = arguments(given)
    secrets = Secrets(webhook=os.environ.get("FAKE_WEBHOOK_SECRET", ""), token=os.environ.get("FAKE_TOKEN", ""))
    if not secrets.webhook:
        raise SystemExit("set FAKE_WEBHOOK_SECRET (and FAKE_TOKEN for a kind with an API)")
    asyncio.run(serve(options, secrets))


if __name__ == "__main__":
    main()
