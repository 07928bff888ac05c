"""
`python -m ingest remap`: count the lines that had no listing, once they have one; one process a deployment.

Two are harmless: what both write is the same states twice.  Exit codes: 0 told to stop, 2 the configuration cannot be
used, 3 Kafka did not answer.
"""

import argparse
import asyncio
import os

from confluent_kafka import KafkaException

from ingest.cli import NO_ANSWER, UNUSABLE, add_address, add_config, fail, require_topics
from ingest.remap.life import serve
from ingest.replay import Unreachable
from schemas import logs
from schemas.cluster import ClusterError
from schemas.config import ConfigError, config_path, load


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    add_config(parser)
    add_address(parser)


def run(args: argparse.Namespace) -> int:
    """Run the command and return its exit code; the one place where its errors become sentences."""
    logs.setup("ingest-remap")
    try:
        config = load(config_path(args.config, os.environ))
        require_topics(config)
        asyncio.run(serve(config, args.host, args.port))
    except ConfigError as error:
        return fail(UNUSABLE, str(error))
    except (ClusterError, KafkaException, Unreachable) as error:
        return fail(NO_ANSWER, str(error))
    return 0
