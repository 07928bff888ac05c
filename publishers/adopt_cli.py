"""
`python -m publishers adopt CHANNEL`: take a channel's numbers as the first levels.

It reads all that the channel shows, by its limit for reading, and writes a file that `python -m ingest import`
takes; nothing else is written.  That limit is the active publisher's: it reads in its place, and not beside it.  Exit
codes: 0 done, 2 Kafka cannot be asked or the file not written, 3 the channel cannot be read.
"""

import argparse
import asyncio
import os
import sys
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

from confluent_kafka import KafkaException

from publishers.adopting import adopt, file, summary
from publishers.app import setup
from publishers.channels import grant_of
from publishers.credentials import Access, WithheldError
from publishers.delivery import Delivery
from publishers.kind import Swept
from publishers.limiter import Limiter
from publishers.membership import Membership
from publishers.standing_in import TakenError, standing_in
from publishers.tail import Place, Tail, unanswered
from publishers.waiting import spinner
from publishers.work import Setup
from schemas.channel_records import Listing
from schemas.cluster import now_ms
from schemas.config import Secrets
from schemas.records import StockLevel
from schemas.settings import Channel, Config
from schemas.topics import LISTING, STOCK_LEVEL

DONE, FAILED, UNREAD = 0, 2, 3


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.epilog = "Exit codes: 0 done, 2 Kafka cannot be asked or the file not written, 3 the channel cannot be read."
    parser.add_argument("channel", help="its name in the configuration")
    parser.add_argument("--config", help="the deployment's TOML file (or LASTUNIT_CONFIG)")
    parser.add_argument("--all", action="store_true", help="also SKUs that have a level already")
    output = parser.add_mutually_exclusive_group()
    output.add_argument("--dry-run", action="store_true", help="only say what there is to adopt (the default)")
    output.add_argument("--csv", type=Path, metavar="FILE", help="write the file for `python -m ingest import`")


def run(args: argparse.Namespace, config: Config, channel: Channel) -> int:
    """Run the command; returns its exit code."""
    made = setup(config, channel)
    try:
        listings, levels = _tables(config, channel.name)
        with spinner(f"{channel.name} is read"):
            swept = asyncio.run(_read(config, made, channel, listings))
        if swept.err:
            print(f"{channel.name} cannot be read: {swept.err}", file=sys.stderr)
            return UNREAD
        adoption = adopt(listings, swept.seen, made.kind.key, levels, every=args.all)
        if args.csv is not None:
            args.csv.write_text(file(adoption, channel.name), encoding="utf-8")
    except KafkaException as error:
        print(f"nothing was written: {unanswered(config, error)}", file=sys.stderr)
        return FAILED
    except OSError as error:
        print(f"nothing was written: {error}", file=sys.stderr)
        return FAILED
    for line in summary(adoption, channel.name):
        print(line)
    if args.csv is not None:
        print(f"next: python -m ingest import {args.csv}")
    return DONE


def _tables(config: Config, channel: str) -> tuple[list[Listing], dict[str, StockLevel]]:
    """Return the channel's listings and all levels; raises `KafkaException`."""
    listings: dict[Place, Listing] = {}
    levels: dict[str, StockLevel] = {}
    with closing(Tail(config, {LISTING: Listing, STOCK_LEVEL: StockLevel}, "adopt")) as tail:
        tail.from_start()
        for place, record in tail.places_and_records():
            if isinstance(record, StockLevel):
                levels[record.sku] = record
            elif isinstance(record, Listing) and record.channel == channel:
                listings[place] = record
            elif record is None:
                listings.pop(place, None)
    return [*listings.values()], levels


async def _read(config: Config, made: Setup, channel: Channel, listings: Sequence[Listing]) -> Swept:
    try:
        async with standing_in(config, channel.name) as place:
            return await read_all(made, channel, listings, place)
    except TakenError as error:
        return Swept(seen=(), err=str(error))


async def read_all(made: Setup, channel: Channel, listings: Sequence[Listing], place: Membership) -> Swept:
    """Read all that the channel shows; a reason instead where it cannot be read, or is owned by another meanwhile."""
    limiter = Limiter(made.limits, now_ms())
    conversation = made.kind.sweep(made.account, listings)
    async with Delivery(channel.base_url) as delivery:
        secrets = Secrets(os.environ)
        access = Access(channel, made.kind, grant_of(channel, secrets), secrets, delivery)
        try:
            request = next(conversation)
            while True:
                cost, now = limiter.cost(request.bucket, request.cost), now_ms()
                at = now + max(request.after_ms, limiter.wait(request.bucket, cost, now))
                await asyncio.sleep((at - now) / 1_000)
                if not place.owned:
                    return Swept(seen=(), err="a publisher has become active meanwhile")
                limiter.spend(request.bucket, cost, max(at, now_ms()))
                request = conversation.send(await access.send(request, made.call_timeout_ms))
        except StopIteration as end:
            swept: Swept = end.value
            return swept
        except WithheldError as error:
            return Swept(seen=(), err=str(error), credentials=True)
