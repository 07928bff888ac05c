"""What comes in from the topics, and to whom it goes."""

import logging
from collections.abc import Callable

from publishers.controller import Controller
from publishers.reader import Item
from schemas.channel_records import ChannelLevel, Incident, Listing, PublisherCommand, Watermark
from schemas.cluster import now_ms
from schemas.records import OrderOutcome, StockLevel
from schemas.topics import LISTING
from schemas.words import Command

ONCE = (Command.REPLAY, Command.DISCARD, Command.BRAKE_RELEASE, Command.RECONCILE)
"""The commands that are executed once, by whoever is active, and not folded into how things stand."""
log = logging.getLogger(__name__)


class Intake:
    """Hands records on; `executed` is the offset below which commands are executed, `done` the same until written."""

    def __init__(self, controller: Controller, channel: str, incident: Callable[[Incident], None]) -> None:
        """Start with nothing executed."""
        self.controller = controller
        self.channel = channel
        self.executed = 0
        self.done: int | None = None
        self._incident = incident
        self._replays: list[tuple[int, PublisherCommand]] = []

    def begin(self) -> None:
        """Be the one that executes: what came while nobody did, and no owner before us has done."""
        for offset, command in self._replays:
            if offset >= self.executed:
                self._execute(offset, command)

    def take(self, item: Item, now: int) -> None:
        """Hand a record to the controller."""
        controller, value = self.controller, item.value
        match value:
            case StockLevel():
                controller.level(value, now)
            case OrderOutcome():
                controller.outcome(value, item.offset, now)
            case ChannelLevel():
                controller.observed(value)
            case Watermark():
                controller.watermark(value, now)
            case Incident():
                self._incident(value)
            case PublisherCommand():
                self._command(item.offset, value)
            case Listing() | None if item.topic == LISTING:
                self._listing(item, now)

    def _listing(self, item: Item, now: int) -> None:
        channel, _, listing_id = item.key.decode(errors="replace").partition("|")
        if channel != self.channel or not listing_id:
            return
        if item.value is not None and not self._addressed(item.value):
            place = f"{item.topic}[{item.partition}]@{item.offset}"
            log.error("a listing without its channel's own ids is left out", extra={"place": place})
            return
        self.controller.listing(listing_id, item.value, item.partition, now)

    def _addressed(self, listing: Listing) -> bool:
        """Return whether the kind finds in a listing what it is told by: one that has it not must not end each life."""
        kind = self.controller.setup.kind
        try:
            return bool(kind.key(listing)) and kind.group(listing) is not None
        except LookupError:
            return False

    def _command(self, offset: int, command: PublisherCommand) -> None:
        if self.controller.active:
            self._execute(offset, command)
        elif command.command in ONCE:
            self._replays.append((offset, command))
        else:
            self.controller.command(command, now_ms())

    def _execute(self, offset: int, command: PublisherCommand) -> None:
        log.info("command", extra={"command": command.command, "sku": command.sku, "actor": command.actor})
        self.controller.command(command, now_ms())
        self.done = self.executed = offset + 1
