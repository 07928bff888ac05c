"""From a page of orders to the records that are due.  Pure but for what it is handed."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ingest.deadletters import dead_message
from ingest.lines import FindListing, messages, order_message
from ingest.message import Arrival, Message
from ingest.poll.held import Known, LineKey
from ingest.poll.kind import Order, Page, Poll
from ingest.poll.snapshot import Seen, changed, gone
from ingest.webhook import Ignored, NotUnderstood, Refused, TooLarge, unreadable
from schemas.codec import decode
from schemas.records import OrderConfirmed


@dataclass(frozen=True, slots=True, kw_only=True)
class Uncounted:
    """Lines of an order, as of one change of it (milliseconds), that are not ours to count."""

    order: str
    modified: int
    reasons: tuple[Ignored, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Due:
    """What a page gives: states of lines that changed, lines that are gone, dead letters, and what does not count."""

    changed: tuple[OrderConfirmed, ...]
    gone: tuple[OrderConfirmed, ...]
    dead: tuple[Message, ...]
    ignored: tuple[Uncounted, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Memory:
    """What is known beside the page: the listings, and the lines by key and by order."""

    find: FindListing
    newest: Callable[[Iterable[LineKey]], Mapping[LineKey, Known]]
    lines: Callable[[str], Mapping[LineKey, Known]]


def due(kind: Poll[Any], page: Page[Any], arrival: Arrival, asked_at: int, memory: Memory) -> Due:
    """
    Return what is due for a page.

    Args:
        kind: how an order is read.
        page: the orders.
        arrival: the channel and now.
        asked_at: when the page was asked for: nothing later can be in it.
        memory: what is known beside the page.

    """
    some, left = list[OrderConfirmed](), list[OrderConfirmed]()
    ignored = list[Uncounted]()
    dead = [dead_message(refused, arrival) for refused in page.refused]
    for order in page.orders:
        try:
            read = kind.read_order(order.body, asked_at)
            reading = messages(read, arrival, memory.find)
        except (NotUnderstood, TooLarge) as error:
            dead.append(dead_message(_refused(order, error), arrival))
            continue
        if read.ignored:
            ignored.append(Uncounted(order=order.number, modified=order.modified, reasons=read.ignored))
        records = [decode(OrderConfirmed, message.value) for message in reading.orders]
        seen = Seen(
            channel=arrival.channel,
            number=order.number,
            revision=order.modified,
            seen_at=asked_at,
            received_at=arrival.received_at,
        )
        some += changed(records, memory.newest((record.order_id, record.sku) for record in records))
        left += gone(seen, _lines(kind, order), records, memory.lines(order.number))
        dead += reading.dead
    return Due(changed=tuple(some), gone=tuple(left), dead=tuple(dead), ignored=tuple(ignored))


def _lines(kind: Poll[Any], order: Order) -> Sequence[str] | None:
    """Return the ids of an order's lines, None where one of them cannot be read."""
    try:
        return kind.lines(order.body)
    except (NotUnderstood, TooLarge):
        return None


def outgoing(found: Due, arrival: Arrival, already: Callable[[str], bool]) -> list[Message]:
    """Return the messages to send; `already` says whether a dead letter of that id was sent before."""
    lines = [order_message(record, arrival) for record in (*found.changed, *found.gone)]
    return lines + [message for message in found.dead if not already(letter_id(message))]


def letter_id(message: Message) -> str:
    """Return a dead letter's id, as its header names it."""
    return dict(message.headers)["ce_id"].decode()


def _refused(order: Order, error: Exception) -> Refused:
    return unreadable(str(error), order.number)
