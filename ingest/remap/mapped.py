"""
An unmapped line whose listing has come, as records: states for `order.confirmed`, and the end of its letters.  Pure.

The line counts as it would have when it came: the time of receipt is the letter's, so that an order that was too old
then is too old now.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from ingest.lines import FindListing, messages
from ingest.message import Arrival, Message
from ingest.remap.waiting import Stuck
from ingest.webhook import Reading
from schemas import codec, events
from schemas.records import DeadLetter
from schemas.topics import STOCK_DEADLETTER

SOURCE = "/ingest/remap"


@dataclass(frozen=True, slots=True, kw_only=True)
class Mapped:
    """
    What comes of a line: `first` is written and acknowledged before `after`, which ends the dead letters `ids`.

    Killed in between, the line is found again and says the same once more, which changes nothing.
    """

    ids: tuple[str, ...]
    first: tuple[Message, ...]
    after: tuple[Message, ...]


def mapped(stuck: Stuck, find: FindListing, now_ms: int) -> Mapped | None:
    """Return a line's records, None while its listing is not there."""
    channel, listing_id = stuck.place
    listing = find(channel, listing_id)
    if listing is None:
        return None
    letter = stuck.letter
    arrival = Arrival(channel=channel, received_at=letter.at, body_sha256=letter.body_sha256 or "")
    ready = messages(Reading(order=stuck.line.order, lines=(stuck.line,)), arrival, find)
    became = f"counted as {listing.sku}" if ready.orders else f"mapped to {listing.sku}, and {', '.join(ready.reasons)}"
    names = tuple(stuck.ids)
    return Mapped(ids=names, first=ready.all, after=resolutions(letter, names, became, now_ms))


def resolutions(letter: DeadLetter, ids: Sequence[str], became: str, now_ms: int) -> tuple[Message, ...]:
    """Return the records that end a line's dead letters, under the letters' own key."""
    key = letter.sku or letter.order_id or str(letter.channel)
    found = []
    for name in ids:
        record = replace(letter, dead_letter_id=f"{name}-resolved", resolves=name, err=became, at=now_ms)
        told = events.headers(STOCK_DEADLETTER, record.dead_letter_id, SOURCE, key, now_ms)
        found.append(Message(topic=STOCK_DEADLETTER, key=key.encode(), value=codec.encode(record), headers=told))
    return tuple(found)
