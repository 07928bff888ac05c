"""What could not be used, as a record: ids and the body's hash, never the body, since no customer data enters Kafka."""

from hashlib import sha256
from typing import Any

from ingest.message import Arrival, Message
from ingest.webhook import Refused
from schemas import codec, events, ids
from schemas.records import DeadLetter
from schemas.topics import STOCK_DEADLETTER
from schemas.words import Reason

ERROR_CHARS_MAX = 250
"""How much of an error's sentence a dead letter carries; 1,000 bytes at most in UTF-8."""
ORDER_ID_BYTES_MAX = 1_000
SKU_BYTES_MAX = 255
QTY_MAX = 10**12


def dead_message(refused: Refused, arrival: Arrival) -> Message:
    """Encode a dead letter: ids, SKU, quantity, reason and the body's hash, nothing else that the channel said."""
    order_id = ids.order_id(arrival.channel, refused.order, refused.line) if refused.order else None
    letter = DeadLetter(
        dead_letter_id=_letter_id(refused, arrival),
        reason=refused.reason,
        err=refused.err[:ERROR_CHARS_MAX],
        at=arrival.received_at,
        channel=arrival.channel,
        sku=refused.sku if 0 < len(refused.sku.encode()) <= SKU_BYTES_MAX else None,
        order_id=order_id if order_id and len(order_id.encode()) <= ORDER_ID_BYTES_MAX else None,
        qty=refused.qty if refused.qty is not None and refused.qty <= QTY_MAX else None,
        body_sha256=arrival.body_sha256 or None,
        **_later(refused),
    )
    key = letter.sku or letter.order_id or arrival.channel
    headers = events.headers(STOCK_DEADLETTER, letter.dead_letter_id, arrival.source, key, arrival.received_at)
    return Message(topic=STOCK_DEADLETTER, key=key.encode(), value=codec.encode(letter), headers=headers)


def _later(refused: Refused) -> dict[str, Any]:
    """Return what an unmapped line needs to be counted once its listing arrives."""
    line = refused.origin
    if line is None or refused.reason is not Reason.UNMAPPED or not 0 < len(line.listing_id.encode()) <= SKU_BYTES_MAX:
        return {}
    times = {"revision": line.revision, "seen_at": line.seen_at, "ordered_at": line.ordered_at}
    return {"listing_id": line.listing_id, **times}


def _letter_id(refused: Refused, arrival: Arrival) -> str:
    """Name a dead letter so that the same delivery gives the same name, however often it comes."""
    parts = [arrival.channel, arrival.body_sha256, refused.order, refused.line, refused.reason, refused.err]
    if not arrival.body_sha256 and refused.origin is not None:
        # A poll has no body, and its line may change while it is unmapped: each state is another letter.
        parts += [str(refused.origin.revision), str(refused.qty)]
    return sha256("\0".join(parts).encode()).hexdigest()[:32]
