"""
`python -m ingest queue CHANNEL`: take Amazon's order notifications out of the seller's SQS queues.

Exit codes: 0 told to stop, 2 the configuration cannot be used, 3 Kafka did not answer at the start.
"""

import argparse
import asyncio
import os

from confluent_kafka import KafkaException

from ingest.cli import NO_ANSWER, UNUSABLE, add_address, add_config, fail, named, remembered, require_topics
from ingest.queue.address import region
from ingest.queue.life import QueueJob, serve
from ingest.queue.sqs import Credentials
from ingest.replay import Unreachable
from schemas import logs
from schemas.cluster import ClusterError
from schemas.config import Channel, Config, ConfigError, Secrets, channel_secret, config_path, load
from schemas.settings import Kind

KEY, SECRET, SESSION = "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("channel", help="the channel's name")
    add_config(parser)
    add_address(parser)


def run(args: argparse.Namespace) -> int:
    """Run the command and return its exit code; the one place where its errors become sentences."""
    logs.setup("ingest-queue")
    try:
        config, secrets = load(config_path(args.config, os.environ)), Secrets(os.environ)
        channel = _channel(config, args.channel)
        require_topics(config)
        job = QueueJob(
            config=config,
            channel=channel,
            others={one.alias.lower(): one for one in config.channels if one.kind is channel.kind and one.alias},
            credentials=remembered(lambda: credentials(secrets, channel.name)),
            host=args.host,
            port=args.port,
        )
        asyncio.run(serve(job))
    except ConfigError as error:
        return fail(UNUSABLE, str(error))
    except (ClusterError, Unreachable, KafkaException) as error:
        return fail(NO_ANSWER, str(error))
    return 0


def _channel(config: Config, name: str) -> Channel:
    """Return the channel; raises `ConfigError` with every fault that keeps its queues from being read."""
    channel = named(config, name)
    if channel.kind is not Kind.AMAZON:
        raise ConfigError(f"channel {name} is of kind {channel.kind}, which has no queues")
    faults = [f"channels[{name}].queues: {url} names no AWS region" for url in channel.queues if not region(url)]
    if not channel.queues:
        faults.append(f"channels[{name}].queues: missing, there is nothing to read")
    if not channel.alias:
        faults.append(f"channels[{name}].alias: missing; messages of another seller id must not be counted as its own")
    if faults:
        raise ConfigError("\n".join(faults))
    return channel


def credentials(secrets: Secrets, channel: str) -> Credentials | None:
    """
    Return the channel's own AWS key, None where it has none: then AWS's usual places count (a role of the pod, say).

    Raises `ConfigError` where there is half a key.
    """
    key, secret, session = (_optional(secrets, channel_secret(channel, what)) for what in (KEY, SECRET, SESSION))
    if key is None and secret is None:
        return None
    if key is None or secret is None:
        raise ConfigError(f"channel {channel}: {KEY} and {SECRET} belong together; one of them is missing")
    return Credentials(key=key, secret=secret, session=session)


def _optional(secrets: Secrets, name: str) -> str | None:
    return secrets.one(name) if secrets.has(name) else None
