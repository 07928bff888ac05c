"""`python -m publishers.ledger`: Kafka to PostgreSQL."""

import argparse
import asyncio
import os
import signal
import sys

from publishers.ledger.app import Ledger
from publishers.ledger.server import application, serve
from publishers.ledger.writer import SchemaError
from schemas.cluster import ClusterError, check
from schemas.config import Config, ConfigError, Secrets, config_path, load
from schemas.logs import setup

DRAIN_S = 15.0


def main(argv: list[str] | None = None) -> int:
    """Run until SIGTERM; returns 0 then, 2 when it cannot work as it is configured."""
    args = _parser().parse_args(argv)
    setup("ledger")
    try:
        config, secrets = load(config_path(args.config, os.environ)), Secrets(os.environ)
        secrets.one("POSTGRES_DSN")
        faults = check(config)
        if not faults and not args.check:
            asyncio.run(_run(config, secrets, args.host, args.port))
    except (ConfigError, ClusterError, SchemaError) as error:
        faults = [str(error)]
    for fault in faults:
        print(fault, file=sys.stderr)
    return 2 if faults else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m publishers.ledger", description=__doc__)
    parser.add_argument("--config", help="the deployment's TOML file (or LASTUNIT_CONFIG)")
    parser.add_argument("--host", default="127.0.0.1", help="where to serve /healthz, /readyz and /metrics")
    parser.add_argument("--port", type=int, default=0, help="0: any free port")
    parser.add_argument("--check", action="store_true", help="check the configuration and the cluster, then exit")
    return parser


async def _run(config: Config, secrets: Secrets, host: str, port: int) -> None:
    ledger = Ledger(config, secrets)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, ledger.stopping.set)
    runner, port = await serve(application(ledger), host, port)
    print(f"READY {host}:{port}", flush=True)
    working = asyncio.create_task(ledger.run())
    stopped = asyncio.create_task(ledger.stopping.wait())
    try:
        await asyncio.wait({working, stopped}, return_when=asyncio.FIRST_COMPLETED)
        await asyncio.wait_for(working, DRAIN_S)
    finally:
        stopped.cancel()
        await runner.cleanup()


if __name__ == "__main__":
    sys.exit(main())
