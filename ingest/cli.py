"""What the commands share: exit codes, arguments, the channel that is named, the check of the cluster, last words."""

import argparse
import sys
from collections.abc import Callable
from typing import TypeVar

from schemas.cluster import check
from schemas.config import Channel, Config, ConfigError

DONE, REFUSED, UNUSABLE, NO_ANSWER, DENIED = range(5)
T = TypeVar("T")


def add_config(parser: argparse.ArgumentParser) -> None:
    """Declare where the configuration is."""
    parser.add_argument("--config", metavar="FILE", help="the deployment's TOML file (default: LASTUNIT_CONFIG)")


def add_address(parser: argparse.ArgumentParser) -> None:
    """Declare where a process listens."""
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: %(default)s)")
    parser.add_argument("--port", type=int, default=0, help="port to listen on; 0 takes a free one")


def named(config: Config, name: str) -> Channel:
    """Return the channel of a name; raises `ConfigError` with the names that there are."""
    if name not in config.channel_names:
        raise ConfigError(f"no channel is named {name!r}; there are {', '.join(config.channel_names) or 'none'}")
    return config.channel(name)


def require_topics(config: Config) -> None:
    """Raise `ConfigError` where the cluster is not what the configuration says."""
    faults = check(config)
    if faults:
        raise ConfigError("\n".join(faults))


def fail(code: int, sentence: str) -> int:
    """Say what went wrong, and return the exit code."""
    print(sentence, file=sys.stderr)  # noqa: T201 - for whoever gave the command
    return code


def remembered(read: Callable[[], T]) -> Callable[[], T]:
    """
    Return a reader of secrets that keeps the last good ones while a file is being replaced.

    Reads once at once, so that a missing secret raises `ConfigError` here and never later.
    """
    last = [read()]

    def again() -> T:
        try:
            last[0] = read()
        except ConfigError:
            return last[0]
        return last[0]

    return again
