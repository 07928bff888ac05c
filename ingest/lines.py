"""
From a channel's lines to our records: which SKU a line is, what a bundle takes, and what cannot be counted.

A listing that is mapped says which SKU is sold, whatever text the channel shows beside it.  Without one, the line's own
SKU counts; without that too the line becomes a dead letter, until its listing arrives.
"""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from ingest.deadletters import dead_message
from ingest.message import Arrival, Message
from ingest.webhook import Headers, Line, NotUnderstood, Reading, Refused, Webhook
from schemas import codec, events, ids
from schemas.channel_records import Listing, Wake
from schemas.compiled import maker
from schemas.records import OrderConfirmed
from schemas.shapes import WireError
from schemas.topics import INGEST_WAKE, ORDER_CONFIRMED
from schemas.words import Reason

_confirmed, _message = maker(OrderConfirmed), maker(Message)
FindListing = Callable[[str, str], Listing | None]
"""The listing of a channel's name and a listing id, None where there is none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Messages:
    """A reading as records: what goes to `order.confirmed`, and why the rest went to `stock.deadletter`."""

    orders: tuple[Message, ...]
    dead: tuple[Message, ...]
    reasons: Mapping[Reason, int]

    @property
    def all(self) -> tuple[Message, ...]:
        """Return every record; they are acknowledged together or not at all."""
        return self.orders + self.dead


def read(kind: Webhook, headers: Headers, body: bytes, now_ms: int) -> Reading:
    """
    Return what a webhook says; what is readable but not an order we understand is refused as a whole.

    Raises `BadPayload` or `TooLarge`.
    """
    try:
        return kind.parse(headers, body, now_ms)
    except NotUnderstood as error:
        return Reading(refused=(Refused(reason=Reason.UNKNOWN_SHAPE, err=str(error), order=""),), poll=True)


def messages(reading: Reading, arrival: Arrival, find: FindListing) -> Messages:
    """Turn a reading into records; a line that cannot be counted becomes a dead letter and stops no other."""
    orders, refused = list[Message](), list(reading.refused)
    for line in (_held(line, arrival) for line in reading.lines):
        try:
            orders += [order_message(record, arrival) for record in confirmed(line, arrival, find)]
        except Unmapped as error:
            refused.append(_refuse(line, Reason.UNMAPPED, str(error)))
        except WireError as error:
            refused.append(_refuse(line, Reason.OUT_OF_RANGE, str(error)))
    dead = tuple(dead_message(item, arrival) for item in refused)
    return Messages(
        orders=tuple(orders), dead=dead, reasons=Counter([item.reason for item in refused]) if refused else {}
    )


def wakes(reading: Reading, arrival: Arrival) -> tuple[Message, ...]:
    """Return what makes the channel's poller read now, where a webhook does not say what an order holds."""
    if not reading.poll:
        return ()
    wake = Wake(channel=arrival.channel, order=reading.order, at=arrival.received_at)
    name = f"{arrival.channel}|{reading.order}@{arrival.body_sha256 or arrival.received_at}"
    told = events.headers(INGEST_WAKE, name, arrival.source, arrival.channel, arrival.received_at)
    return (Message(topic=INGEST_WAKE, key=arrival.channel.encode(), value=codec.encode(wake), headers=told),)


def _held(line: Line, arrival: Arrival) -> Line:
    """Return the line with what it holds at this channel: nothing before it is paid, where the channel wants it so."""
    return replace(line, qty=0) if line.pending and not arrival.hold_pending else line


class Unmapped(Exception):  # noqa: N818 - named for the reaction it demands
    """No SKU and no listing: dead-letter the line until the listing arrives."""


def confirmed(line: Line, arrival: Arrival, find: FindListing) -> list[OrderConfirmed]:
    """Return a line's records: one, or one a component where the listing is a bundle; raises `Unmapped`."""
    listing = find(arrival.channel, line.listing_id) if line.listing_id else None
    for other in line.others if listing is None else ():
        listing = listing or find(arrival.channel, other)
    sku = listing.sku if listing else line.sku
    if not sku:
        raise Unmapped(f"no SKU, and listing {line.listing_id or 'without an id'} is not mapped")
    if listing is None or not listing.components:
        return [_record(line, arrival, sku, sku, line.qty)]
    taken: Counter[str] = Counter()
    for part in listing.components:
        taken[part.sku] += part.qty * line.qty
    return [_record(line, arrival, sku, part, qty) for part, qty in taken.items()]


def _record(line: Line, arrival: Arrival, listing_sku: str, sku: str, qty: int) -> OrderConfirmed:
    return _confirmed(
        sku=sku,
        listing_sku=listing_sku,
        qty=qty,
        channel=arrival.channel,
        order_id=ids.order_id(arrival.channel, line.order, line.line),
        revision=line.revision,
        seen_at=line.seen_at,
        ordered_at=line.ordered_at,
        received_at=arrival.received_at,
    )


def order_message(record: OrderConfirmed, arrival: Arrival) -> Message:
    """Encode a line's state; a redelivery has the same `ce_id`.  Raises `WireError` for a value out of range."""
    value = codec.encode(record)
    name = f"{record.order_id}|{record.sku}@{record.revision}.{record.seen_at}"
    headers = events.headers(
        ORDER_CONFIRMED, name, arrival.source, record.sku, arrival.received_at, arrival.traceparent
    )
    return _message(topic=ORDER_CONFIRMED, key=record.sku.encode(), value=value, headers=headers)


def _refuse(line: Line, reason: Reason, err: str) -> Refused:
    return Refused(reason=reason, err=err, order=line.order, line=line.line, sku=line.sku, qty=line.qty, origin=line)
