"""The web service's life: check, start, load, serve, drain."""

import argparse
import asyncio
import gc
import logging
import os
import sys

from aiohttp import web

from ingest import app, http
from ingest.channels import CHALLENGES, KEYS
from ingest.cli import add_address, add_config
from ingest.limits import DRAIN_S
from ingest.listings import Listings
from ingest.outcomes import Outcomes
from ingest.process import announce, told_to_stop
from ingest.producer import Producer
from ingest.receive import VERIFICATION
from ingest.service import Service
from schemas import logs
from schemas.cluster import ClusterError, check
from schemas.config import Channel, Config, ConfigError, Secrets, channel_secret, config_path, load

LOG = logging.getLogger(__name__)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe `python -m ingest serve`."""
    add_config(parser)
    add_address(parser)


def run(args: argparse.Namespace) -> int:
    """Serve until SIGTERM; returns the exit code, 1 where the service could not start."""
    logs.setup("ingest")
    try:
        config = load(config_path(args.config, os.environ))
        secrets = Secrets(os.environ)
        faults = [*_missing(config, secrets), *check(config)]
    except (ConfigError, ClusterError) as error:
        faults = [str(error)]
    if faults:
        print("ingest cannot start:", *faults, sep="\n- ", file=sys.stderr)  # noqa: T201 - for whoever started it
        return 1
    asyncio.run(_serve(config, secrets, args.host, args.port))
    return 0


def _missing(config: Config, secrets: Secrets) -> list[str]:
    """Return a sentence for each setting and secret that is missing: all of them at once, not one a start."""
    names = [channel_secret(channel.name, what) for channel in config.channels for what in _proofs(channel)]
    faults = [fault for channel in config.channels for fault in _addresses(channel)]
    for name in [*names, "STOCK_TOKENS"]:
        try:
            secrets.all(name)
        except ConfigError as error:
            faults.append(str(error))
    return faults


def _proofs(channel: Channel) -> list[str]:
    """Return the secrets that proving a channel's webhooks takes; one that is read from a queue needs none."""
    keys = KEYS.get(channel.kind)
    shared = [] if channel.queues else ["WEBHOOK_SECRETS"]
    return [*(keys.SECRETS if keys else shared), *([VERIFICATION] if channel.kind in CHALLENGES else [])]


def _addresses(channel: Channel) -> list[str]:
    """Return a sentence for each address that proving a channel's webhooks takes and the file does not have."""
    wanted = {"base_url": channel.kind in KEYS, "webhook_url": channel.kind in CHALLENGES}
    missing = [name for name, needed in wanted.items() if needed and not getattr(channel, name)]
    return [f"channels[{channel.name}].{name}: missing, its webhooks cannot be proved" for name in missing]


async def _serve(config: Config, secrets: Secrets, host: str, port: int) -> None:
    stop = told_to_stop()
    service = Service(
        config=config,
        secrets=secrets,
        producer=Producer(config),
        listings=Listings(config),
        outcomes=Outcomes(config),
    )
    service.listings.start()
    runner = await http.runner(app.build(service), shutdown_timeout=DRAIN_S)
    await web.TCPSite(runner, host, port).start()
    announced = asyncio.create_task(_announce(service, runner))
    try:
        await stop.wait()
        LOG.info("draining")
    finally:
        announced.cancel()
        service.draining = True
        await runner.cleanup()
        await service.keys.close()
        await service.producer.close()
        await asyncio.to_thread(service.listings.close)
        await asyncio.to_thread(service.outcomes.close)


async def _announce(service: Service, runner: web.AppRunner) -> None:
    """Print READY once the listings are in memory: before, a line without a SKU could not be mapped."""
    await asyncio.to_thread(service.listings.wait)
    if not service.listings.loaded:
        return  # closed, or its thread has ended: `/healthz` says so
    # What is here now stays: looking through it for garbage again and again would cost more than all that comes.
    gc.collect()
    gc.freeze()
    announce(runner)
