"""
What becomes of one message: records for the channel it is about, or a dead letter.  Pure.

A queue may hold notifications of several sellers; each goes to the channel whose `alias` it names.  A body that cannot
be read is dead-lettered with its hash, and so is one of a seller whom nobody here knows: keeping it in the queue would
bring it back for ever.  Either makes the poller of this process's channel look: an `alias` may be mistyped.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256

from ingest.channels import WEBHOOKS
from ingest.lines import FindListing, Messages, messages, read, wakes
from ingest.message import Arrival, Message
from ingest.webhook import BadPayload, Reading, Refused, TooLarge
from schemas.config import Channel
from schemas.words import Reason


@dataclass(frozen=True, slots=True, kw_only=True)
class Seats:
    """Who may be meant: the channel of this process, the others by their alias (lower case), and the listings."""

    own: Channel
    others: Mapping[str, Channel]
    find: FindListing
    lines_max: int

    def channel(self, account: str) -> Channel | None:
        """Return whose message it is; one that names nobody is our own."""
        return self.own if account in ("", self.own.alias.lower()) else self.others.get(account)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sorted:
    """What a message gives: all its records, and what is counted once they are in Kafka."""

    channel: str
    reading: Reading
    ready: Messages
    records: tuple[Message, ...]


def sort(body: bytes, seats: Seats, now_ms: int, traceparent: str) -> Sorted:
    """
    Return what becomes of a message; never raises, whatever the body holds.

    Args:
        body: the message's body.
        seats: who may be meant.
        now_ms: when it was received.
        traceparent: the trace that begins with it.

    """
    account = WEBHOOKS[seats.own.kind].account({}, body)
    channel = seats.channel(account)
    whose = channel or seats.own
    arrival = Arrival(
        channel=whose.name,
        received_at=now_ms,
        body_sha256=sha256(body).hexdigest(),
        traceparent=traceparent,
        hold_pending=whose.hold_pending,
    )
    reading = (
        _refuse(Reason.REJECTED, "a seller whom no channel here is") if channel is None else _read(body, seats, now_ms)
    )
    ready = messages(reading, arrival, seats.find)
    return Sorted(channel=whose.name, reading=reading, ready=ready, records=(*ready.all, *wakes(reading, arrival)))


def _read(body: bytes, seats: Seats, now_ms: int) -> Reading:
    try:
        reading = read(WEBHOOKS[seats.own.kind], {}, body, now_ms)
    except (BadPayload, TooLarge) as error:
        return _refuse(Reason.UNDECODABLE, str(error))
    many = len(reading.lines)
    return reading if many <= seats.lines_max else _refuse(Reason.OUT_OF_RANGE, f"{many} lines")


def _refuse(reason: Reason, err: str) -> Reading:
    return Reading(refused=(Refused(reason=reason, err=err, order=""),), poll=True)
