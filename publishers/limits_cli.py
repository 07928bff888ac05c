"""`python -m publishers limits`: what one reads everywhere, what is documented, and what this configuration gives."""

import argparse
import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass

from publishers.channels import KINDS
from publishers.presets import DAY_MS, ORDERS, PRESETS, RULES_OF_THUMB
from publishers.push import READ, TELL
from publishers.shares import limits_of
from publishers.table import table
from publishers.windows import Window
from schemas.config import ConfigError, config_path, load
from schemas.settings import Channel, Config, Kafka, Kind

HEADS = ("channel", "kind", "bucket", "rule of thumb", "documented", "given")
NAMES: Mapping[str, str] = {TELL: "tells", READ: "read-backs"}
UNITS = (("day", DAY_MS), ("h", 3_600_000), ("min", 60_000), ("s", 1_000), ("ms", 1))
POLLERS = "the poller's own"
"""What the order poll takes where the configuration says nothing: its kind's figures stand with the poller."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One bucket of one channel, or of a kind where there is no configuration; `given` None is the poller's own."""

    channel: str
    kind: str
    bucket: str
    thumb: Window | None
    documented: tuple[Window, ...]
    ours: bool
    page: str
    given: tuple[Window, ...] | None

    def cells(self) -> tuple[str, ...]:
        """Return the line's texts, in the order of `HEADS`."""
        documented = ", ".join(map(text, self.documented))
        return (
            self.channel,
            self.kind,
            NAMES.get(self.bucket, self.bucket),
            text(self.thumb) if self.thumb else "-",
            f"none; in all {documented}" if self.ours else documented or "-",
            POLLERS if self.given is None else ", ".join(map(text, self.given)),
        )


def text(window: Window) -> str:
    """Return a limit as one says it: `5/s burst 5`, `10,000 in any day`, `250 in any day per listing`."""
    count = f"{window.amount:,}{' points' if window.points else ''}"
    if window.rolling:
        shown = f"{count} in any {_time(window.per_ms)}"
    elif window.per_ms % DAY_MS == 0:
        shown = f"{count} in {_time(window.per_ms)} burst {window.burst:,}"
    else:
        rate = f"{window.amount * 1_000 / window.per_ms:.4f}".rstrip("0").rstrip(".")
        shown = f"{rate}{' points' if window.points else ''}/s burst {window.burst:,}"
    return shown + (" per listing" if window.per_listing else "")


def _time(per_ms: int) -> str:
    """Return a time as a number of the largest unit that fits."""
    unit, size = next((unit, size) for unit, size in UNITS if per_ms % size == 0)
    return unit if per_ms == size else f"{per_ms // size} {unit}"


def lines(config: Config | None) -> Iterator[Line]:
    """Yield every bucket of every channel that is told levels; of every kind where there is no configuration."""
    bare = Config(kafka=Kafka(bootstrap="-"))
    channels = config.channels if config else [Channel(name=name, kind=Kind(name), since=0) for name in sorted(KINDS)]
    for channel in channels:
        if channel.kind in KINDS:
            limits = limits_of(channel, KINDS[channel.kind], config or bare)
            orders = [
                Window(amount=one.calls, per_ms=one.per_ms, burst=one.burst, points=one.points, rolling=one.rolling)
                for one in channel.orders_limit
            ]
            for bucket in (*limits, ORDERS):
                yield _line(channel, bucket, limits.get(bucket, tuple(orders) or None), named=config is not None)


def _line(channel: Channel, bucket: str, given: tuple[Window, ...] | None, *, named: bool) -> Line:
    presets = [one for one in PRESETS.get(channel.kind, ()) if bucket in one.buckets]
    vendors = [one for one in presets if not one.ours]
    return Line(
        channel=channel.name if named else "-",
        kind=channel.kind,
        bucket=bucket,
        thumb=RULES_OF_THUMB.get(channel.kind),
        documented=tuple(window for one in vendors or presets for window in one.windows),
        ours=not vendors,
        page=presets[0].page if presets else "",
        given=given,
    )


def add_arguments(command: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    command.add_argument("--config", help="show this configuration's channels; without one, the kinds")
    command.add_argument("--json", action="store_true", help="as JSON, with the vendors' pages")


def run(args: argparse.Namespace) -> int:
    """Print the limits."""
    found = list(lines(_configuration(args.config)))
    if args.json:
        print(json.dumps([asdict(line) for line in found], indent=2))
    else:
        print("\n".join(table([HEADS, *(line.cells() for line in found)])))
    return 0


def _configuration(argument: str | None) -> Config | None:
    try:
        path = config_path(argument, os.environ)
    except ConfigError:
        return None  # none was named, and the kinds' own limits are an answer too
    return load(path)
