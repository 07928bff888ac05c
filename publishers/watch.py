"""
The configuration while a publisher runs: rules are taken up when the file changes, an invalid file is refused whole.

The content is compared, not the file's time or inode: Kubernetes swaps a link, editors write anew.  Only what `LIVE`
names changes without a restart; of the rest it is said that it needs one.
"""

import asyncio
import logging
import tomllib
from collections.abc import Iterator
from dataclasses import fields, replace
from pathlib import Path

from schemas.config import ConfigError, parse
from schemas.settings import Channel, Config

LIVE = ("rules", "sku_rules", "order", "brake_percent", "reconcile_every_ms")
"""The channel's settings that are taken up while it is told."""
EVERY_S = 2.0
MISSES = 2
"""After how many looks in a row a file that cannot be read is a fault."""
log = logging.getLogger(__name__)


class Watcher:
    """
    Follows the file; `channel` is what is in force.

    `fault` says why the newest file is refused (None: it is not), `taken` counts the changes that were taken up.
    """

    def __init__(self, path: Path, config: Config, channel: Channel, wake: asyncio.Event) -> None:
        """Start from what the process was started with; `wake` is set when something has changed."""
        self.channel = channel
        self.fault: str | None = None
        self.taken = 0
        self._path = path
        self._config = config
        self._started = channel
        self._wake = wake
        self._seen: bytes | None = None
        self._missed = 0

    async def run(self) -> None:
        """Look at the file until cancelled."""
        while True:
            try:
                content = await asyncio.to_thread(self._path.read_bytes)
            except OSError as error:
                self.missed(f"{self._path}: {error.strerror or type(error).__name__}")
            else:
                self.look(content)
            await asyncio.sleep(EVERY_S)

    def missed(self, why: str) -> None:
        """Note that the file cannot be read; between two links it may be gone for a moment."""
        self._missed += 1
        if self._missed == MISSES:
            self._seen = None
            self._refuse(why)

    def look(self, content: bytes) -> None:
        """Take up what the file says, or refuse it and stay with what is in force."""
        self._missed = 0
        if content == self._seen:
            return
        self._seen = content
        try:
            config = parse(tomllib.loads(content.decode()))
        except (UnicodeDecodeError, tomllib.TOMLDecodeError, ConfigError) as error:
            self._refuse(f"{self._path}:\n{error}")
            return
        if self.fault is not None:
            self.fault = None
            log.info("the configuration is right again", extra={"channel": self.channel.name})
        self._take(config)

    def _refuse(self, why: str) -> None:
        self.fault = why
        log.error("the configuration is refused, the old rules stay: %s", why, extra={"channel": self.channel.name})
        self._wake.set()

    def _take(self, config: Config) -> None:
        named = {channel.name: channel for channel in config.channels}.get(self.channel.name)
        if later := [*self._needs_restart(config, named)]:
            log.warning("changed, and needs a restart: %s", ", ".join(later), extra={"channel": self.channel.name})
        if named is None:
            return
        channel = replace(self.channel, **{name: getattr(named, name) for name in LIVE})
        if channel == self.channel:
            return
        changed = [name for name in LIVE if getattr(channel, name) != getattr(self.channel, name)]
        self.channel = channel
        self.taken += 1
        log.info("taken up: %s", ", ".join(changed), extra={"channel": channel.name})
        self._wake.set()

    def _needs_restart(self, config: Config, channel: Channel | None) -> Iterator[str]:
        """Yield what differs from the start beside what is live; options may stand in files of their own."""
        if replace(config.kafka, options={}) != replace(self._config.kafka, options={}):
            yield "kafka"
        scale = self._config.publishers.time_scale  # a rehearsal's command line has the last word on it
        if replace(config.publishers, time_scale=scale) != self._config.publishers:
            yield "publishers"
        if channel is None:
            yield f"channels[{self._started.name}] (it is gone)"
            return
        names = [field.name for field in fields(Channel) if field.name not in LIVE]
        yield from (
            f"channels[{channel.name}].{name}"
            for name in names
            if getattr(channel, name) != getattr(self._started, name)
        )
